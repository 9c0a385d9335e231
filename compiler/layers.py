"""Layers: which environments the files of a library stand for, and what speaks about each of them, in which order.

In: names, the files of environments, a Descriptor.    Out: names and places, as Members.
Never: reads a setting, or finds fault with a file: what has another shape than the schema asks for says nothing.

A file `production.yml` is one environment. With `regions` it is one in each, `production-eu-west-1`. With `tenants` it
is a family, of one for each customer: `production-acme`, or `production-acme-eu-west-1`. `env-default.yml` stands for
all that are called `env-<name>`, which nobody lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.model import Descriptor, Document, Json, Path, value_at

_BRANCH = re.compile(r"env(-[a-z0-9]+)+")
LONGEST_NAME = 32
BRANCH_ENVIRONMENT = "env-default"
# What a tenant says that does not live in the network of its family.
_OWN = ("account", "network")


@dataclass(frozen=True, slots=True)
class Member:
    """An environment that a file stands for.

    `shared` is the environment whose network, keys and load balancers it uses: itself, or what its family has together.
    `sections` are the places of the file that speak about it, the weakest first, and `meanings` the names under which a
    service does so, each with those places that the name alone stands for. `label` tells it from the others that share.
    `region` is the place of the file that names its region, where that is one of several. Where `is_common`, services
    run in its tenants only.
    """

    name: str
    file: str
    shared: str
    sections: tuple[Path, ...]
    meanings: tuple[tuple[str, tuple[Path, ...]], ...]
    label: str | None = None
    region: Path | None = None
    is_common: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """The names under which a service speaks about it, the weakest first."""
        return tuple(dict.fromkeys(name for name, _ in self.meanings))

    @property
    def is_own(self) -> bool:
        """Whether it has stacks of its own, beside those of services."""
        return self.name == self.shared


def list_environments(files: Mapping[str, Document]) -> list[Member]:
    """List every environment that files stand for, by name; branches are not listed.

    One name may come twice, where what the files list collides.
    """
    found = (member for name, file in files.items() for member in _expand(name, file.data))
    return sorted(found, key=lambda each: each.name)


def list_members(files: Mapping[str, Document]) -> tuple[Member, ...]:
    """List the environments that services run in."""
    return tuple(each for each in list_environments(files) if not each.is_common)


def list_own(files: Mapping[str, Document]) -> tuple[Member, ...]:
    """List the environments that have stacks of their own."""
    return tuple(each for each in list_environments(files) if each.is_own)


def find_member(files: Mapping[str, Document], environment: str) -> Member | None:
    """Find one environment by its name; None where the platform team runs none of that name."""
    for each in list_environments(files):
        if each.name == environment:
            return each
    if BRANCH_ENVIRONMENT in files and is_branch(environment):
        meanings = ((BRANCH_ENVIRONMENT, ((),)), (environment, ((),)))
        return Member(environment, BRANCH_ENVIRONMENT, BRANCH_ENVIRONMENT, ((),), meanings, environment)
    return None


def is_branch(environment: str) -> bool:
    """Tell whether a name is one of those that branch environments have.

    >>> is_branch("env-search"), is_branch("env-default"), is_branch("production")
    (True, False, False)
    """
    is_one = _BRANCH.fullmatch(environment) is not None and len(environment) <= LONGEST_NAME
    return is_one and environment != BRANCH_ENVIRONMENT


def list_families(files: Mapping[str, Document], names: Iterable[str]) -> dict[str, list[str]]:
    """Map those of some environments that are of a family to the names that mean it among others, widest first."""
    found = {name: member for name in names if (member := find_member(files, name)) and not is_branch(name)}
    return {name: list(member.layers[:-1]) for name, member in found.items() if len(member.layers) > 1}


def choose_members(files: Mapping[str, Document], name: str) -> tuple[Member, ...]:
    """List the environments that services run in and that a name means: one, all of a family, or none."""
    members = tuple(each for each in list_members(files) if name in each.layers)
    branch = find_member(files, name)
    return members or ((branch,) if branch else ())


def list_names(files: Mapping[str, Document]) -> list[str]:
    """List every name that means an environment or several, but for branches."""
    return sorted({name for each in list_environments(files) for name in each.layers})


def named_environments(descriptor: Descriptor) -> Iterator[tuple[str, Document]]:
    """Yield each environment that a descriptor or what it extends names, also where nothing stands below the name."""
    for each in descriptor.layers:
        section = each.document.value_at(("environments",))
        for name, overlay in section.items() if isinstance(section, dict) else ():
            if overlay is None or name in (each.data.get("environments") or ()):  # what is faulty was reported before
                yield name, each.document


def _expand(file: str, data: Json) -> Iterator[Member]:
    if file == BRANCH_ENVIRONMENT:
        yield _in_region(file, data, None)
        return
    tenants = _map(data, "tenants")
    for region in _map(data, "regions") or (None,):
        place = _in_region(file, data, region)
        guests = [
            _of_tenant(place, data, tenant)
            for tenant, said in tenants.items()
            if region is None or not _map(said, "regions") or region in said["regions"]
        ]
        yield from guests
        if not tenants or not all(guest.is_own for guest in guests):
            yield replace(place, is_common=bool(tenants))


def _in_region(file: str, data: Json, region: str | None) -> Member:
    if region is None:
        return Member(file, file, file, ((),), ((file, ((),)),))
    key = ("regions", region)
    name = f"{file}-{_word(data, key)}"
    return Member(name, file, name, ((), key), ((file, ((),)), (name, ((), key))), region=key)


def _of_tenant(place: Member, data: Json, tenant: str) -> Member:
    """A tenant that says which account or network is its own shares nothing with the others."""
    key = ("tenants", tenant)
    sections: tuple[Path, ...] = (key,) if place.region is None else (key, (*key, *place.region))
    family = f"{place.file}-{tenant}"
    name = family if place.region is None else f"{family}-{_word(data, place.region)}"
    whole = (*place.sections, *sections)
    is_own = any(value_at(data, (*section, what)) is not None for section in sections for what in _OWN)
    return Member(
        name,
        place.file,
        name if is_own else place.name,
        whole,
        (*place.meanings, (family, ((), key)), (name, whole)),
        None if is_own else tenant,
        place.region,
    )


def _word(data: Json, region: Path) -> str:
    """Name a region as names of environments do: as it is, or by a shorter word."""
    word = value_at(data, (*region, "name"))
    return word if isinstance(word, str) else str(region[-1])


def _map(data: Json, key: str) -> Mapping[str, Json]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}
