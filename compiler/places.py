"""Places: values of one environment that agree with its schema, and that AWS would refuse or that lead nowhere.

In: what is said about an environment, put together.    Out: Diagnostics.
Faults: D373.
Never: compares one environment with another, that is `families`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

from compiler.blame import map_at, span_of
from compiler.calls import ENDPOINTS
from compiler.diagnostics import Diagnostic, Related, suggest
from compiler.model import Path
from compiler.refusals import find_no_time
from compiler.time_zones import list_time_zones
from compiler.trace import plain, settings_of


def check_place(data: Mapping[str, Any], sections: tuple[Path, ...]) -> Iterator[Diagnostic]:
    """Check what has an environment of its own. `sections` are the places of its file, the weakest first."""
    network, bastion = data["network"], map_at(data, "bastion")
    ranges = [_read_range(cidr) for cidr in (network["cidr"], bastion.get("clientCidr")) if cidr is not None]
    for each in ranges:
        if isinstance(each, Diagnostic):
            yield each
    if bastion.get("mode") == "clientVpn":
        for key in ("samlProvider", "clientCidr"):
            if bastion.get(key) is None:
                message = f"a client VPN needs `bastion.{key}`"
                yield _refuse(message, bastion["mode"], f"say `{key}` beside `mode`")
        if len(ranges) == 2 and _overlap(*ranges):
            message = f"`{plain(bastion['clientCidr'])}` for clients has addresses of the network, {network['cidr']}"
            yield _refuse(message, bastion["clientCidr"], "choose a range apart from that of the network")
    yield from _check_endpoints(network)
    yield from _check_zones(data, sections)
    yield from _check_bucket(data["bucket"])


def check_hours(data: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Check business hours, which also a tenant has that shares all else."""
    hours = map_at(data, "businessHours")
    start, stop, zone = hours.get("start"), hours.get("stop"), hours.get("timeZone")
    if isinstance(zone, str) and zone not in list_time_zones():
        hint = suggest(plain(zone), list_time_zones()) or "write a name of IANA's, such as `Europe/London` or `UTC`"
        yield _refuse(f"no time zone is called `{plain(zone)}`", zone, hint)
    for key, said in (("start", start), ("stop", stop)):
        for message, hint in find_no_time(said) if isinstance(said, str) else ():
            yield _refuse(f"{message} of `businessHours.{key}`", said, hint)
    if isinstance(start, str) and start == stop:
        message = f"`businessHours` end when they start, at `{plain(start)}`"
        yield _refuse(message, stop, "say another `stop`: processes would start and stop at once")


def _refuse(message: str, said: Any, hint: str, *related: Related) -> Diagnostic:
    return Diagnostic("D373", message, span_of(said), hint, related=related)


def _read_range(cidr: Any) -> IPv4Network | Diagnostic:
    whole = ip_network(plain(cidr), strict=False)
    assert isinstance(whole, IPv4Network), cidr  # by the schema
    if str(whole) == plain(cidr):
        return whole
    return _refuse(f"`{plain(cidr)}` is an address within a range, and none begins there", cidr, f"write `{whole}`")


def _overlap(one: IPv4Network | Diagnostic, other: IPv4Network | Diagnostic) -> bool:
    return isinstance(one, IPv4Network) and isinstance(other, IPv4Network) and one.overlaps(other)


def _check_endpoints(network: Mapping[str, Any]) -> Iterator[Diagnostic]:
    listed = network.get("endpoints")
    for name in listed if isinstance(listed, list) else ():
        near = None if name in ENDPOINTS else suggest(plain(name), ENDPOINTS)
        if near:
            yield _refuse(f"no AWS service has an endpoint `{plain(name)}`", name, near)


def _check_zones(data: Mapping[str, Any], sections: tuple[Path, ...]) -> Iterator[Diagnostic]:
    public, zone_id = data["publicZone"], data.get("publicZoneId")
    if zone_id is None:
        return
    said, last = settings_of(zone_id)[0].history[-1], settings_of(public)[0].history
    # What was said of the zone before the id came, or with it, is what the id is of.
    known = [word.value for word in last if _rank(word.pointer, sections) <= _rank(said.pointer, sections)]
    if known and known[-1] != plain(public):
        message = f"`{plain(zone_id)}` is the id of `{known[-1]}`, and the public zone is `{plain(public)}`"
        hint = "say the zone's own `publicZoneId` beside it, or none for the whole file"
        yield _refuse(message, public, hint, Related("the id is here", span_of(zone_id)))


def _rank(pointer: Path, sections: tuple[Path, ...]) -> int:
    """Tell how strong the section is that a word stands in."""
    return sections.index(pointer[:-1]) if pointer[:-1] in sections else -1


def _check_bucket(bucket: Any) -> Iterator[Diagnostic]:
    name = plain(bucket)
    if name.replace(".", "").isdecimal() and name.count(".") == 3:
        yield _refuse(f"no bucket can be called as an address, `{name}`", bucket, "choose another name")
    elif name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(("-s3alias", "--ol-s3", "--x-s3")):
        yield _refuse(f"names of buckets such as `{name}` are kept by AWS for itself", bucket, "choose another name")
