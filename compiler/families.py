"""Families: check the files of environments, and that all which one file stands for can be side by side.

In: a Library as it was read.    Out: Diagnostics.
Faults: those of `validate` and `places`, D202; D122 to D129, D375, D377.
Never: compares one file with another, but for names: what several files say was meant by whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.blame import map_at, span_of
from compiler.diagnostics import Diagnostic, Related, Span, suggest
from compiler.layers import BRANCH_ENVIRONMENT, LONGEST_NAME, Member, is_branch, list_environments
from compiler.library import load_schema
from compiler.model import Document, Json, Library, Path, value_at
from compiler.places import check_hours, check_place
from compiler.resolve import resolve_environment
from compiler.trace import join, plain
from compiler.validate import validate_document

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# All that a tenant may have of its own while it lives in the network of its family.
_OF_A_GUEST = ("businessHours", "defaults", "images", "regions", "tier")
# ARNs of the library begin with `arn:aws:`, and names of AWS services end with `.amazonaws.com`.
_OTHER_PARTITIONS = re.compile(r"(cn|us-gov|us-iso[a-z]*|eu-isoe|eusc)-.*")


def check_families(library: Library) -> tuple[Diagnostic, ...]:
    """Find what is wrong with the files, one by one; then, where their shape is right, with what they stand for."""
    schema = load_schema("environment.v1")
    found = [fault for document in library.environments.values() for fault in validate_document(document, schema)[1]]
    if found:
        return tuple(found)
    for name, document in library.environments.items():
        found.extend(_check_file(name, document))
    members = list_environments(library.environments)
    found.extend(_check_names(members, library))
    for member in members:
        found.extend(_check_guest(member, library.environments[member.file]))
    if found:
        return tuple(found)
    whole = _Schema(schema)
    places = {member: resolve_environment(library, member.name).environment for member in members if member.is_own}
    for member, data in places.items():
        found.extend(whole.find_missing(member, data, library.environments[member.file]))
    if not found:
        for member, data in places.items():
            found.extend(_check_region(member, data))
            found.extend(check_place(data, member.sections))
        for member in members:
            data = places[member] if member in places else resolve_environment(library, member.name).environment
            found.extend(each for each in check_hours(data) if each not in found)
        found.extend(_check_pairs(places))
        found.extend(_check_baselines(places, library))
    return tuple(found)


def find_empty_regions(library: Library) -> Iterator[Diagnostic]:
    """Tell of regions in which a file has no tenant: no environment is there, so that nothing is made in them."""
    used = {(member.file, member.region) for member in list_environments(library.environments)}
    for name, document in library.environments.items():
        for region in map_at(document.data, "regions"):
            if (name, ("regions", region)) not in used:
                message = f"no tenant of `{name}` is in `{region}`, so nothing is made there"
                span = document.key_span(("regions", region))
                yield Diagnostic("D377", message, span, "remove the region, or let a tenant be in it", "warning")


def _check_file(name: str, document: Document) -> Iterator[Diagnostic]:
    regions, tenants = map_at(document.data, "regions"), map_at(document.data, "tenants")
    if name == BRANCH_ENVIRONMENT:
        for key in ("regions", "tenants"):
            if document.data.get(key):
                message = f"`{name}` cannot have `{key}`: it stands for all branch environments already"
                yield Diagnostic("D124", message, document.key_span((key,)), "remove it, or write it in another file")
    if regions and document.data.get("region") is not None:
        message = "`region` says where the environment is, and `regions` says that it is in several places"
        related = (Related("`regions` is here", document.key_span(("regions",))),)
        hint = "remove `region`, and list it among `regions` if it is one of them"
        yield Diagnostic("D124", message, document.key_span(("region",)), hint, related=related)
    for tenant in tenants:
        for other in tenants:
            if tenant.startswith(f"{other}-") or tenant.endswith(f"-{other}"):
                how = "begins" if tenant.startswith(f"{other}-") else "ends"
                message = f"`{tenant}` {how} as names of things of the tenant `{other}` do, which could be its own"
                related = (Related("the other one", document.key_span(("tenants", other))),)
                side = "behind" if how == "begins" else "before"
                hint = f"rename one of them: none may be called as another with a dash {side} it"
                yield Diagnostic("D122", message, document.key_span(("tenants", tenant)), hint, related=related)
    for tenant, said in tenants.items():
        for region in map_at(said, "regions"):
            if region not in regions:
                near = suggest(region, regions) or "list it in `regions` of the file"
                message = f"`tenants.{tenant}` is to run in `{region}`, which is no region of this file"
                yield Diagnostic("D125", message, document.key_span(("tenants", tenant, "regions", region)), near)


def _check_names(members: list[Member], library: Library) -> Iterator[Diagnostic]:
    """A name means one thing, whoever uses it: an environment, all of a region, or all of a tenant."""
    seen: dict[str, _Place] = {}
    faulty: set[str] = set()
    for member in members:
        if member.file not in faulty and (fault := _check_name(member, library)):
            yield fault
            if not _is_name(member.file):
                faulty.add(member.file)
    for member in members:
        for name, sections in member.meanings:
            place = _Place(member.file, sections)
            if seen.setdefault(name, place) != place and name not in faulty:
                faulty.add(name)
                yield _tell_apart(name, place, seen[name], library)
    if BRANCH_ENVIRONMENT in library.environments:
        for name, place in seen.items():
            if is_branch(name):
                message = f"`{name}` would be {place.describe()}, and is what a branch environment may be called"
                span = place.find_span(library)
                yield Diagnostic("D122", message, span, "choose a name that does not begin with `env-`")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a name means: a file, or some of what it stands for."""

    file: str
    sections: tuple[Path, ...]

    def find_span(self, library: Library) -> Span:
        """Return where the name comes from: its tenant or region, or the beginning of its file."""
        document = library.environments[self.file]
        named = [section for section in self.sections if len(section) == 2]
        return document.key_span(named[-1]) if named else document.value_span(())

    def describe(self) -> str:
        words = [f"`{'.'.join(map(str, section))}`" for section in self.sections if len(section) == 2]
        return f"{' with '.join(words)} of `{self.file}.yml`" if words else f"the file `{self.file}.yml`"


