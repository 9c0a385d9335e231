"""Ingress: who may reach what is in a security group, and whom it may reach.

In: the resources of a template.    Out: what is opened and what is closed, as Findings.
Never: follows groups to what is in them; a rule that names another group is one of its own.
"""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.containment import Network
from compiler.known import NOTHING, Known
from compiler.model import Json, Path, value_at
from compiler.permissions import write_token
from compiler.safeguards import Finding

GROUP = "AWS::EC2::SecurityGroup"
_ALL = "-1"
_PORTS = (0, 65535)
_LOWEST = -1  # of all numbers that stand for a port or a kind of message
_NAMES = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
_ADDRESSES = ("CidrIp", "CidrIpv6")
_OTHERS = (
    *("SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"),
    *("DestinationSecurityGroupId", "DestinationPrefixListId"),
)
_LABELS: Mapping[str, tuple[str, str]] = {"Ingress": ("exposure", "in"), "Egress": ("egress", "out")}
_ANYWHERE: Json = {"IpProtocol": _ALL, "CidrIp": "0.0.0.0/0"}


@dataclass(frozen=True, slots=True)
class Opening:
    """One rule: a protocol by number, "-1" for all; ports from and to; a range of addresses, or a name."""

    protocol: str
    ports: tuple[int, int]
    peer: Network | str


Openings = dict[Opening, Path]


# Properties that hold ranges of addresses and nothing of protocols: where they stand, what holds without them.
_RANGES: Mapping[str, tuple[tuple[Path, str], str | None]] = {
    "AWS::EC2::PrefixList": ((("Entries",), "Cidr"), None),
    "AWS::EKS::Cluster": ((("ResourcesVpcConfig", "PublicAccessCidrs"), ""), "0.0.0.0/0"),
    "AWS::RDS::DBSecurityGroup": ((("DBSecurityGroupIngress",), "CIDRIP"), None),
    "AWS::RDS::DBSecurityGroupIngress": (((), "CIDRIP"), None),
}
_ACL_ENTRY = "AWS::EC2::NetworkAclEntry"


def find_opened(type_name: str, before: Json, after: Json, known: tuple[Known, Known]) -> Iterator[Finding]:
    """Yield what rules of a security group, or a rule that is a resource, open and close; None for no resource."""
    if type_name in _RANGES and (_RANGES[type_name][1] is None or None not in (before, after)):
        sides = [_read_ranges(type_name, body, each) for body, each in zip((before, after), known, strict=True)]
        yield from _compare(sides[0], sides[1], "Ingress")
    elif type_name == _ACL_ENTRY:
        for direction in _LABELS:
            for action in ("allow", "deny"):
                sides = [
                    _read_entry(body, direction, action, each)
                    for body, each in zip((before, after), known, strict=True)
                ]
                old, new = sides if action == "allow" else reversed(sides)
                yield from _compare(old, new, direction)
    for direction in _LABELS:
        is_group = type_name == GROUP
        if not is_group and type_name != f"{GROUP}{direction}":
            continue
        if is_group and direction == "Egress" and (before is None or after is None):
            continue  # every group lets everything out unless told otherwise
        old, new = (
            _read(body, direction, each, is_group=is_group) for body, each in zip((before, after), known, strict=True)
        )
        yield from _compare(old, new, direction)


def _compare(old: Openings, new: Openings, direction: str) -> Iterator[Finding]:
    label, word = _LABELS[direction]
    yield from (
        Finding(f"{label}-widened", f"lets {word} {_words(opening, direction)}", place)
        for opening, place in _uncovered(new, old)
    )
    yield from (
        Finding(f"{label}-narrowed", f"no longer lets {word} {_words(opening, direction)}", place)
        for opening, place in _uncovered(old, new)
    )


def _read_ranges(type_name: str, body: Json, known: Known) -> Openings:
    if not isinstance(body, dict):
        return {}
    (place, key), absent = _RANGES[type_name]
    if str(value_at(body, ("Properties", *place[:-1], "EndpointPublicAccess"))).lower() == "false":
        return {}
    place = ("Properties", *place)
    listed = value_at(body, place)
    if listed is None:
        listed = [absent] if absent is not None else []
    found: Openings = {}
    for choice in known.possible(listed):
        for index, item in enumerate(choice if isinstance(choice, list) else [choice]):
            ranges = value_at(item, (key,)) if key else item
            for each in known.possible(ranges) if ranges is not None else ():
                found[Opening(_ALL, _PORTS, _peer(_ADDRESSES[0], each))] = (*place, index)
    return found


