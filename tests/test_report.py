"""Report: what a person sees in a terminal, and what no format may let through."""

from __future__ import annotations

import io

import pytest

from compiler.diagnostics import Diagnostic, Related, Source, Span
from compiler.report import FORMATS, report_diagnostics
from compiler.report_table import report_table, show_progress

ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def span_of(line: str, part: str, *, number: int = 1, path: str = "service.yml") -> Span:
    """The span of a part of a line that stands at a number in a file."""
    column = line.index(part) + 1
    source = Source(path, (*[""] * (number - 1), line))
    return Span(source, number, column, number, column + len(part))


def draw(*diagnostics: Diagnostic, width: int | None = None, prefix: str = "", color: bool = False) -> list[str]:
    text = report_diagnostics(diagnostics, format="text", width=width, prefix=prefix, color=color)
    return text.splitlines()


def test_a_diagnostic_is_drawn_as_the_design_shows_it() -> None:
    span = span_of("      replica: 2", "replica", number=12)
    fault = Diagnostic("D203", "unknown key `replica` in `processes.web.scaling`", span, "did you mean `replicas`?")
    assert [
        "service.yml:12:7: error D203: unknown key `replica` in `processes.web.scaling`",
        "   12 |       replica: 2",
        "      |       ^^^^^^^",
        "  hint: did you mean `replicas`?",
        "",
        "1 error",
    ] == draw(fault)


def test_a_number_of_six_digits_moves_both_lines_of_the_gutter() -> None:
    fault = Diagnostic("D203", "unknown", span_of("a: b", "b", number=123456))
    assert ["123456 | a: b", "       |    ^"] == draw(fault)[1:3]


def test_a_diagnostic_without_a_span_names_no_place() -> None:
    fault = Diagnostic("D803", "the working tree has changes", hint="commit them")
    assert ["error D803: the working tree has changes", "  hint: commit them", "", "1 error"] == draw(fault)


def test_a_related_place_is_a_note_with_its_own_snippet() -> None:
    first = Related("first written here", span_of("  dns: shop", "dns", number=9))
    fault = Diagnostic(
        "D102", "key `dns` is written twice", span_of("  dns: store", "dns", number=10), related=(first,)
    )
    assert [
        "  note: service.yml:9:3: first written here",
        "    9 |   dns: shop",
        "      |   ^^^",
    ] == draw(fault)[3:6]


def test_the_summary_counts_errors_and_warnings_apart() -> None:
    def fault(code: str) -> Diagnostic:
        return Diagnostic(code, "wrong")

    warning = Diagnostic("D312", "odd", severity="warning")
    assert "2 errors, 1 warning" == draw(fault("D101"), fault("D102"), warning)[-1]
    assert "1 warning" == draw(warning)[-1]


def test_nothing_to_report_is_no_text() -> None:
    assert "" == report_diagnostics([], format="text")
    assert "" == report_diagnostics([], format="github")


def test_diagnostics_come_ordered_by_place_and_once_each() -> None:
    late, early = (Diagnostic("D203", "unknown", span_of("key: 1", "key", number=number)) for number in (9, 2))
    lines = draw(late, early, late)
    assert ["service.yml:2:1:", "service.yml:9:1:"] == [line.split()[0] for line in lines if "error D203" in line]


def test_carets_stand_under_wide_characters() -> None:
    fault = Diagnostic("D205", "wrong", span_of("名前: 日本 # x", "日本"))
    assert ["    1 | 名前: 日本 # x", "      |       ^^^^"] == draw(fault)[1:3]


def test_combining_characters_take_no_column() -> None:
    fault = Diagnostic("D205", "wrong", span_of("cafe\u0301: bar", "bar"))
    assert ["    1 | cafe\u0301: bar", "      |       ^^^"] == draw(fault)[1:3]


def test_tabs_become_spaces_and_keep_carets_aligned() -> None:
    fault = Diagnostic("D101", "wrong", span_of("\ta:\tb", "b"))
    assert ["    1 |     a:    b", "      |           ^"] == draw(fault)[1:3]


def test_a_span_over_several_lines_is_marked_to_the_end_of_its_first_line() -> None:
    source = Source("service.yml", ("web: {min: 1,  ", "  max: 2}"))
    fault = Diagnostic("D302", "wrong", Span(source, 1, 6, 2, 10))
    assert ["    1 | web: {min: 1,", "      |      ^^^^^^^^"] == draw(fault)[1:3]


