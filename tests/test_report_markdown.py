"""Markdown: a comment that says the worst first, fits into GitHub's box and calls nobody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from compiler.changes import Diff
from compiler.diagnostics import Diagnostic
from compiler.model import Json
from compiler.report_markdown import MOST_CHARACTERS, render_faults, render_markdown
from tests.diffs_by_hand import BUCKET, TABLE, changed, diff_of, origin, resource

HOSTILE = [
    "`@octocat`",
    "@octocat #1 GH-2 org/repo#3",
    "``` \n## heading",
    "</details><img src=x onerror=y>",
    "a | b | [link](https://example.com) ![](x)",
    "` `` ```",
    "<!-- flagstone diff other -->",
    "*bold* _x_ ~~y~~ \\`",
]


def sample() -> Diff:
    resources = {"Orders": resource(TABLE), "Files": resource(BUCKET), "Jobs": resource()}
    key: dict[str, Json] = {"type": TABLE, "behavior": "replacement", "is_data_loss": True}
    key["reasons"] = ("`KeySchema` cannot be changed in place",)
    return diff_of(
        resources,
        resources,
        changed("Jobs", "Properties", "DelaySeconds", before=0, after=5),
        changed("Jobs", "Properties", "DelaySeconds", before=0, after=5, environment="staging"),
        changed(
            "Files", "Properties", "Policy", type=BUCKET, security=("exposure-widened",), reasons=("anybody may read",)
        ),
        changed("Orders", "Properties", "KeySchema", 0, before="id", after="pk", origin=origin(), **key),
        facts={"service": "orders"},
    )


def test_the_verdict_stands_first_what_is_risky_open_and_the_rest_folded() -> None:
    assert """\
<!-- flagstone diff orders -->

### 🔴 `orders`: Data is lost by 1 change; also 1 security finding, 2 other changes

`release 1` → `working tree`

- **data loss**, **replacement**, changed: `Orders` (`AWS::DynamoDB::Table`) in `production`
  - `Properties.KeySchema.0`: `"id"` → `"pk"`
  - `KeySchema` cannot be changed in place
  - at `shop/service.yml:12`
- **security: exposure widened**, changed: `Files` (`AWS::S3::Bucket`) in `production`
  - `Properties.Policy`: `1` → `2`
  - anybody may read

<details><summary>1 change without interruption</summary>

- changed: `Jobs` (`AWS::SQS::Queue`) in `production`, `staging`
  - `Properties.DelaySeconds`: `0` → `5`