def _check_name(member: Member, library: Library) -> Diagnostic | None:
    for name, sections in ((member.file, ()), (member.name, member.sections)):
        span = _Place(member.file, sections).find_span(library)
        if not _is_name(name):
            message = f"an environment cannot be called `{name}`"
            hint = "use lower-case letters and digits, with single dashes between them"
            return Diagnostic("D123", message, span, hint)
    if len(member.name) > LONGEST_NAME:
        message = f"`{member.name}` is too long a name for an environment: at most {LONGEST_NAME} characters"
        return Diagnostic("D123", message, span, _hint_at_longest(member))
    return None


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _hint_at_longest(member: Member) -> str:
    """Say which of the words that a name is made of to shorten: the longest."""
    words = {member.file: f"rename the file `{member.file}.yml`"}
    rest = member.name.removeprefix(member.file)
    for section in member.sections:
        if section[:1] == ("tenants",):
            tenant = str(section[1])
            words.setdefault(tenant, f"shorten `{tenant}`")
            rest = rest.removeprefix(f"-{tenant}")
    if member.region:
        words[rest.removeprefix("-")] = "give its region a shorter `name`"
    return words[max(words, key=len)]


def _tell_apart(name: str, place: _Place, other: _Place, library: Library) -> Diagnostic:
    message = f"`{name}` would mean both {other.describe()} and {place.describe()}"
    related = (Related("the other one", other.find_span(library)),)
    return Diagnostic("D122", message, place.find_span(library), "rename one of them", related=related)


def _check_guest(member: Member, document: Document) -> Iterator[Diagnostic]:
    """Refuse what a tenant says that would have no effect, as it lives in what it shares with the others."""
    if member.is_own:
        return
    for section in member.sections:
        if section[:1] == ("tenants",):
            for key in map_at({"": value_at(document.data, section)}, ""):
                if key not in _OF_A_GUEST:
                    message = f"`{key}` of `{'.'.join(map(str, section))}` is shared by all tenants without a network"
                    hint = "say it for the whole file, or give the tenant an `account` or a `network` of its own"
                    yield Diagnostic("D126", message, document.key_span((*section, key)), hint)


class _Schema:
    """What an environment needs once all that is said about it is put together."""

    def __init__(self, schema: Any) -> None:
        needed = schema["else"]["else"]
        self.needed: list[Path] = [(key,) for key in needed["required"]]
        for key, inner in needed["properties"].items():
            self.needed += [(key, below) for below in inner["required"]]

    def find_missing(self, member: Member, data: Any, document: Document) -> Iterator[Diagnostic]:
        for path in self.needed:
            if value_at(data, path) is None and (len(path) == 1 or value_at(data, path[:-1]) is not None):
                message = f"`{'.'.join(map(str, path))}` is missing for `{member.name}`"
                places = [f"in `{'.'.join(map(str, section))}`" for section in member.sections if section]
                span = document.key_span(member.sections[-1]) if places else document.value_span(())
                yield Diagnostic("D202", message, span, " or ".join(["say it for the whole file", *places]))


def _check_region(member: Member, data: Any) -> Iterator[Diagnostic]:
    region = data["region"]
    if _OTHER_PARTITIONS.fullmatch(region):
        message = f"`{member.name}` is in `{plain(region)}`, a region whose ARNs do not begin with `arn:aws:`"
        yield Diagnostic("D129", message, span_of(region), "choose a region of the partition `aws`")
    for key in ("certificateAuthority", "privateCertificate"):
        arn = map_at(data, "ingress").get(key)
        if arn is not None and arn.split(":")[3] != region:
            message = f"`ingress.{key}` is in `{plain(arn).split(':')[3]}`, and `{member.name}` in `{plain(region)}`"
            hint = "name one of the same region, which a load balancer needs"
            yield Diagnostic("D128", message, span_of(arn), hint)


