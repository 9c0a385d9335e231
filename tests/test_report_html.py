"""The page, read as text: it is one file, the same each time, and nothing that a template says becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from compiler.changes import Change, Diff, Side
from compiler.diagnostics import Diagnostic
from compiler.model import Json
from compiler.picture import NoPicture
from compiler.report_graph import LOOKS
from compiler.report_html import render_fault_page, render_html
from tests.diffs_by_hand import changed, diff_of, origin, resource, review_of_orders

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></script><base href=//x>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "\x00\x1b[31m\u202e",
]


def draw(text: str) -> str:
    """Stand in for graphviz: what it is given is not what is looked at here."""
    return "<svg><title>drawn</title></svg>"


def refuse(text: str) -> str:
    raise NoPicture("`dot` of graphviz is not installed")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_the_page_is_made_of_nothing_but_itself_and_says_so_to_the_browser() -> None:
    page = render_html(review_of_orders(), draw=draw)
    links = [
        value for _, attributes in read(page).tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert [] == [link for link in links if not str(link).startswith(("#", "data:,"))]
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    for tag in ("style", "script"):
        [inner] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;;") and "unsafe" not in policy


@pytest.mark.parametrize("said", HOSTILE)
def test_what_a_template_says_is_text(said: str) -> None:
    told: dict[str, Json] = {"type": said, "reasons": (said,), "security": (said,), "environment": said}
    change = changed(said, said, before=said, after={said: said * 200}, **told)
    quiet = changed("A", "X", environment=said)
    facts: dict[str, Json] = {"service": said}
    expected, found = (
        [(tag, sorted(attributes)) for tag, attributes in read(render_html(diff, draw=draw)).tags]
        for diff in (
            diff_of(
                {},
                {},
                changed("A", "X", before="a", after={"a": "a" * 2_000}, type="a", reasons=("a",), security=("a",)),
            ),
            diff_of({}, {}, change, facts=facts),
        )
    )
    assert expected == found
    page = render_html(diff_of({}, {}, change, quiet), draw=draw)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)


def test_no_page_shows_a_credential() -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    told: dict[str, Json] = {"type": secret, "reasons": (secret,), "security": (secret,)}
    change = changed(secret, secret, before=secret, after=[secret, "x" * 1_000], within=(changed("A", secret),), **told)
    diff = diff_of({secret: resource(secret)}, {secret: resource()}, change, facts={"service": secret})
    assert secret not in render_html(diff, draw=lambda text: f"<svg>{text}</svg>")


def test_a_value_of_many_lines_is_folded_and_one_without_end_cut() -> None:
    page = read(render_html(diff_of({}, {}, changed("A", "X", before="a\nb", after="c" * 90_000)), draw=draw)).text
    assert "a\nb" in page and "c" * 4_900 in page and "more characters" in page
    assert len(page) < 20_000


def test_the_page_links_each_resource_of_the_picture_to_its_changes() -> None:
    drawn: list[str] = []

    def keep(text: str) -> str:
        drawn.append(text)
        return ""

    page = render_html(review_of_orders(), draw=keep)
    [link] = re.findall(r'"NewName" \[.*URL="#([\w-]+)"', drawn[0])
    [name] = re.findall(rf'id="{link}".*\n<h3 [^>]*>(.*)</h3>', page)
    assert "OldName -&gt; NewName" == name
    assert '"Far" [' in drawn[0] and "URL" not in drawn[0].partition('"Far" [')[2].partition("\n")[0]


def test_each_resource_of_a_stack_that_comes_whole_leads_to_that_change() -> None:
    both = diff_of({}, {"A": resource(), "B": resource()})
    came = Change("production", "production/template.json", (), "added", None, {"Resources": {}})
    drawn: list[str] = []

    def keep(text: str) -> str:
        drawn.append(text)
        return ""

    page = render_html(Diff(Side("nothing", {}), both.after, (came,)), draw=keep)
    assert 2 == drawn[0].count('URL="#thing-0"') and 1 == page.count('id="thing-0"')


def test_without_a_picture_the_page_says_why_and_shows_the_connections() -> None:
    page = read(render_html(review_of_orders(), draw=refuse)).text
    assert "There is no picture here, because `dot` of graphviz is not installed" in page
    assert re.search(r"Files\s+\(AWS::S3::Bucket, \? may be replaced, ! security\)\s+refers to Orders", page)


def test_no_change_makes_a_page_without_filters() -> None:
    tags = [tag for tag, _ in read(render_html(diff_of({}, {}), draw=draw)).tags]
    assert not {"form", "script", "svg", "table"} & set(tags)


def test_the_same_diff_gives_the_same_bytes() -> None:
    assert render_html(review_of_orders(), draw=draw) == render_html(review_of_orders(), draw=draw)


@pytest.mark.parametrize(
    ("count", "reach", "changing", "drawn", "said"),
    [
        (30, 1, 1, [30], "30 resources of 30"),
        (200, 1, 1, [2, 200], "2 resources of 200: all that changes, and what is connected to it."),
        (201, 1, 1, [2], "2 resources of 201"),
        (401, 1, 401, [], "401 resources with 400 connections are more than a picture can show"),
        (80, 24, 30, [30], "30 resources of 80: only those that change."),
        (120, 12, 120, [], "120 resources with 1362 connections are more"),
    ],
)
def test_a_picture_shows_as_much_as_can_be_seen(
    count: int, reach: int, changing: int, drawn: list[int], said: str
) -> None:
    resources = {f"A{n:03}": resource(X=[{"Ref": f"A{n + at:03}"} for at in range(1, reach + 1)]) for n in range(count)}
    changes = [changed(f"A{n:03}", "Properties", "Y") for n in range(changing)]
    texts: list[str] = []

    def keep(text: str) -> str:
        texts.append(text)
        return ""

    page = read(render_html(diff_of(resources, resources, *changes), draw=keep)).text
    assert drawn == [text.count("shape=") for text in texts]
    assert said in page


def test_the_worst_stands_open_before_all_pictures_and_the_rest_folded() -> None:
    page = render_html(review_of_orders(), draw=draw)
    places = [
        page.index(words)
        for words in (
            'class="verdict data-loss"',
            ">Orders</h3>",
            '<details class="calm">',
            ">source.tar.gz</h3>",
            "<svg",
        )
    ]
    assert sorted(places) == places
    assert "open" not in page[page.index('<details class="pictured"') :].partition(">")[0]


def test_a_change_leads_to_its_node_in_the_picture() -> None:
    drawn: list[str] = []

    def keep(text: str) -> str:
        drawn.append(text)
        return ""

    page = render_html(review_of_orders(), draw=keep)
    [anchor] = re.findall(r'"Orders" \[.* id="(at-0-\w+)"', drawn[0])
    assert f'<a href="#{anchor}">picture<span class="hidden"> with Orders</span></a>' in page
    assert 'href="#at-' not in render_html(review_of_orders(), draw=refuse)


def test_the_same_change_of_several_environments_is_one_card() -> None:
    changes = [
        changed("A", "X", before=f"a.{name}", after=f"b.{name}", environment=name) for name in ("production", "staging")
    ]
    page = render_html(diff_of({}, {}, *changes), draw=draw)
    assert 1 == page.count("<article") and "production, staging" in page and 'data-count="2"' in page


def test_a_first_deployment_is_counted_by_type() -> None:
    after = {"Resources": {"A": resource(), "B": resource()}}
    came = Change("production", "production/template.json", (), "added", None, after)
    page = read(render_html(Diff(Side("nothing", {}), diff_of({}, {}).after, (came,)), draw=draw)).text
    assert "First deployment of production: 2 resources to create" in page and "2 AWS::SQS::Queue" in page


def test_a_page_of_faults_says_what_is_at_fault_and_is_nothing_but_text() -> None:
    for said in HOSTILE:
        page = render_fault_page([Diagnostic("D201", said, origin(said).span, said)], prefix="shop")
        expected = render_fault_page([Diagnostic("D201", "a", origin("a").span, "a")], prefix="shop")
        assert [tag for tag, _ in read(expected).tags] == [tag for tag, _ in read(page).tags]
    assert "error D201 at a:12" in " ".join(
        read(render_fault_page([Diagnostic("D201", "a", origin("a").span)])).text.split()
    )


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_words_of_a_picture_are_read_on_every_surface_and_its_lines_seen(scheme: int) -> None:
    page = render_html(review_of_orders(), draw=draw)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", page.split("@media screen")[scheme].split("* {")[0]))
    papers = [name for name in colors if name.endswith("-paper")]
    assert 7 == len(papers)
    unread = [name for name in ("paper", "sheet", *papers) if contrast(colors["ink"], colors[name]) < 4.5]
    unseen = [name for name in papers if contrast(colors[name.removesuffix("-paper")], colors["paper"]) < 3]
    assert ([], []) == (unread, unseen)


def test_the_colors_of_a_picture_alone_are_read_and_seen() -> None:
    for look in LOOKS.values():
        assert contrast("#111827", look.fill) >= 4.5 and contrast(look.line, "#ffffff") >= 3
