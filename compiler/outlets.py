"""Outlets: of the types that a template is given, those of what a process may reach and do outside of itself.

In: nothing.    Out: types; their strings and numbers are traced values.
Never: changes after it is made.
"""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_INTERNET = 7  # the longest prefix of a range that counts as that, as for guardrails


@dataclass(frozen=True, slots=True)
class Destination:
    """A range of IPv4 addresses that connections may lead to, on one TCP port."""

    name: str
    cidr: str
    port: int = 443


@dataclass(frozen=True, slots=True)
class Egress:
    """What instances may open connections to, beyond what all of them need: HTTPS to anywhere if `internet` is "open",
    and not if it is "closed"."""

    internet: str = "open"
    destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """What a process may do with one thing; one of `bucket` to `consume` names it. `publish` is "<service>.<event>".

    `access` is "read", "write" or "readWrite". `key` is the ARN of its key where that is not the platform's. `ordered`
    is of `publish`: whether the event keeps the order of its messages.
    """

    name: str
    access: str = "read"
    bucket: str | None = None
    prefix: str | None = None
    parameters: str | None = None
    secret: str | None = None
    publish: str | None = None
    consume: str | None = None
    key: str | None = None
    ordered: bool = False
