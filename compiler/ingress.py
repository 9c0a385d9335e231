"""Ingress: who may reach what is in a security group, and whom it may reach.

In: the resources of a template.    Out: what is opened and what is closed, as Findings.
Never: follows groups to what is in them; a rule that names another group is one of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.known import NOTHING, Known
from compiler.model import Json, Path
from compiler.permissions import Network, is_within, write_token
from compiler.safeguards import Finding

GROUP = "AWS::EC2::SecurityGroup"
_ALL = "-1"
_PORTS = (0, 65535)
_NAMES = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
_ADDRESSES = ("CidrIp", "CidrIpv6")
_OTHERS = (
    *("SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"),
    *("DestinationSecurityGroupId", "DestinationPrefixListId"),
)
_ANYWHERE: Json = {"IpProtocol": _ALL, "CidrIp": "0.0.0.0/0"}


@dataclass(frozen=True, slots=True)
class Opening:
    """One rule: a protocol by number, "-1" for all; ports from and to; a range of addresses, or a name."""

    protocol: str
    ports: tuple[int, int]
    peer: Network | str

    def covers_but_peer(self, other: Opening) -> bool:
        """Tell whether this is about whatever protocol and ports the other is about."""
        if self.protocol == _ALL:
            return True
        return self.protocol == other.protocol and self.ports[0] <= other.ports[0] and other.ports[1] <= self.ports[1]


Openings = dict[Opening, Path]


def find_opened(type_name: str, before: Json, after: Json, known: tuple[Known, Known]) -> Iterator[Finding]:
    """Yield what rules of a security group, or a rule that is a resource, open and close; None for no resource."""
    for direction, label, word in (("Ingress", "exposure", "in"), ("Egress", "egress", "out")):
        is_group = type_name == GROUP
        if not is_group and type_name != f"{GROUP}{direction}":
            continue
        if is_group and direction == "Egress" and (before is None or after is None):
            continue  # every group lets everything out unless told otherwise
        old, new = (
            _read(body, direction, each, is_group=is_group) for body, each in zip((before, after), known, strict=True)
        )
        yield from (
            Finding(f"{label}-widened", f"lets {word} {_words(opening, direction)}", place)
            for opening, place in _uncovered(new, tuple(old))
        )
        yield from (
            Finding(f"{label}-narrowed", f"no longer lets {word} {_words(opening, direction)}", place)
            for opening, place in _uncovered(old, tuple(new))
        )


def _read(body: Json, direction: str, known: Known, *, is_group: bool) -> Openings:
    if not isinstance(body, dict):
        return {}
    properties = body.get("Properties")
    properties = properties if isinstance(properties, dict) else {}
    if not is_group:
        return dict(_openings(properties, ("Properties",), known))
    name = f"SecurityGroup{direction}"
    rules = properties.get(name)
    if not rules and direction == "Egress":
        rules = [_ANYWHERE]
    found: Openings = {}
    for choice in known.possible(rules):
        for index, item in enumerate(choice if isinstance(choice, list) else []):
            for rule in known.possible(item):
                found.update(_openings(rule, ("Properties", name, index), known))
    return found


def _openings(rule: Json, place: Path, known: Known) -> Iterator[tuple[Opening, Path]]:
    """Yield all that one rule can open, with its place."""
    if not isinstance(rule, dict) or rule == NOTHING:
        return
    for protocol in known.possible(rule.get("IpProtocol", _ALL)):
        number = _NAMES.get(write_token(protocol).lower(), write_token(protocol))
        ports = (_port(rule.get("FromPort"), known, 0), _port(rule.get("ToPort"), known, 1))
        for name in (*_ADDRESSES, *_OTHERS):
            for peer in known.possible(rule[name]) if name in rule else ():
                if peer != NOTHING:
                    yield Opening(number, ports, _peer(name, peer)), place


def _port(value: Json, known: Known, end: int) -> int:
    """Return the lowest or the highest port that is meant; all where that is not known."""
    try:
        ports = [int(each) for each in known.possible(value)]
    except (TypeError, ValueError):
        return _PORTS[end]
    found = max(ports) if end else min(ports)
    return _PORTS[end] if found == -1 else found


def _peer(name: str, value: Json) -> Network | str:
    if name in _ADDRESSES and isinstance(value, str):
        try:
            return ipaddress.ip_network(value, strict=False)
        except ValueError:
            pass
    return write_token(value)


def _uncovered(openings: Openings, by: Sequence[Opening]) -> Iterator[tuple[Opening, Path]]:
    for opening, place in openings.items():
        peers = [other.peer for other in by if other.covers_but_peer(opening)]
        if isinstance(opening.peer, str):
            is_covered = opening.peer in peers
        else:
            is_covered = is_within(opening.peer, [peer for peer in peers if not isinstance(peer, str)])
        if not is_covered:
            yield opening, place


def _words(opening: Opening, direction: str) -> str:
    preposition = "from" if direction == "Ingress" else "to"
    names: Mapping[str, str] = {number: name for name, number in _NAMES.items()}
    protocol = names.get(opening.protocol, f"protocol {opening.protocol}")
    if opening.protocol == _ALL:
        what = "everything"
    elif opening.ports == _PORTS or protocol.startswith("icmp"):
        what = f"all {protocol}"
    else:
        first, last = opening.ports
        what = f"{protocol} port {first}" if first == last else f"{protocol} ports {first} to {last}"
    is_anyone = not isinstance(opening.peer, str) and opening.peer.prefixlen == 0
    return f"{what} {preposition} {'anyone' if is_anyone else f'`{opening.peer}`'}"
