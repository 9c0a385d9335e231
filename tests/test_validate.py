"""Validate: each fault of shape, under the words that are at fault, and what is left for the rooms after it."""

from __future__ import annotations

import pytest

from compiler.load import load_document
from compiler.validate import validate_document
from tests.describing import SERVICE, describe, toy_library
from tests.spans import show


# What is indented stands in `processes.web`, the last of SERVICE.
@pytest.mark.parametrize(
    ("text", "shown", "message", "hint"),
    [
        ("extra: 1", "D203 9 extra", "unknown key `extra`", None),
        ("ownr: me", "D203 9 ownr", "unknown key `ownr`", "did you mean `owner`?"),
        (
            "    helthCheck: {}",
            "D203 9 helthCheck",
            "unknown key `helthCheck` in `processes.web`",
            "did you mean `healthCheck`?",
        ),
        (
            "    min: 2",
            "D203 9 min",
            "unknown key `min` in `processes.web`",
            "did you mean `warmPool.min` or `scaling.min` or `deployment.minInService`?",
        ),
        (
            "    scaling: [1]",
            "D204 9 [1]",
            "`scaling` in `processes.web` is a list, not a map",
            "write `key: value` lines, indented",
        ),
        (
            "    scaling: {min: '2'}",
            "D204 9 '2'",
            "`min` in `processes.web.scaling` is a string, not a whole number",
            "write 2 without quotes",
        ),
        (
            "    scaling: {min: 2.0}",
            "D204 9 2.0",
            "`min` in `processes.web.scaling` is the number `2.0`, not a whole number",
            None,
        ),
        (
            "    scaling: {min: true}",
            "D204 9 true",
            "`min` in `processes.web.scaling` is `true`, not a whole number",
            None,
        ),
        ("description: 5", "D204 9 5", "`description` is the number `5`, not a string", 'write "5" in quotes'),
        (
            "description: 1.10",
            "D204 9 1.10",
            "`description` is the number `1.10`, not a string",
            'write "1.10" in quotes',
        ),
        (
            "    alarms: {cpu: {for: 5}}",
            "D204 9 5",
            "`for` in `processes.web.alarms.cpu` is the number `5`, not a string",
            "write something like `3 of 5`",
        ),
        (
            "    alarms: {cpu: {for: 4/5}}",
            "D206 9 4/5",
            "`for` in `processes.web.alarms.cpu` cannot be `4/5`",
            "write something like `3 of 5`",
        ),
        (
            "    scaling: {max: 08080}",
            "D204 9 08080",
            "`max` in `processes.web.scaling` is a string, not a whole number",
            "write 8080",
        ),
        ("messages: {publish: a}", "D204 9 a", "`publish` in `messages` is a string, not a list or a map", None),
        ("messages: {publish: [~]}", "D204 9 ~", "item 1 of `messages.publish` is empty, not a string", None),
        (
            "    exposure: Public",
            "D205 9 Public",
            "`exposure` in `processes.web` cannot be `Public`",
            "did you mean `public`?",
        ),
        (
            "    logs: {app: {retentionDays: '30'}}",
            "D205 9 '30'",
            "`retentionDays` in `processes.web.logs.app` cannot be `30`",
            "write 30 without quotes",
        ),
        (
            "    logs: {app: {retentionDays: 31}}",
            "D205 9 31",
            "`retentionDays` in `processes.web.logs.app` cannot be `31`",
            None,
        ),
        (
            "    logs: {My_App: {path: /a}}",
            "D206 9 My_App",
            "`My_App` in `processes.web.logs` is not a valid name here",
            "write `my-app`",
        ),
        (
            "    dns: 'shop\n      '",
            "D206 9 'shop\n      '",
            "`dns` in `processes.web` cannot be `shop `",
            "write `shop`",
        ),
        ('    dns: "shop\\n"', 'D206 9 "shop\\n"', "`dns` in `processes.web` cannot be `shop\\n`", "write `shop`"),
        (
            "secrets: {KEY: a/b}",
            "D206 9 ***",
            "`KEY` in `secrets` is not the path of a parameter",
            "store it as a SecureString parameter, name its path under `secrets`, and revoke this one",
        ),
        ("    rootVolumeSize: 7", "D207 9 7", "`rootVolumeSize` in `processes.web` `7` is below 8", "at least 8"),
        (
            "    scaling: {target: {cpu: 101}}",
            "D207 9 101",
            "`cpu` in `processes.web.scaling.target` `101` is above 100",
            None,
        ),
        (
            "config: {TOKEN: ghp_" + "a" * 36 + "}",
            "D208 9 ghp_" + "a" * 36,
            "`TOKEN` in `config` looks like a credential",
            None,
        ),
        ("messages: {publish: [a, b, a]}", "D209 9 [a, b, a]", "`publish` in `messages` names `a` twice", None),
    ],
)
def test_a_fault_stands_under_its_words_and_says_what_to_do(
    text: str, shown: str, message: str, hint: str | None
) -> None:
    _, faults = describe(f"{SERVICE}{text}\n")
    assert [shown] == show(faults)
    assert message == faults[0].message
    assert hint is None or hint == faults[0].hint