def test_an_empty_span_at_the_end_of_a_line_gets_one_caret() -> None:
    fault = Diagnostic("D101", "wrong", Span(Source("service.yml", ("a: [",)), 1, 5, 1, 5))
    assert ["    1 | a: [", "      |     ^"] == draw(fault)[1:3]


@pytest.mark.parametrize(("lines", "line"), [((), 1), (("a: 1",), 2), (("a: 1",), 0)])
def test_a_span_that_its_source_does_not_hold_is_shown_without_a_snippet(lines: tuple[str, ...], line: int) -> None:
    fault = Diagnostic("D111", "`src/x` is not a regular file", Span(Source("src/x", lines), line, 1, line, 1))
    assert [f"src/x:{line}:1: error D111: `src/x` is not a regular file", "", "1 error"] == draw(fault)


@pytest.mark.parametrize("width", [None, 40, 60])
def test_a_long_line_is_cut_around_the_span(width: int | None) -> None:
    fault = Diagnostic("D205", "wrong", span_of("x" * 5000 + "HERE" + "y" * 5000, "HERE"))
    line, carets = draw(fault, width=width)[1:3]
    assert (width or 160) == len(line)
    assert ("…", "…") == (line[8], line[-1])
    assert "HERE" == line[carets.index("^") : carets.rindex("^") + 1]


def test_a_cut_line_of_wide_characters_keeps_carets_aligned_and_fits() -> None:
    fault = Diagnostic("D205", "wrong", span_of("日" * 300 + "HERE" + "本" * 300, "HERE"))
    line, carets = draw(fault, width=60)[1:3]
    before = line[: line.index("HERE")]
    wide = before.count("日")
    assert len(before) + wide == carets.index("^")
    assert len(line) + wide + line.count("本") <= 60


def test_a_span_longer_than_the_terminal_starts_on_the_screen() -> None:
    fault = Diagnostic("D205", "wrong", span_of("key: " + "v" * 900, "v" * 900))
    line, carets = draw(fault, width=50)[1:3]
    assert ("    1 | key: vvv", "…") == (line[:16], line[-1])
    assert "      |      ^^^" == carets[:16]
    assert len(carets) <= 50


def test_control_characters_of_a_source_line_are_shown_as_escapes() -> None:
    fault = Diagnostic("D205", "wrong", span_of("a: \x1b]0;owned\x07 \x9b1m b", "b"))
    line, carets = draw(fault)[1:3]
    assert r"    1 | a: \x1b]0;owned\x07 \x9b1m b" == line
    assert len(line) - 1 == carets.index("^")


def test_characters_that_reorder_text_are_shown_as_escapes() -> None:
    fault = Diagnostic("D205", "wrong", span_of("admin\u202e\u2066: yes", "yes"))
    assert r"    1 | admin\u202e\u2066: yes" == draw(fault)[1]


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_lets_a_message_or_a_path_command_the_terminal(format: str) -> None:
    path = "cloudFormation/overrides/\x1b[31mweb\x9b.yml"
    related = (Related("\x1b[2J", span_of("a", "a", path=path)),)
    fault = Diagnostic(
        "D203",
        "unknown `\x1b[31m\x07\u202e\ud800`\n::error::x",
        span_of("a", "a", path=path),
        "\x1b[2J\r",
        "error",
        related,
    )
    text = report_diagnostics([fault], format=format)
    assert [] == [character for character in text if character != "\n" and not character.isprintable()]
    assert not any(line.startswith("::error::") for line in text.splitlines())


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_shows_a_credential(format: str) -> None:
    line = f"  KEY: {ACCESS_KEY}"
    place = span_of(line, ACCESS_KEY, path=f"cloudFormation/{ACCESS_KEY}.yml")
    fault = Diagnostic(
        "D208", f"`{ACCESS_KEY}` is secret", place, f"revoke {ACCESS_KEY}", "error", (Related(ACCESS_KEY, place),)
    )
    text = report_diagnostics([fault], format=format, prefix=f"services/{ACCESS_KEY}", color=True)
    assert ACCESS_KEY not in text
    assert "AKIA****************" in text


def test_masking_keeps_the_carets_where_they_were() -> None:
    line = f"{{a: {ACCESS_KEY}, b: wrong}}"
    shown, carets = draw(Diagnostic("D205", "wrong", span_of(line, "wrong")))[1:3]
    assert "    1 | {a: AKIA****************, b: wrong}" == shown
    assert shown.index("wrong") == carets.index("^")