def _read_entry(body: Json, direction: str, action: str, known: Known) -> Openings:
    """Read an entry of a network ACL as a rule of a group; none where it is of the other direction or action."""
    properties = body.get("Properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or str(properties.get("RuleAction")).lower() != action:
        return {}
    if (str(properties.get("Egress", False)).lower() == "true") != (direction == "Egress"):
        return {}
    ports = properties.get("PortRange")
    ports = ports if isinstance(ports, dict) else {}
    rule = {
        "IpProtocol": str(properties.get("Protocol", _ALL)),
        **{theirs: ports[name] for name, theirs in (("From", "FromPort"), ("To", "ToPort")) if name in ports},
        **{
            theirs: properties[name]
            for name, theirs in (("CidrBlock", "CidrIp"), ("Ipv6CidrBlock", "CidrIpv6"))
            if name in properties
        },
    }
    return dict(_openings(rule, ("Properties",), known))


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


def _uncovered(openings: Openings, by: Iterable[Opening]) -> Iterator[tuple[Opening, Path]]:
    cover = _Cover(by)
    yield from ((opening, place) for opening, place in openings.items() if not cover.covers(opening))


class _Cover:
    """What several rules open together, looked up by protocol, port and address."""

    def __init__(self, openings: Iterable[Opening]) -> None:
        self.openings = frozenset(openings)
        self.by_protocol: dict[str, list[Opening]] = {}
        for opening in self.openings:
            self.by_protocol.setdefault(opening.protocol, []).append(opening)
        self.strips: dict[str, tuple[list[int], list[_Peers]]] = {}

    def covers(self, opening: Opening) -> bool:
        """Tell whether the rules open all that another opens, at each of its ports."""
        if opening in self.openings:
            return True
        starts, strips = self._find_strips(opening.protocol)
        first, last = opening.ports
        at = bisect.bisect_right(starts, first) - 1
        return at >= 0 and all(
            strips[here].covers(opening.peer) for here in range(at, bisect.bisect_right(starts, max(first, last)))
        )

    def _find_strips(self, protocol: str) -> tuple[list[int], list[_Peers]]:
        """Return where ranges of ports begin between which the rules for a protocol do not change, and what holds."""
        if protocol not in self.strips:
            rules = self.by_protocol.get(protocol, []) if protocol != _ALL else []
            everywhere = [opening.peer for opening in self.by_protocol.get(_ALL, [])]
            ends = {port for rule in rules for port in (rule.ports[0], rule.ports[1] + 1)}
            starts = sorted({_LOWEST, *ends})
            held: list[list[Network | str]] = [list(everywhere) for _ in starts]
            for rule in rules:
                for at in range(
                    bisect.bisect_left(starts, rule.ports[0]), bisect.bisect_left(starts, rule.ports[1] + 1)
                ):
                    held[at].append(rule.peer)
            self.strips[protocol] = starts, [_Peers(peers) for peers in held]
        return self.strips[protocol]


class _Peers:
    """Ranges of addresses taken together, and names."""

    def __init__(self, peers: Sequence[Network | str]) -> None:
        self.names = {peer for peer in peers if isinstance(peer, str)}
        networks = [peer for peer in peers if not isinstance(peer, str)]
        self.ranges = {
            version: sorted(ipaddress.collapse_addresses(each for each in networks if each.version == version))  # type: ignore[type-var]
            for version in (4, 6)
        }

    def covers(self, peer: Network | str) -> bool:
        """Tell whether a range lies within these, or a name is among them."""
        if isinstance(peer, str):
            return peer in self.names
        ranges = self.ranges[peer.version]
        at = bisect.bisect_right(ranges, peer.network_address, key=lambda each: each.network_address) - 1
        return at >= 0 and peer.subnet_of(ranges[at])  # type: ignore[arg-type]


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
