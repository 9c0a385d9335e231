"""Destinations: where processes ask to open connections to, held against what is there.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D365, D366, D399.
Never: knows what listens at an address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import fault_at, is_from_service, map_at, span_of
from compiler.diagnostics import Diagnostic, Related
from compiler.model import Settings
from compiler.outlets import WHOLE_INTERNET
from compiler.trace import plain

INTERNET = "internet"
_HTTPS = 443


def check_destinations(settings: Settings, processes: Mapping[str, dict[str, Any]]) -> Iterator[Diagnostic]:
    """Check `egress` of every process."""
    for name, process in processes.items():
        egress = map_at(process, "egress")
        named = {key: each for key, each in egress.items() if key != INTERNET and isinstance(each, dict)}
        yield from _check_ranges(settings, name, named)
        yield from _check_internet(settings, name, egress)


def list_destinations(process: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names of a process's destinations, each with what is said of it."""
    yield from ((key, each) for key, each in map_at(process, "egress").items() if key != INTERNET)


def _check_ranges(settings: Settings, name: str, named: Mapping[str, dict[str, Any]]) -> Iterator[Diagnostic]:
    network = map_at(settings.environment, "network")
    seen: dict[tuple[str, int], Any] = {}
    for key, destination in named.items():
        said, port = destination.get("cidr"), plain(destination.get("port", _HTTPS))
        if not isinstance(said, str) or not isinstance(port, int):
            continue  # missing or of another shape, which is said elsewhere
        where = f"processes.{name}.egress.{key}"
        try:
            asked = ipaddress.IPv4Network(plain(said), strict=False)
        except ValueError:
            continue
        first = seen.setdefault((str(asked), port), said)
        if str(asked) != plain(said):
            message = f"`{said}` of `{where}` begins within `{asked}`, which AWS would make of it"
            yield fault_at("D365", message, said, f"write `{asked}`, or `/32` for a single address")
        elif first is not said:
            related = (Related("first named here", span_of(first)),)
            message = f"`{where}` names what another destination names, and AWS takes no rule twice"
            yield Diagnostic("D365", message, span_of(said), "remove one of the two", related=related)
        elif port == _HTTPS and asked.prefixlen <= WHOLE_INTERNET:
            message = f"`{said}` of `{where}` is the internet, which has a word of its own"
            yield fault_at("D365", message, said, "set `egress.internet: true`, or name the range that is meant")
        elif port == _HTTPS and str(asked) == plain(network.get("cidr")):
            message = f"`{where}` is the network of `{settings.environment_name}`, where HTTPS leads anyway"
            yield fault_at("D365", message, said, "remove it; AWS takes no rule twice")
        elif plain(network.get("nat")) == "none" and asked.is_global:
            message = f"`{said}` of `{where}` is not reached from `{settings.environment_name}`, which has no way out"
            yield fault_at(
                "D366", message, said, "leave it out there, or ask the platform team for a way out", "warning"
            )


def _check_internet(settings: Settings, name: str, egress: Mapping[str, Any]) -> Iterator[Diagnostic]:
    network, region = map_at(settings.environment, "network"), settings.environment.get("region")
    has_nat = plain(network.get("nat")) != "none"
    for word, wanted in egress.items():
        if word != INTERNET or not isinstance(wanted, bool):
            continue
        if wanted and not has_nat and is_from_service(word):
            where = settings.environment_name
            message = f"`processes.{name}.egress.internet` reaches nobody in `{where}`, whose network has no way out"
            hint = f"set it to `false` for `{settings.layers[0]}`, or leave it out"
            yield fault_at("D366", message, word, hint, "warning")
        if not (wanted and has_nat) and plain(region) not in map_at(settings.environment, "prefixLists"):
            message = f"`processes.{name}` reaches S3 without the internet, whose prefix list in {region} is unknown"
            hint = f"ask the platform team to add `{region}` to `prefixLists` of platform.yml"
            yield fault_at("D399", message, region if wanted else word, hint)