def test_a_credential_on_a_long_line_is_masked_before_the_line_is_cut() -> None:
    line = "x" * 40 + " " + ACCESS_KEY + " wrong " + "y" * 300
    shown = draw(Diagnostic("D205", "wrong", span_of(line, "wrong")), width=40)[1]
    assert "wrong" in shown
    assert "EXAMPLE" not in shown


def test_the_body_of_a_private_key_is_masked() -> None:
    body = "MIIEpAIBAAKCAQEA7bq0"
    lines = ("KEY: |", "  -----BEGIN RSA PRIVATE KEY-----", f"  {body}", "  -----END RSA PRIVATE KEY-----", "wrong: 1")
    source = Source("service.yml", lines)
    in_body = Diagnostic("D101", "not valid YAML", Span(source, 3, 3, 3, 4))
    after = Diagnostic("D203", "unknown key `wrong`", Span(source, 5, 1, 5, 6))
    one_line = span_of(f'KEY: "-----BEGIN PRIVATE KEY-----\\n{body}"', "KEY")
    text = "\n".join(draw(in_body, after, Diagnostic("D208", "credential", one_line)))
    assert body not in text
    assert "    3 |   ********************" in text
    assert "    5 | wrong: 1" in text


def test_a_message_without_end_is_cut() -> None:
    header = draw(Diagnostic("D203", "unknown key `" + "k" * 100_000 + "`"))[0]
    assert ("…", True) == (header[-1], len(header) < 1_100)


def test_the_prefix_stands_before_the_services_paths_and_not_before_the_librarys() -> None:
    own = Diagnostic("D203", "unknown", span_of("a", "a"))
    library = Diagnostic("D401", "fails", span_of("a", "a", path="platform/templates/alarms.py"))
    places = [line.split(": ")[0] for line in draw(own, library, prefix="../services/shop/") if "error D" in line]
    assert ["platform/templates/alarms.py:1:1", "../services/shop/service.yml:1:1"] == places
    assert "service.yml:1:1: error D203: unknown" == draw(own, prefix=".")[0]


def test_color_changes_nothing_but_the_color() -> None:
    warning = Diagnostic("D312", "odd", span_of("scaling: {}", "{}"), "say so", "warning")
    colored = draw(warning, color=True)
    assert "\x1b[1mservice.yml:1:10:\x1b[0m \x1b[1;33mwarning D312:\x1b[0m odd" == colored[0]
    plain = "\n".join(colored)
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;33m", "\x1b[1;36m"):
        plain = plain.replace(code, "")
    assert draw(warning) == plain.splitlines()


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'xml' is none of text, json, github, sarif"):
        report_diagnostics([], format="xml")


def test_a_table_in_a_pipe_is_aligned_and_never_cut() -> None:
    long = "20261121T054700-" + "0123456789ab" * 30
    text = report_table(["release", "by"], [[long, "ana"], ["日本", "bo"], ["\x1b[31m", ACCESS_KEY]])
    rows = text.splitlines()
    assert "release" + " " * (len(long) - 7) + "  by" == rows[0]
    assert f"{long}  ana" == rows[1]
    assert "日本" + " " * (len(long) - 4) + "  bo" == rows[2]
    assert r"\x1b[31m" + " " * (len(long) - 8) + "  AKIA****************" == rows[3]


def test_a_table_on_a_terminal_folds_what_does_not_fit_and_shows_brackets_as_they_are() -> None:
    text = report_table(["release", "note"], [["0123456789" * 4, "[red]x"]], width=30, color=True)
    lines = text.splitlines()
    assert "\x1b[1m" in lines[0]
    assert all(len(line) <= 30 for line in lines[1:])
    assert "0123456789" * 4 == "".join(line.split()[0] for line in lines[1:])
    assert lines[1].endswith("[red]x")


def test_progress_writes_nothing_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with show_progress(stream, "compiling", 2) as begin_step:
        begin_step("staging")
        begin_step("production")
    assert "" == stream.getvalue()


def test_progress_draws_its_steps_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with show_progress(stream, "compiling", 2) as begin_step:
        begin_step("staging")
        begin_step("\x1b[2Jproduction")
    assert r"compiling \x1b[2Jproduction" in stream.getvalue()
