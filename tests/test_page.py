"""The page in a real browser, from a file without a network: it works, without its script too, and for everybody."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from compiler.changes import Change, Diff, Side
from compiler.picture import NoPicture, draw_svg
from compiler.report_html import render_html
from tests.browser import allow_scripts, choose_colors, find_barriers, read_console, resize
from tests.diffs_by_hand import changed, diff_of, resource, review_of_orders

pytestmark = pytest.mark.skipif(shutil.which("dot") is None, reason="no graphviz here: apt-get install graphviz")
HOSTILE = '</script><img src=x onerror=alert(1)>"\\'


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    chromium.get("about:blank")
    read_console(chromium)
    resize(chromium, 1280, 900)
    choose_colors(chromium, "light")
    yield chromium
    allow_scripts(chromium, True)


def open_page(browser: Chrome, folder: Path, diff: Diff, draw: Callable[[str], str] = draw_svg) -> None:
    page = folder / "review.html"
    page.write_text(render_html(diff, draw=draw), "utf-8")
    browser.get(page.as_uri())


def unfold(browser: Chrome) -> None:
    browser.execute_script("document.querySelectorAll('details').forEach(box => box.open = true)")


def shown_changes(browser: Chrome) -> int:
    return sum(item.is_displayed() for item in browser.find_elements(By.CSS_SELECTOR, ".thing > ul > li"))


def wait_for(browser: Chrome, words: str) -> None:
    WebDriverWait(browser, 10).until(lambda _: words == browser.find_element(By.ID, "shown").text)


def test_the_page_opens_from_a_file_and_nothing_is_said_in_the_console(browser: Chrome, tmp_path: Path) -> None:
    hostile = changed(HOSTILE, HOSTILE, before=HOSTILE, after=[HOSTILE], type=HOSTILE, reasons=(HOSTILE,))
    for diff in (review_of_orders(), diff_of({}, {}), diff_of({HOSTILE: resource(HOSTILE)}, {}, hostile)):
        open_page(browser, tmp_path, diff)
        assert [] == read_console(browser)
        assert [] == browser.find_elements(By.TAG_NAME, "img")
        assert bool(diff.changes) == bool(browser.find_elements(By.CSS_SELECTOR, "figure svg .node"))


def test_filters_leave_what_was_asked_for_and_say_how_much_that_is(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, review_of_orders())
    wait_for(browser, "9 changes")
    for name, choice, words in [
        ("behavior", "data loss", "1 of 9 changes"),
        ("behavior", "no interruption", "5 of 9 changes"),
        ("kind", "renamed", "1 of 9 changes"),
        ("where", "staging", "1 of 9 changes"),
    ]:
        Select(browser.find_element(By.NAME, name)).select_by_visible_text(choice)
        wait_for(browser, words)
        assert int(words.split()[0]) == shown_changes(browser)
        browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
        wait_for(browser, "9 changes")
    browser.find_element(By.NAME, "security").click()
    wait_for(browser, "1 of 9 changes")
    browser.find_element(By.NAME, "security").click()
    browser.find_element(By.NAME, "text").send_keys("SERVICE.yml:20 delay")
    wait_for(browser, "1 of 9 changes")


def test_a_node_of_the_picture_leads_to_its_change_whatever_is_filtered(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, review_of_orders())
    Select(browser.find_element(By.NAME, "where")).select_by_visible_text("staging")
    wait_for(browser, "1 of 9 changes")
    unfold(browser)
    browser.find_element(By.XPATH, "//*[name()='a'][.//*[text()='Orders']]").click()
    wait_for(browser, "9 changes")
    assert "Orders" == browser.switch_to.active_element.find_element(By.TAG_NAME, "h3").text
    top = browser.execute_script("return document.activeElement.getBoundingClientRect().top")
    assert 0 <= top < 900


def test_without_scripts_everything_is_there_and_links_lead_to_it(browser: Chrome, tmp_path: Path) -> None:
    allow_scripts(browser, False)
    open_page(browser, tmp_path, review_of_orders())
    assert not browser.find_element(By.ID, "filters").is_displayed()
    for summary in browser.find_elements(By.CSS_SELECTOR, ".calm > summary, .pictured > summary"):
        summary.click()
    assert 9 == shown_changes(browser)
    browser.find_element(By.XPATH, "//*[name()='a'][.//*[text()='Orders']]").click()
    target = browser.find_element(By.CSS_SELECTOR, ".thing:target")
    assert "Orders" == target.find_element(By.TAG_NAME, "h3").text


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_width_makes_the_page_scroll_sideways(browser: Chrome, tmp_path: Path, width: int) -> None:
    resize(browser, width, 800)
    long = changed("A" * 200, "B" * 300, before="C" * 3_000, after="D" * 150, type="E" * 100)
    for diff in (review_of_orders(), diff_of({"A" * 200: resource()}, {}, long)):
        open_page(browser, tmp_path, diff)
        unfold(browser)
        # What is not drawn while it is out of sight is cut off instead of making the page wider.
        boxes = "return [document.documentElement, ...document.querySelectorAll('.thing')]"
        wide = f"{boxes}.filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerText)"
        assert [] == browser.execute_script(wide)
        assert width == browser.execute_script("return innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nobody_is_kept_out(browser: Chrome, tmp_path: Path, scheme: str, width: int) -> None:
    resize(browser, width, 900)
    choose_colors(browser, scheme)
    open_page(browser, tmp_path, review_of_orders())
    unfold(browser)
    assert [] == find_barriers(browser)


def test_a_handful_of_changes_needs_no_filters(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, diff_of({}, {}, *(changed(name, "X") for name in "ABC")))
    assert not browser.find_element(By.ID, "filters").is_displayed()
    open_page(browser, tmp_path, diff_of({}, {}, *(changed(name, "X") for name in "ABCD")))
    assert browser.find_element(By.ID, "filters").is_displayed()


def test_a_link_of_a_change_opens_the_picture_at_its_node(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, review_of_orders())
    browser.find_element(By.XPATH, "//article[h3='Orders']//a[starts-with(., 'picture')]").click()
    WebDriverWait(browser, 10).until(lambda _: "a" == browser.switch_to.active_element.tag_name)
    assert "Orders" in browser.switch_to.active_element.text
    middle = browser.execute_script("return document.activeElement.getBoundingClientRect().top")
    assert 0 <= middle < 900


def draw_nothing(text: str) -> str:
    raise NoPicture("`dot` of graphviz is not installed")


def test_nobody_is_kept_out_where_there_is_no_picture_no_change_or_a_new_stack(browser: Chrome, tmp_path: Path) -> None:
    came = Change("production", "production/template.json", (), "added", None, {}, security=("iam-widened",))
    new = Diff(Side("nothing", {}), review_of_orders().after, (came,))
    for diff, draw in [(review_of_orders(), draw_nothing), (diff_of({}, {}), draw_svg), (new, draw_svg)]:
        open_page(browser, tmp_path, diff, draw)
        unfold(browser)
        assert [] == find_barriers(browser)


def test_a_barrier_would_be_found(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, review_of_orders())
    browser.execute_script("document.querySelector('#filters label').replaceWith(document.querySelector('select'))")
    browser.execute_script("document.querySelector('h1').style.color = '#ddd'")
    assert {"select-name", "color-contrast"} == {each.split(":")[0] for each in find_barriers(browser)}


def test_every_control_is_reached_by_the_keyboard_and_seen(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, review_of_orders())
    reached = []
    for _ in range(60):
        browser.switch_to.active_element.send_keys("\ue004")
        element = browser.switch_to.active_element
        if element.tag_name == "body":
            break
        outline = element.value_of_css_property("outline-style")
        reached.append((element.get_attribute("name") or element.get_attribute("class") or element.tag_name, outline))
    names = [str(name) for name, _ in reached]
    assert "skip" == names[0]
    assert ["behavior", "kind", "where", "text", "security"] == [
        each for each in names if each in ("behavior", "kind", "where", "text", "security")
    ]
    assert {"solid"} <= {outline for _, outline in reached} and "none" not in {outline for _, outline in reached}


def test_five_thousand_changes_are_filtered_at_once(browser: Chrome, tmp_path: Path) -> None:
    changes = [changed(f"Queue{number:04}", "Properties", "Delay", after=number) for number in range(5_000)]
    open_page(browser, tmp_path, diff_of({f"Queue{number:04}": resource() for number in range(5_000)}, {}, *changes))
    wait_for(browser, "5000 changes")
    took = browser.execute_async_script(
        "const done = arguments[0], begun = performance.now(), field = document.querySelector('[name=text]');"
        "new MutationObserver(() => done(performance.now() - begun)).observe(shown, {childList: true});"
        "field.value = 'queue4321'; field.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    assert "1 of 5000 changes" == browser.find_element(By.ID, "shown").text
    assert took < 3_000, f"it took {took} ms"