def test_what_is_missing_is_reported_at_the_map_it_belongs_to() -> None:
    _, faults = describe("service: orders\nowner: squad-toy\nplatform: '1.0'\n")
    assert [("D202", "`processes` is missing", "add `processes: ...`")] == [
        (fault.code, fault.message, fault.hint) for fault in faults
    ]


def test_all_faults_come_at_once() -> None:
    text = SERVICE + "    min: 2\n    scaling: {max: x, target: {cpu: 0, gpu: 1}}\nmessages: {publish: [A, B, c]}\n"
    _, faults = describe(text)
    assert ["D203 10 gpu", "D203 9 min", "D204 10 x", "D206 11 A", "D206 11 B", "D207 10 0"] == sorted(show(faults))


def test_nulls_are_as_if_nothing_stood_there() -> None:
    text = SERVICE + "    dns:\n    scaling: ~\nmessages:\nconfig: {A: ~}\nenvironments: {production: , staging: ~}\n"
    descriptor, faults = describe(text)
    assert () == faults
    assert {"runtime", "command", "port"} == set(descriptor.data["processes"]["web"])
    assert {} == descriptor.data["config"] == descriptor.data["environments"]
    assert "messages" not in descriptor.data


def test_a_faulty_key_or_section_is_left_out_and_a_faulty_scalar_stays() -> None:
    text = SERVICE + "    port2: 1\n    scaling: [1]\n    rootVolumeSize: 7\nmessages: {publish: [a, [b], {c: d}, e]}\n"
    descriptor, _ = describe(text)
    assert 7 == descriptor.data["processes"]["web"]["rootVolumeSize"]
    assert {"port2", "scaling"}.isdisjoint(descriptor.data["processes"]["web"])
    assert ["a", "e"] == descriptor.data["messages"]["publish"]  # in a fixed order, whatever the hash seed


@pytest.mark.parametrize("text", ["", "text", "[a]", "5"])
def test_a_document_that_is_no_map_has_one_fault_and_describes_nothing(text: str) -> None:
    document, _ = load_document(f"--- {text}\n".encode(), "service.yml", dialect="plain")
    descriptor, faults = validate_document(document, toy_library().schema)
    assert ({}, ["D204"]) == (descriptor.data, [fault.code for fault in faults])


def test_a_credential_is_found_wherever_it_stands_and_never_repeated() -> None:
    key = "AKIAIOSFODNN7EXAMPLE"
    text = f"{SERVICE}    command2: {key}\ndescription: [{{a: '{key} '}}]\nconfig: {{A: {key}}}\n"
    _, faults = describe(text)
    assert [9, 10, 11] == sorted(fault.span.line for fault in faults if fault.code == "D208" and fault.span)
    assert key not in "".join(f"{fault.message} {fault.hint}" for fault in faults if fault.code == "D208")


def test_a_long_value_is_cut_in_the_message() -> None:
    _, (fault,) = describe(f"{SERVICE}    exposure: {'x' * 5000}\n")
    assert "..." in fault.message and len(fault.message) < 150


def test_validating_changes_no_document() -> None:
    document, _ = load_document((SERVICE + "    a: ~\n    b: {c: ~}\n").encode(), "service.yml", dialect="plain")
    before = repr(document.data)
    validate_document(document, toy_library().schema)
    assert before == repr(document.data)
