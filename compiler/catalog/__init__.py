"""Catalog: every diagnostic of the compiler, explained, with files that show it and files that put it right.

In: a code.    Out: its Entry, or text about it.
Never: decides when a diagnostic is given; the rooms do.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Mapping

from compiler.catalog import (
    alarms,
    asking,
    build,
    changes,
    changing,
    channel,
    egress,
    families,
    groups,
    guard,
    load,
    lock,
    logs,
    network,
    outside,
    override,
    own_alarms,
    playbooks,
    refusals,
    releases,
    requests,
    routes,
    rules,
    subscriptions,
    template,
    times,
    validate,
)
from compiler.catalog.entry import BASE_FILES, Entry, Files
from compiler.diagnostics import mask_credentials, suggest

__all__ = ["BASE_FILES", "CATALOG", "Entry", "Files", "explain_code", "render_catalog", "render_entry"]

_ROWS = (
    *load.ENTRIES,
    *families.ENTRIES,
    *validate.ENTRIES,
    *template.ENTRIES,
    *rules.ENTRIES,
    *refusals.ENTRIES,
    *lock.ENTRIES,
    *times.ENTRIES,
    *routes.ENTRIES,
    *subscriptions.ENTRIES,
    *asking.ENTRIES,
    *alarms.ENTRIES,
    *groups.ENTRIES,
    *logs.ENTRIES,
    *changing.ENTRIES,
    *network.ENTRIES,
    *playbooks.ENTRIES,
    *own_alarms.ENTRIES,
    *requests.ENTRIES,
    *egress.ENTRIES,
    *build.ENTRIES,
    *override.ENTRIES,
    *guard.ENTRIES,
    *outside.ENTRIES,
    *releases.ENTRIES,
    *channel.ENTRIES,
    *changes.ENTRIES,
)
_ENTRIES = sorted(_ROWS, key=lambda entry: entry.code)
CATALOG: Mapping[str, Entry] = {
    entry.code: dataclasses.replace(entry, explanation=" ".join(entry.explanation.split())) for entry in _ENTRIES
}

_ROOMS = {
    "D1": "Reading files",
    "D2": "The shape of what was read",
    "D3": "Values that do not go together",
    "D4": "The platform library",
    "D5": "Overrides and additions",
    "D6": "Guardrails and limits",
    "D7": "Explaining",
    "D8": "Releases and the bucket",
    "D9": "Comparing",
}
_COLUMNS = 100
_NOT_SHOWN = "No file of a service repository can show this one."
_CFN_LINT_CODE = re.compile(r"[EWI][0-9]{4}")
_CFN_LINT_RULES = "https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md"


def explain_code(code: str) -> str:
    """Explain a diagnostic as plain text, ending with a line break. Raises LookupError for an unknown code."""
    code = code.upper()
    if code in CATALOG:
        return "\n\n".join(_paragraphs(CATALOG[code])) + "\n"
    if _CFN_LINT_CODE.fullmatch(code):
        # cfn-lint leaves the nines to the rules that its users write.
        if code[1] == "9":
            return f"{code} is a rule of the platform library, run by cfn-lint.\n"
        return f"{code} is a rule of cfn-lint: {_CFN_LINT_RULES}#{code}\n"
    raise LookupError(f"no diagnostic has the code `{code}`; {suggest(code, CATALOG) or 'codes look like `D203`'}")


def render_catalog() -> str:
    """Render the whole catalog as the markdown of docs/diagnostics.md."""
    return "\n".join([*_introduction(), *_sections()])


def render_entry(entry: Entry) -> str:
    """Render what is said of one diagnostic, without its heading, as markdown."""
    parts = [*_warning(entry), _wrapped(entry.explanation)]
    for label, files in _examples(entry):
        parts.append(f"{label}:")
        parts += [f"```yaml\n# {path}\n{text}```" for path, text in files.items()]
    return "\n\n".join([*parts, *_remark(entry)]) + "\n"


def _paragraphs(entry: Entry) -> Iterator[str]:
    yield f"{entry.code}: {entry.title}"
    yield from _warning(entry)
    yield _wrapped(entry.explanation)
    for label, files in _examples(entry):
        for path, text in files.items():
            yield f"{label}, {path}:\n\n{textwrap.indent(text, '    ').rstrip()}"
    yield from _remark(entry)


def _introduction() -> Iterator[str]:
    yield "<!-- Written by `python -m compiler.catalog > docs/diagnostics.md`: change the catalog, not this file. -->"
    yield ""
    yield "# Diagnostics"
    yield ""
    yield _wrapped(
        "Every code that Flagstone gives, why it is given and what to do about it; `flagstone explain D203` shows one"
        " of them in a terminal. Codes are stable: they are never reused. A finding of cfn-lint keeps its own code,"
        f" such as `E3012`, and is described in [cfn-lint's list of rules]({_CFN_LINT_RULES})."
    )
    yield ""
    yield "The files of an example are added to this repository, or stand in the place of its own:"
    yield ""
    yield from (f"```yaml\n# {path}\n{text}```\n" for path, text in BASE_FILES.items())
    yield "| code | what |\n| --- | --- |"
    yield from (f"| [{code}](#{code.lower()}) | {entry.title} |" for code, entry in CATALOG.items())
    yield ""


def _sections() -> Iterator[str]:
    room = ""
    for entry in CATALOG.values():
        if not entry.code.startswith(room) or not room:
            room = entry.code[:2]
            yield f"## {_ROOMS[room]}\n"
        # The anchor is the code alone, so that a better title breaks no link.
        yield f'<a id="{entry.code.lower()}"></a>\n\n### {entry.code}: {entry.title}\n'
        yield render_entry(entry)


def _warning(entry: Entry) -> Iterator[str]:
    if entry.severity == "warning":
        yield "A warning: the service compiles all the same."


def _examples(entry: Entry) -> Iterator[tuple[str, Files]]:
    if entry.is_shown_by_files:
        for label, files in (("Wrong", entry.wrong), ("Right", entry.right)):
            yield label, {path: mask_credentials(text) for path, text in files.items()}


def _remark(entry: Entry) -> Iterator[str]:
    if not entry.is_shown_by_files:
        yield _NOT_SHOWN


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)
