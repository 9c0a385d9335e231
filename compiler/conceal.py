"""Conceal: leave out of a diff what is secret, whoever shows it.

In: a judged Diff.    Out: the same Diff, with asterisks in place of secrets.
Never: hides where a secret comes from: references, paths of parameters and ARNs stay.

The place decides: the default and the value of a parameter that the template does not echo, what it or a reference to
it stands for, properties and variables named as what holds secrets are named. Of a URL the password goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from compiler.changes import Change, Diff, SideStack
from compiler.model import Json, Path, value_at

HIDDEN, HIDDEN_OTHER = "***", "*** (another)"
_MEANT = re.compile(r"secret|passw|credential|token|api_?key|private_?key", re.IGNORECASE)
# What names, places or measures a secret and is none.
_BESIDE = re.compile(
    r"(?:arns?|ids?|names?|paths?|length|policy|types?|ref|references|version|from|until|units|validity|expiration|days)$",
    re.IGNORECASE,
)
_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")
_LEAST = 4  # a shorter secret is not looked for in sentences, which it would tear apart


def conceal_secrets(diff: Diff) -> Diff:
    """Mask the secrets of all changes."""
    hidden = {
        name: _Concealment(tuple(each for each in (diff.before.stacks.get(name), diff.after.stacks.get(name)) if each))
        for name in {change.environment for change in diff.changes}
    }
    return replace(diff, changes=tuple(hidden[change.environment].conceal(change) for change in diff.changes))


@dataclass(frozen=True, slots=True)
class _Concealment:
    stacks: tuple[SideStack, ...]

    def conceal(self, change: Change) -> Change:
        is_secret = self._is_secret(change)
        before, after = (self._mask(value, is_secret=is_secret) for value in (change.before, change.after))
        if before == after and change.before != change.after:
            after = _tell_apart(after)
        secrets = {
            text
            for real, shown in ((change.before, before), (change.after, after))
            for text in _lost(real, shown)
            if len(text) >= _LEAST
        }
        return replace(
            change,
            before=before,
            after=after,
            reasons=tuple(_mask_sentence(each, secrets) for each in change.reasons),
            within=tuple(self.conceal(each) for each in change.within),
        )

    def _is_secret(self, change: Change) -> bool:
        """Tell whether what stands at a change is a secret as a whole."""
        if change.file.rpartition("/")[2] == "parameters.json":
            return self._is_silent(change.path[0]) or _is_meant(str(change.path[0]))
        if change.path[:1] == ("Parameters",) and change.path[2:] == ("Default",):
            return self._is_silent(change.path[1]) or _is_meant(str(change.path[1]))
        if any(self._is_silent(value.get("Ref")) for value in (change.before, change.after) if isinstance(value, dict)):
            return True
        return any(_names_secret(stack.template, change.path) for stack in self.stacks)

    def _is_silent(self, name: Json) -> bool:
        """Tell whether a parameter is one that CloudFormation does not show."""
        return any(
            str(value_at(stack.template, ("Parameters", name, "NoEcho"))).lower() == "true"
            for stack in self.stacks
            if isinstance(name, str)
        )

    def _mask(self, value: Json, *, is_secret: bool) -> Json:
        if isinstance(value, str):
            if is_secret and value and "{{resolve:" not in value:
                return HIDDEN
            return _URL.sub(rf"\1{HIDDEN}", value)
        if isinstance(value, list):
            return [self._mask(item, is_secret=is_secret) for item in value]
        if isinstance(value, dict):
            return {
                key: self._mask(item, is_secret=self._goes_on(value, key, is_secret)) for key, item in value.items()
            }
        return HIDDEN if is_secret and isinstance(value, (int, float)) and not isinstance(value, bool) else value

    def _goes_on(self, around: dict[str, Json], key: str, is_secret: bool) -> bool:
        """Tell whether what stands under a key is a secret."""
        if key in ("Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::FindInMap"):
            return False
        if key.startswith("Fn::"):
            return is_secret
        if key == "Default" and str(around.get("NoEcho")).lower() == "true":
            return True
        return _is_named(around, key)


def _names_secret(template: Json, path: Path) -> bool:
    """Tell whether the last name on a path is one of a secret; functions and indices are none."""
    for end in range(len(path), 0, -1):
        step = path[end - 1]
        if isinstance(step, str) and not step.startswith("Fn::") and step != "Ref":
            around = value_at(template, path[: end - 1])
            return _is_named(around, step)
        if step in ("Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::FindInMap"):
            return False
    return False


def _is_named(around: Json, key: str) -> bool:
    """Tell whether a key, or the name beside it as in a list of variables, is that of a secret."""
    if key in ("Value", "ParameterValue") and isinstance(around, dict):
        beside = next((around[each] for each in ("Name", "Key", "ParameterKey") if each in around), "")
        return isinstance(beside, str) and _is_meant(beside)
    return _is_meant(key)


def _is_meant(name: str) -> bool:
    """
    >>> [_is_meant(name) for name in ("MasterUserPassword", "DB_PASSWORD", "SecretArn", "PasswordLength")]
    [True, True, False, False]
    """
    return bool(_MEANT.search(name)) and not _BESIDE.search(name)


def _tell_apart(value: Json) -> Json:
    """Say of what is hidden on both sides that it is not the same."""
    if isinstance(value, dict):
        return {key: _tell_apart(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tell_apart(item) for item in value]
    return value.replace(HIDDEN, HIDDEN_OTHER) if isinstance(value, str) else value


def _lost(real: Json, shown: Json) -> Iterator[str]:
    """Yield the texts that are hidden."""
    if isinstance(real, dict) and isinstance(shown, dict):
        for key in real:
            yield from _lost(real[key], shown.get(key))
    elif isinstance(real, list) and isinstance(shown, list):
        for one, other in zip(real, shown, strict=False):
            yield from _lost(one, other)
    elif isinstance(real, (str, int, float)) and shown in (HIDDEN, HIDDEN_OTHER) and real != shown:
        yield str(real)


def _mask_sentence(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _URL.sub(rf"\1{HIDDEN}", text)
