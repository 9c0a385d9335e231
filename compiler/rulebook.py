"""Rulebook: write down for people what a library asks of every stack.

In: a Library.    Out: the markdown of docs/guardrails.md.
Never: says anything that does not stand in the library, except how waivers work.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator

from compiler.library import find_content, load_library
from compiler.lint_rules import load_rules
from compiler.model import Guardrail, Json, Library

_COLUMNS = 100
_LONGEST_LIST = 3
_HEAD = "<!-- Written by `python -m compiler.rulebook > docs/guardrails.md`: change the library, not this file. -->"
_ABOUT = """
What the platform asks of every stack: of what it makes itself, of overrides and of additions. A **guardrail** is about
one property and stands in `platform/guardrails.yml`; a **rule** takes more to tell and is a rule for cfn-lint in
`platform/rules/`. Both come up in `flagstone compile` and `flagstone publish`, at the line that is at fault.
`flagstone compile --no-lint` leaves out the rules with the rest of cfn-lint; publishing never does, and no `Metadata`
of a template silences a rule of the platform.
"""
_GUARDRAILS = """
In a path `*` is any one step and `**` any number of them, a list stands for each of its items, and where a step that
ends in `?` is missing, nothing is asked of what is below it. What is sealed no override may touch, nor what is below
it. Where a value is asked for, both branches of an `Fn::If` have to be in order, a parameter is worth its default, and
functions such as `Fn::Join` and `Fn::FindInMap` are worth what they give; what only CloudFormation will know is left
alone.
"""
_WAIVERS = """
A service that has a good reason may break one of them for one resource, if the platform team agrees:

```yaml
waivers:
  old-client:
    guardrail: imdsv2                 # or the id of a rule, such as E9001
    resource: WebLaunchTemplate       # one logical id
    reason: the payment terminal knows the first version only, its new release is due in March
    until: "2027-03-31"               # the last day
    approvedBy: platform, ticket 4711
```

- Under `environments.<name>.waivers` it holds in that environment only, or says what is different there.
- It holds until the end of its day, which is compared with the day of the commit in UTC and never with the clock: a
  commit that compiled once always does. A year from the commit is the most.
- One that has expired, that is of no use in any environment it is for, or that is too wide is an error:
  [D603](diagnostics.md#d603), [D604](diagnostics.md#d604), [D605](diagnostics.md#d605).
- The manifest of a release lists its waivers. Otherwise nothing is said of what they let pass.
- Limits of CloudFormation and credentials that are written out cannot be waived.
"""


def render_rulebook(library: Library) -> str:
    """Render the guardrails and rules of a library, and how to waive one."""
    return "\n".join(_lines(library))


def _lines(library: Library) -> Iterator[str]:
    yield f"{_HEAD}\n\n# Guardrails\n"
    yield _wrapped(_ABOUT)
    yield "\n## Guardrails of one property\n"
    yield _wrapped(_GUARDRAILS)
    yield "\n| guardrail | for | path | what is asked | why |\n| --- | --- | --- | --- | --- |"
    for each in library.guardrails:
        path = ".".join(each.path).removeprefix("Properties.")
        cells = (f"`{each.name}`", f"`{each.type}`", f"`{path}`", _asked(each), " ".join(each.reason.split()))
        yield "| " + " | ".join(cells) + " |"
    yield f"\nAll are errors, unless they are said to warn. {_since(library)}"
    yield "\n## Rules\n"
    rules = load_rules(library)
    for rule in sorted(rule for module in library.rules for rule in module.ids):
        yield f'<a id="{rule.lower()}"></a>\n\n### {rule}: {rules[rule].shortdesc}\n'
        yield _wrapped(rules[rule].description) + "\n"
    yield f"## Waivers\n{_WAIVERS.rstrip()}\n"


def _asked(guardrail: Guardrail) -> str:
    words = ["sealed"] if guardrail.is_sealed else []
    words += [_operator(operator, operand) for operator, operand in (guardrail.must or {}).items()]
    if guardrail.unless:
        others = " or ".join(f"`{'.'.join(map(str, path)).removeprefix('Properties.')}`" for path in guardrail.unless)
        words.append(f"may be missing where {others} is set")
    words += ["warns"] if guardrail.severity == "warning" else []
    return "; ".join(words)


def _operator(operator: str, operand: Json) -> str:
    if operator == "present":
        return "set" if operand else "absent"
    if operator == "oneOf" and len(operand) > _LONGEST_LIST:
        return f"one of {len(operand)} values"
    if operator == "oneOf":
        return " or ".join(_shown(choice) for choice in operand) + " if set"
    if operator == "keeps":
        return "stays " + " or ".join(_shown(choice) for choice in operand) + " where the platform says so"
    return {"equals": "", "matches": "", "atLeast": "at least ", "atMost": "at most "}[operator] + _shown(operand)


def _shown(value: Json) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _since(library: Library) -> str:
    versions = sorted({each.since for each in library.guardrails})
    if len(versions) == 1:
        return f"All hold since {versions[0]}."
    later = [f"`{each.name}` since {each.since}" for each in library.guardrails if each.since != versions[0]]
    return f"All hold since {versions[0]}, but for {', '.join(later)}."


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _COLUMNS, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(render_rulebook(load_library(find_content("platform"))))
