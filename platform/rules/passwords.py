"""What is secret is looked up when the stack is deployed, and never stands in a template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rule import Fault, Place, Rule, Template, is_written_out

_SECRET = {
    *("AdminPassword", "AuthToken", "ClientSecret", "MasterPassword", "MasterUserPassword", "OAuthToken"),
    *("Password", "SecretString", "UserPassword"),
}
_VARIABLE = re.compile(r"(.*_)?(PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|PRIVATE_KEY)", re.IGNORECASE)
_NAME_OF_ONE = re.compile(r"arn:|/|[a-z][a-z0-9+.-]*://")  # where it is kept, not what it is


class NoSecretIsWrittenOut(Rule):
    id = "E9008"
    shortdesc = "No password is written out"
    description = (
        "A property that is a password or a token, or an environment variable that is called so, is a dynamic reference"
        " or comes from outside. A parameter's default is written out too. What looks like a credential of a known"
        " issuer is refused as D208 wherever it stands."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources():
            yield from _search(template, resource.properties, resource.at())


def _search(template: Template, value: Any, place: Place) -> Iterator[Fault]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _search(template, item, (*place, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _SECRET or ("Variables" in place and _VARIABLE.fullmatch(str(key))):
                yield from _check(template, item, (*place, key), key)
            elif key == "Value" and _VARIABLE.fullmatch(str(value.get("Name", ""))) and "Environment" in place:
                yield from _check(template, item, (*place, key), value["Name"])
            yield from _search(template, item, (*place, key))


def _check(template: Template, value: Any, place: Place, name: str) -> Iterator[Fault]:
    for where, text in template.each(value, place):
        if is_written_out(text) and not _NAME_OF_ONE.match(text):
            hint = "write {{resolve:ssm-secure:/path}} or {{resolve:secretsmanager:name}}, and change this one"
            yield Fault(where, f"the secret `{name}` is written out", hint)
