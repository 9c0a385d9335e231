"""Wording: a message shows a part of a value, and never a part of a credential."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.wording import cut_text, write_both, write_value

TOKEN = "AKIA" + "IOSFODNN7EXAMPLE"
BODY = "MIIEpAIBAAKCAQEA7bq"
KEY = "-----BEGIN RSA " + f"PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"


def shows(text: str) -> bool:
    return TOKEN[:8] in text or TOKEN[-8:] in text or BODY[:8] in text or BODY[-8:] in text


@given(before=st.integers(0, 80), secret=st.sampled_from([TOKEN, KEY]), most=st.integers(10, 90))
def test_half_of_a_credential_is_masked_as_the_whole_is(before: int, secret: str, most: int) -> None:
    value = "x" * before + " " + secret
    assert not shows(cut_text(value, most))
    assert not shows(write_value([value, 1], most))


@given(before=st.integers(0, 80), secret=st.sampled_from([TOKEN, KEY]), after=st.integers(0, 40))
def test_two_values_are_cut_on_both_sides_after_they_were_masked(before: int, secret: str, after: int) -> None:
    value = "x" * before + f" {secret} " + "y" * after
    assert not any(map(shows, write_both([value, 1], [value, 2], 40)))
