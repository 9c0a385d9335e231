"""What cfn-lint says of a template by itself, with the rules that are loaded once a process: loading takes longer than
most templates."""

from __future__ import annotations

from typing import Any

from cfnlint.config import ConfigMixIn, ManualArgs
from cfnlint.decode import decode_str
from cfnlint.runner import run_template_by_data

from compiler.lint_rules import load_rules

_CONFIG = ManualArgs(regions=["eu-west-1"], include_checks=["I"])


def lint_text(text: str) -> list[str]:
    """Return every finding, also what only informs: the code and the message."""
    template, faults = decode_str(text)
    found: list[Any] = [*faults, *run_template_by_data(template, ConfigMixIn(**_CONFIG), load_rules(None))]
    return [f"{match.rule.id} {match.message}" for match in found]