def _check_pairs(places: Mapping[Member, Any]) -> Iterator[Diagnostic]:
    """Find what two environments of one file would both make, or cannot both use."""
    seen: dict[tuple[Json, ...], Member] = {}
    for member, data in places.items():
        told: set[str] = set()
        for claim in _claims(data):
            other = seen.setdefault((member.file, claim.what, *map(plain, claim.of)), member)
            if other is not member and claim.about not in told:
                told.add(claim.about)
                message = f"`{other.name}` and `{member.name}` would have one {claim.what}, `{plain(claim.of[0])}`"
                yield Diagnostic("D127", message, span_of(claim.of[0]), claim.hint)
    makers = {plain(data["bucket"]): member for member, data in places.items() if _makes_bucket(data)}
    for member, data in places.items():
        maker = makers.get(plain(data["bucket"]))
        if maker is None or _makes_bucket(data):
            continue
        theirs = places[maker]
        for key in ("region", "account"):
            if plain(theirs[key]) != plain(data[key]):
                message = f"`{member.name}` has another {key} than `{maker.name}`, which makes its bucket"
                hint = "say a `bucket` that it makes itself: one is read in its own account and region only"
                related = (Related(f"`{maker.name}` has it from here", span_of(theirs["bucket"])),)
                yield Diagnostic("D127", message, span_of(data["bucket"]), hint, related=related)
                break
    for member, data in places.items():
        for kind, image in map_at(data, "imageIds").items():
            first = seen.setdefault((member.file, "image", plain(kind), plain(image)), member)
            if plain(places[first]["region"]) != plain(data["region"]):
                message = f"`{first.name}` and `{member.name}` would start from one image, `{plain(image)}`"
                hint = "copy it to each region, and say its `imageIds` there: an image has another id in each"
                yield Diagnostic("D127", message, span_of(image), hint)


def _makes_bucket(data: Any) -> bool:
    return bool(map_at(data, "deploymentBucket").get("madeHere", True))


def _check_baselines(places: Mapping[Member, Any], library: Library) -> Iterator[Diagnostic]:
    """Find accounts of their own with half a baseline, because the region that they are in says so of another one."""
    whole = {(member.file, plain(data["account"])) for member, data in places.items() if _makes_record(data)}
    for member, data in places.items():
        if _makes_record(data) or not map_at(data, "accountBaseline").get("madeHere", True):
            continue
        document = library.environments[member.file]
        last = {
            key: max(
                rank for rank, each in enumerate(member.sections) if value_at(document.data, (*each, *key)) is not None
            )
            for key in (("account",), ("accountBaseline", "regionOnly"))
        }
        account, only = last.values()
        if account > only and (member.file, plain(data["account"])) not in whole:
            message = f"nobody makes the record of calls and the budget of `{plain(data['account'])}`"
            where = ".".join(map(str, member.sections[only]))
            hint = f"say `accountBaseline: {{regionOnly: false}}` there too: `{where}` says so of another account"
            yield Diagnostic("D375", message, span_of(data["account"]), hint)


def _makes_record(data: Any) -> bool:
    baseline = map_at(data, "accountBaseline")
    return bool(baseline.get("madeHere", True)) and not baseline.get("regionOnly", False)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What only one environment can have: `of` are the values that say so, the one to blame first.

    Of what two environments both claim about one thing, the first is told.
    """

    about: str
    what: str
    of: tuple[Json, ...]
    hint: str


def _claims(data: Any) -> Iterator[_Claim]:
    if _makes_bucket(data):
        hint = "say another `bucket` for one of them, or in one region `deploymentBucket: {madeHere: false}`"
        yield _Claim("bucket", "deployment bucket to make", (data["bucket"],), hint)
        yield _Claim("bucket", "bucket", (data["bucket"],), "call one of them otherwise: `-logs` is that of the logs")
        logs = join(data["bucket"], "-logs")
        yield _Claim("bucket", "bucket", (logs,), "call one of them otherwise: `-logs` is that of the logs")
    baseline = map_at(data, "accountBaseline")
    if baseline.get("madeHere", True):
        hint = "say `accountBaseline: {madeHere: false}` for all but one"
        yield _Claim("baseline", "region to watch", (data["region"], data["account"]), hint)
        if not baseline.get("regionOnly", False):
            hint = "say `accountBaseline: {regionOnly: true}` for all but one"
            yield _Claim("baseline", "account to make the baseline of", (data["account"],), hint)
    hint = "give each a zone of its own, such as `us-east-1.shop.example`: names in it belong to one environment"
    yield _Claim("zone", "public zone", (data["publicZone"],), hint)
    if data.get("publicZoneId") is not None:
        yield _Claim("zone id", "public zone id", (data["publicZoneId"],), hint)