</details>
""" == render_markdown(sample(), prefix="shop/").partition("\n<details><summary>What")[0]


def test_what_is_connected_is_drawn_for_each_environment() -> None:
    text = render_markdown(sample())
    assert 2 == text.count("```mermaid\nflowchart LR\n")
    assert "`staging`\n\n```mermaid" in text
    assert text.count("<details>") == text.count("</details>") == 3


def test_nothing_is_said_of_no_changes() -> None:
    text = render_markdown(diff_of({}, {}))
    assert "<!-- flagstone diff -->\n\n### ⚪ Nothing changes\n\n`release 1` → `working tree`\n\n" == text


def test_an_added_and_a_removed_value_are_told_apart_and_a_whole_resource_is_named_alone() -> None:
    diff = diff_of(
        {},
        {},
        changed("A", "Properties", "X", kind="added", before=None, type=None),
        changed("B", "Properties", "X", kind="removed", after=None, type=None),
        changed("C", kind="added", before=None, after=resource(), type=None),
        changed("D", renamed_to="E", type=None, behavior="replacement"),
    )
    text = render_markdown(diff)
    assert "- changed: `A` in `production`\n  - `Properties.X`: added `2`\n" in text
    assert "- changed: `B` in `production`\n  - `Properties.X`: removed `1`\n" in text
    assert "- added: `C` in `production`\n-" not in text and "- added: `C` in `production`\n" in text
    assert "- **replacement**, renamed: `D -> E` in `production`\n" in text


@pytest.mark.parametrize("said", HOSTILE)
def test_a_hostile_value_is_nothing_but_code(said: str) -> None:
    change = changed(
        said, said, before=said, after={said: said}, type=said, reasons=(said, f"`{said}` is new"), security=(said,)
    )
    calm = changed("B", said, reasons=(said,))
    text = render_markdown(diff_of({said: resource(said)}, {}, change, calm, facts={"service": said}))
    assert re.fullmatch(r"<!-- flagstone diff(?!.*--.*-->)[\w %/.~-]* -->", text.splitlines()[0])
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    [html] = {tuple(re.findall("<[^>]*>", block.content)) for block in blocks if block.type == "html_block"} - {
        (text.splitlines()[0],),
        ("</details>",),
    }
    assert ("<details>", "<summary>", "</summary>") == html
    inside = [token for block in blocks for token in block.children or ()]
    assert {"text", "code_inline", "softbreak", "strong_open", "strong_close"} >= {token.type for token in inside}
    plain = " ".join(token.content for token in inside if token.type == "text")
    assert not re.search(r"[@#<>|\[\]*_~]|//|octocat", plain), plain
    assert said.split("\n")[0].strip() in " ".join(token.content for token in inside if token.type == "code_inline")


@pytest.mark.parametrize("risk_count", [0, 5, 300])
def test_a_comment_is_never_longer_than_github_takes_and_says_what_is_missing(risk_count: int) -> None:
    long = "\U0001f600" * 5_000
    risky = [changed(f"A{n}", "X", before=long, after=long, behavior="interruption") for n in range(risk_count)]
    calm = [changed(f"B{n}", "X", before=long, after=long) for n in range(300 - risk_count)]
    text = render_markdown(diff_of({}, {}, *risky, *calm))
    assert MOST_CHARACTERS * 0.98 < len(text.encode("utf-16-le")) / 2 <= MOST_CHARACTERS
    shown = len(re.findall("^- ", text, re.MULTILINE))
    assert f"{300 - shown} more changes did not fit here: `flagstone diff --format html` shows all of them.\n" in text
    assert text.count("<details>") == text.count("</details>") == (risk_count < 300)


def test_of_two_long_values_it_shows_where_they_differ() -> None:
    before, after = ([*range(500), last] for last in "ab")
    text = render_markdown(diff_of({}, {}, changed("A", "X", before=before, after=after)))
    assert '499, "a"]` → ' in text and '499, "b"]`' in text
    assert len(text) < 2_000


def test_of_many_reasons_the_first_are_given() -> None:
    change = changed("A", "X", reasons=tuple(f"reason {number}" for number in range(300)))
    assert "  - reason 9\n  - and 290 more\n" in render_markdown(diff_of({}, {}, change))


def test_what_differs_within_a_renamed_resource_stands_below_it() -> None:
    inner = changed("D", "Properties", "X")
    text = render_markdown(diff_of({}, {}, changed("D", renamed_to="E", type=None, within=(inner,))))
    assert "- renamed: `D -> E` in `production`\n  - `Properties.X`: `1` → `2`\n" in text


def test_what_is_risky_is_not_pushed_out_by_what_is_not() -> None:
    calm = [changed(f"B{n:05}", "X" * 900) for n in range(500)]
    worst = changed("Zulu", "X", is_data_loss=True)
    assert "**data loss**, changed: `Zulu`" in render_markdown(diff_of({}, {}, *calm, worst))


def test_no_comment_shows_a_credential() -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    change = changed(secret, secret, before=secret, after=[secret], type=secret, reasons=(secret,), security=(secret,))
    assert secret not in render_markdown(diff_of({secret: resource()}, {}, change, facts={"service": secret}))


def test_the_same_diff_gives_the_same_text() -> None:
    assert render_markdown(sample()) == render_markdown(sample())


@pytest.mark.parametrize("said", ["see GH-1", "as 1f2e3d4c5b6a", "__bold__", "www.example.com", "a//b"])
def test_nothing_between_names_becomes_bold_or_a_link(said: str) -> None:
    text = render_markdown(diff_of({}, {}, changed("A", "X", reasons=(f"`a` {said} `b` is new",))))
    assert f"  - `` `a` {said} `b` is new ``\n" in text


def test_the_same_but_for_the_name_of_the_environment_is_said_once() -> None:
    changes = [
        changed("A", "X", before=f"a.{name}.internal", after=f"b.{name}.internal", environment=name)
        for name in ("production", "staging")
    ]
    text = render_markdown(diff_of({}, {}, *changes))
    assert 1 == text.count("- changed: ") and "in `production`, `staging`\n" in text
    assert '`"a.production.internal"`' in text and "a.staging" not in text
    other = replace(changes[1], after="b.production.internal")
    assert 2 == render_markdown(diff_of({}, {}, changes[0], other)).count("- changed: ")


def test_a_first_deployment_is_counted_by_type() -> None:
    came = changed("A", kind="added", before=None, after={"Resources": {"A": resource(TABLE), "B": resource(TABLE)}})
    came = replace(came, path=(), logical_id=None, type=None)
    text = render_markdown(diff_of({}, {}, came))
    assert "### 🟢 First deployment of production: 2 resources to create\n" in text
    assert "- first deployment: `production`\n  - 2 `AWS::DynamoDB::Table`\n" in text


def test_two_comparisons_have_two_hidden_lines_and_none_ends_early() -> None:
    first = [
        render_markdown(diff_of({}, {}), subject=name).splitlines()[0] for name in ("a/b.yml", "a/b", "--> x", "a--b")
    ]
    assert 4 == len(set(first)) and "<!-- flagstone diff a/b.yml -->" == first[0]
    assert all(1 == line.count("-->") and 2 == line.count("--") for line in first), first


def test_faults_take_the_place_of_the_comment() -> None:
    fault = Diagnostic("D201", "`@octocat` is no key", origin().span, "did you mean `cat`?")
    assert """\
<!-- flagstone diff shop -->

### ❌ Nothing was compared: 1 error

- **error D201** `shop/service.yml:12`: `@octocat` is no key
  - `` did you mean `cat`? ``
""" == render_faults([fault], prefix="shop", subject="shop")


def test_what_did_not_fit_says_how_much_of_it_loses_data() -> None:
    lost = [changed(f"A{n}", "X", reasons=("x" * 900,) * 9, is_data_loss=True) for n in range(20)]
    assert re.search(
        r"1\d more changes, 1\d of which lose data did not fit here", render_markdown(diff_of({}, {}, *lost))
    )
