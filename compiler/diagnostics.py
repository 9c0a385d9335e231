"""Diagnostics: what is wrong, where it stands, and what to do about it.

In: nothing; every room makes these.    Out: Diagnostic, and CompileError that carries several.
Never: decides how a diagnostic is drawn (that is `report`), or reads a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Severity = Literal["error", "warning", "notice"]

_MANY = 8  # more environments than these are not all named in a message


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read: its path as a person names it ("/" between folders), and its lines."""

    path: str
    lines: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source. Lines and columns count characters from 1; the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def path(self) -> str:
        return self.source.path


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that a diagnostic speaks about, such as the other half of a conflict."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault, warning or remark. `span` is None only where no file is at fault."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: Severity = "error"
    related: tuple[Related, ...] = ()

    def sort_key(self) -> tuple[object, ...]:
        span = self.span
        where = (span.path, span.line, span.column) if span else ("", 0, 0)
        return (*where, self.code, self.message)


class CompileError(Exception):
    """The input cannot be compiled; carries every diagnostic that was found, warnings included."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = order_diagnostics(diagnostics)
        super().__init__("; ".join(f"{d.code} {d.message}" for d in self.diagnostics))


def order_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Order by path, line and column, and drop what says the same thing of the same place twice."""
    unique = {(*d.sort_key(), d.severity): d for d in reversed(list(diagnostics))}
    return tuple(sorted(unique.values(), key=Diagnostic.sort_key))


def fold_names(found: Mapping[str, Iterable[Diagnostic]]) -> list[Diagnostic]:
    """Say once what is true of several environments or processes: findings that differ in their names alone are one.

    `found` is keyed by these names.
    """
    groups: dict[tuple[object, ...], tuple[Diagnostic, list[str]]] = {}
    for environment, diagnostics in found.items():
        for each in diagnostics:
            key = (each.code, each.severity, each.span, each.message.replace(f"`{environment}`", "`*`"))
            groups.setdefault(key, (each, []))[1].append(environment)
    folded = []
    for each, environments in groups.values():
        *most, last = [f"`{name}`" for name in dict.fromkeys(environments)]
        if len(most) >= _MANY:  # all tenants of a family, most likely
            most, last = most[:3], f"{len(most) - 2} more"
        names = f"{', '.join(most)} and {last}" if most else last
        folded.append(replace(each, message=each.message.replace(f"`{environments[0]}`", names)))
    return folded


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(d.severity == "error" for d in diagnostics)


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Phrase the nearest of the known names as a hint; None where none is near.

    >>> suggest("replica", ["replicas", "min"])
    'did you mean `replicas`?'
    """
    by_fold = {name.casefold(): name for name in sorted(known, reverse=True)}
    folded = word.casefold()
    near = difflib.get_close_matches(folded, by_fold, n=3, cutoff=0.6)
    if len(folded) > 2:  # `prod` means `production`, though most of the letters are missing
        near.extend(name for name in sorted(by_fold) if name.startswith(folded) and name not in near)
    if not near:
        return None
    return "did you mean " + " or ".join(f"`{by_fold[name]}`" for name in near[:3]) + "?"


# Prefixes and shapes that the issuers publish for their own credentials.
_CREDENTIAL = re.compile(
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}\b"
    r"|\bgithub_pat_[A-Za-z0-9_]{40,}\b"
    r"|\bglpat-[A-Za-z0-9_-]{20,}\b"
    r"|\bxox[abposr]-[A-Za-z0-9-]{10,}\b"
    r"|\b[rs]k_live_[A-Za-z0-9]{16,}\b"
    r"|\bnpm_[A-Za-z0-9]{36}\b"
    r"|\bpypi-AgEI[A-Za-z0-9_-]{40,}"
    r"|\bAIza[A-Za-z0-9_-]{35}\b"
    r"|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)

_LOGIN = re.compile(r"(?<=://)[^\s/@:\"]+:[^\s/@\"]+(?=@)")  # user and password of a url
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)


def find_credential(text: str) -> str | None:
    """Return the first characters of what looks like a credential in a text, or None."""
    found = _CREDENTIAL.search(text)
    return found.group()[:4] if found else None


def mask_credentials(text: str) -> str:
    """Replace everything that looks like a credential by as many asterisks, all lines of a private key too.

    >>> mask_credentials("key: AKIAIOSFODNN7EXAMPLE")
    'key: AKIA****************'
    >>> mask_credentials("from: s3://me:hunter2@name/prefix")
    'from: s3://**********@name/prefix'
    """
    # A private key is known by its header; the secret is what follows.
    hidden = _PRIVATE_KEY.sub(_hide, text)
    return _LOGIN.sub(lambda found: "*" * len(found.group()), _CREDENTIAL.sub(_hide, hidden))


def _hide(found: re.Match[str]) -> str:
    return found.group()[:4] + re.sub(r"[^\n]", "*", found.group()[4:])
