"""What is secret is looked up when the stack is deployed, and never stands in a template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rule import Fault, Place, Rule, Template, is_written_out, text_of

_SECRET = {
    *("AdminPassword", "AuthToken", "ClientSecret", "MasterPassword", "MasterUserPassword", "OAuthToken"),
    *("Password", "SecretString", "UserPassword"),
}
_VARIABLE = re.compile(
    r"(.*_)?(PASS|PASSPHRASE|SECRET|SECRET_?KEY|ACCESS_?KEY|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)"
    r"|.*PASSW(OR)?D|.+_PWD",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"://[^/?#\s]*:[^/?#\s]+@")
# Where it is kept, not what it is: `/name` alone could be either.
_NAME_OF_ONE = re.compile(r"arn:|/[^/]+/|[a-z][a-z0-9+.-]*://")
# What is called a secret may be the name of one in Secrets Manager: plain words with a slash between them.
_MAY_BE_NAMED = re.compile(r"(.*_)?SECRET", re.IGNORECASE)
_WORD = r"([a-z]+|[a-z]{1,2}\d|\$)([-_.]([a-z]+|[a-z]{1,2}\d|\d{1,2}|\$))*"
_WORDS = re.compile(rf"{_WORD}(/{_WORD})+")


class NoSecretIsWrittenOut(Rule):
    id = "E9008"
    shortdesc = "No password is written out"
    description = (
        "A property that is a password or a token, or an environment variable that is called so, is a dynamic reference"
        " or comes from outside, and no environment variable holds an address with a password in it. A parameter's"
        " default is written out too. `DB_SECRET` may be the name of one, such as `orders/db`."
        " What looks like a credential of a known issuer is refused as D208 wherever it"
        " stands."
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
            if key in _SECRET:
                yield from _check(template, item, (*place, key), key)
            elif "Variables" in place:
                yield from _check_variable(template, item, (*place, key), str(key))
            elif key == "Value" and "Environment" in place:
                for name in template.options(value.get("Name")):
                    yield from _check_variable(template, item, (*place, key), str(name))
            yield from _search(template, item, (*place, key))


def _check_variable(template: Template, value: Any, place: Place, name: str) -> Iterator[Fault]:
    if _VARIABLE.fullmatch(name):
        yield from _check(template, value, place, name)
        return
    for where, text in template.texts(value, place):
        if _PASSWORD_IN_URL.search(text) and is_written_out(text):
            yield _fault(where, name)


def _check(template: Template, value: Any, place: Place, name: str) -> Iterator[Fault]:
    for where, each in template.each(value, place):
        text = text_of(each) or ""
        is_name = _NAME_OF_ONE.match(text) or (_MAY_BE_NAMED.fullmatch(name) and _WORDS.fullmatch(text))
        if is_written_out(each) and (_PASSWORD_IN_URL.search(text) or not is_name):
            yield _fault(where, name)


def _fault(place: Place, name: str) -> Fault:
    hint = "write {{resolve:ssm-secure:/path}} or {{resolve:secretsmanager:name}}, and change this one"
    return Fault(place, f"the secret `{name}` is written out", hint)
