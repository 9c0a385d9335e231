"""Promote: let an environment run another release of a service, or the one that ran before.

In: a Bucket, and who wants which release where.    Out: the Channel after it, and the move unless there was no need.
Faults: D840 to D844, D861 and D863 as CompileError; D846, D862 and, of what goes on all the same, D861 and D863 as
warnings;
ChannelMoved, where somebody else was faster; what the bucket raises.
Never: moves a channel to a release that it has not read to the last byte since it read the channel, or moves twice.

That order is what keeps `gc` safe. It puts a mark beside a release before it removes it, then writes to every channel
that could move there: a move planned before the mark is refused by the bucket, one planned after finds the mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from compiler.blame import map_at
from compiler.bucket import Bucket, BucketUnreachable, Conflict, DamagedObject, NotInBucket
from compiler.channel import (
    Channel,
    Move,
    Wish,
    channel_key,
    find_previous,
    move_channel,
    parse_channel,
    render_channel,
)
from compiler.contracts import Neighbor, find_orphans, find_rivals, read_neighbor
from compiler.diagnostics import CompileError, Diagnostic, Severity, suggest
from compiler.ended_mutes import find_ended_mutes
from compiler.layers import BRANCH_ENVIRONMENT, is_branch
from compiler.manifest import MANIFEST, MARK, DamagedManifest, open_manifest
from compiler.model import Json
from compiler.publish import ReleaseNameError, check_name, list_release_ids, release_folder
from compiler.release_check import CheckedRelease, check_release

_CHANNEL_KEY = re.compile(r"environments/(?P<environment>[^/]+)/(?P<service>[^/]+)\.json")
_READERS = 8
_TRIES = 5
_MAX_FAULTS = 5
_LOSES = "its subscription goes with the topic: `docs/messages.md` says how it comes back"
_TAKES = "the deployment fails or takes it away from `{}`: settle it with who owns that"


class ChannelMoved(Conflict):
    """Somebody else moved the channel since it was read; `channel` is what it is now."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel.key)
        self.channel = channel
        last = channel.history[-1]
        said = f"`{channel.service}` in `{channel.environment}` runs `{last.release}` now"
        self.args = (f"{said}: move {last.number}, a {last.action} by `{last.actor.name}` at {last.at}, was faster",)


@dataclass(frozen=True, slots=True)
class Moved:
    """A channel that runs what was asked for. `move` is None where it ran it before; `found` are warnings."""

    channel: Channel
    move: Move | None
    found: tuple[Diagnostic, ...] = ()


def read_channel(bucket: Bucket, service: str, environment: str) -> tuple[Channel, str | None]:
    """Read a channel, which is empty where nothing was promoted yet, and the tag of its version.

    Raises ReleaseNameError, DamagedObject.
    """
    key = channel_key(check_name(service, "service"), check_name(environment, "environment"))
    try:
        content, tag = bucket.read_tagged(key)
    except NotInBucket:
        return Channel(service, environment), None
    return parse_channel(content, service, environment), tag


def list_channels(bucket: Bucket) -> list[tuple[str, str]]:
    """Name the service and the environment of every channel, in the order of their keys."""
    keys = bucket.list_keys("environments/")
    return [(found["service"], found["environment"]) for key in keys if (found := _CHANNEL_KEY.fullmatch(key))]


def read_channels(bucket: Bucket, service: str | None = None) -> tuple[Channel, ...]:
    """Read every channel, or those of one service, in the order of their keys. Raises DamagedObject."""
    channels, damaged = read_sound_channels(bucket, service)
    if damaged:
        raise damaged[0]
    return channels


def read_sound_channels(
    bucket: Bucket, service: str | None = None
) -> tuple[tuple[Channel, ...], tuple[DamagedObject, ...]]:
    """Read what `read_channels` does as far as it is sound, and tell what is not."""
    if service is not None:
        check_name(service, "service")

    def read(names: tuple[str, str]) -> Channel | DamagedObject:
        try:
            return read_channel(bucket, *names)[0]
        except DamagedObject as damage:
            return damage
        except ReleaseNameError:
            return DamagedObject(channel_key(*names), "no channel can have this name")

    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(read, [each for each in list_channels(bucket) if service in (None, each[0])]))
    return (
        tuple(each for each in found if isinstance(each, Channel)),
        tuple(each for each in found if isinstance(each, DamagedObject)),
    )


def suggest_channel(bucket: Bucket, service: str, environment: str | None = None) -> str | None:
    """Phrase a hint where a service, or one in an environment, has no channel: those with a near name; or None."""
    known = list_channels(bucket)
    services = {name for name, _ in known}
    if service not in services:
        return suggest(service, services)
    return suggest(environment, {place for name, place in known if name == service}) if environment else None


def miss_release(bucket: Bucket, service: str, release: str) -> CompileError:
    """Tell of a release that a bucket which answers does not have: a name that is wrong, and no outage."""
    known = list_release_ids(bucket, service)
    hint = suggest(release, known)
    if not hint and known:
        hint = f"the newest is `{known[0]}`, and `flagstone releases {service}` lists all"
    hint = hint or suggest_channel(bucket, service) or "publish it first"
    message = f"there is no release `{release}` of `{service}` in the bucket"
    return CompileError([Diagnostic("D840", message, hint=hint)])


def read_neighbors(bucket: Bucket, service: str, environment: str) -> list[Neighbor | Diagnostic]:
    """Read what the other services of an environment run; D862 stands for one that cannot be read."""
    keys = bucket.list_keys(f"environments/{check_name(environment, 'environment')}/")
    named = [found["service"] for key in keys if (found := _CHANNEL_KEY.fullmatch(key))]
    others = [name for name in named if name != service]
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda name: _read_neighbor(bucket, name, environment), others)
        return [each for each in read if each is not None]


def _read_neighbor(bucket: Bucket, service: str, environment: str) -> Neighbor | Diagnostic | None:
    try:
        release = read_channel(bucket, service, environment)[0].release
        if release is None:
            return None
        manifest, _ = open_manifest(bucket.read(release_folder(service, release) + MANIFEST))
        return read_neighbor(service, release, environment, manifest)
    except (DamagedObject, DamagedManifest, NotInBucket, ReleaseNameError) as damage:
        message = f"what `{service}` runs in `{environment}` cannot be read: {damage}"
        hint = "what it publishes and which names it has is not compared"
        return Diagnostic("D862", message, None, hint, "warning")


def promote_release(bucket: Bucket, service: str, release: str, environment: str, wish: Wish) -> Moved:
    """Let an environment run a release.

    Raises CompileError where the release is not there, is damaged, was not compiled for the environment, has not run
    in those that its library puts before it, or has a name that another service has there, or takes away an event that
    another consumes there; a wish that is forced passes over the last three.
    """
    check_name(release, "release")
    if environment == BRANCH_ENVIRONMENT:
        message = f"`{environment}` stands for all branch environments, and nothing runs in it"
        hint = "promote to one of them, such as `env-search`, for which `flagstone publish --env env-search` compiles"
        raise CompileError([Diagnostic("D841", message, hint=hint)])
    found: tuple[Diagnostic, ...] = ()

    def decide(channel: Channel) -> Channel:
        nonlocal found
        # Also of what runs there already: whoever asks for it again may hear that it is not what it was.
        checked = _check_release(bucket, service, release, environment)
        if channel.release == release:
            return channel
        skipped = tuple(_find_skipped(bucket, checked, environment))
        others = read_neighbors(bucket, service, environment)
        rivals = _find_rivals(checked, environment, others)
        orphans = _find_orphans(bucket, checked, environment, others)
        if (skipped or rivals or orphans) and not wish.is_forced:
            refused = [_explain_skipped(checked, environment, skipped)] if skipped else []
            hint = "ask who owns `{}` to promote a release without it, or pass over that with --force and a --reason"
            refused += _explain_rivals(rivals, environment, hint, "error")
            refused += _explain_orphans(orphans, environment, hint, "error")
            raise CompileError([*refused, *_faults(others)])
        lost = _explain_orphans(orphans, environment, _LOSES, "warning")
        over = find_ended_mutes(bucket, checked, environment, wish.at)
        found = (*_explain_rivals(rivals, environment, _TAKES, "warning"), *lost, *_faults(others), *over)
        services = tuple(sorted({each.service for _, each in (*rivals, *orphans)}))
        return move_channel(channel, "promote", release, wish, skipped=skipped, rivals=services)

    return replace(swap_channel(bucket, service, environment, decide), found=found)


def roll_back(bucket: Bucket, service: str, environment: str, release: str | None, wish: Wish) -> Moved:
    """Let an environment run the release that ran before, or another that has run there.

    Raises CompileError where there is none, or where it is not what it was. That another service has a name of it by
    now is told, and does not stand in the way: only the other one's team could clear it.
    """
    if release is not None:
        check_name(release, "release")
    found: tuple[Diagnostic, ...] = ()

    def decide(channel: Channel) -> Channel:
        nonlocal found
        target = release or find_previous(channel)
        if target is None or not channel.has_run(target):
            near = None if channel.history else suggest_channel(bucket, service, environment)
            raise CompileError([_explain_no_way_back(channel, target, near)])
        if target == channel.release:
            return channel
        checked = _check_release(bucket, service, target, environment)
        others = read_neighbors(bucket, service, environment)
        rivals = _find_rivals(checked, environment, others)
        lost = _explain_orphans(_find_orphans(bucket, checked, environment, others), environment, _LOSES, "warning")
        over = find_ended_mutes(bucket, checked, environment, wish.at)
        found = (*_explain_rivals(rivals, environment, _TAKES, "warning"), *lost, *_faults(others), *over)
        return move_channel(channel, "rollback", target, wish)

    return replace(swap_channel(bucket, service, environment, decide), found=found)


def swap_channel(bucket: Bucket, service: str, environment: str, decide: Callable[[Channel], Channel]) -> Moved:
    """Write what `decide` makes of a channel in its place; the same channel means that there is nothing to do.

    Raises ChannelMoved where somebody else moved it. Who moves a channel decided on what runs, so a race that was lost
    is run again only while that is the same still: `gc` had looked at the channel, or the store refused for no reason.
    """
    seen: Channel | None = None
    for _ in range(_TRIES):
        channel, tag = read_channel(bucket, service, environment)
        if seen is not None and seen.history != channel.history:
            raise ChannelMoved(channel)
        seen = channel
        after = decide(channel)
        if after is channel:
            return Moved(channel, None)
        try:
            bucket.replace(after.key, render_channel(after), "application/json", tag=tag)
        except Conflict:
            continue
        return Moved(after, after.history[-1])
    raise BucketUnreachable(f"the bucket keeps refusing to replace `{channel_key(service, environment)}`")


def _check_release(bucket: Bucket, service: str, release: str, environment: str) -> CheckedRelease:
    try:
        checked = check_release(bucket, service, release)
    except NotInBucket:
        raise miss_release(bucket, service, release) from None
    if any(fault.key.endswith(f"/{MARK}") for fault in checked.faults):
        message = f"release `{release}` is being removed by `flagstone gc`, as nothing needed it"
        raise CompileError([Diagnostic("D842", message, hint="promote another, or publish it again once it is gone")])
    if not checked.is_sound:
        hint = f"run `flagstone verify {service} {release}`, and publish the commit again under another id"
        faults = [f"`{fault.key}`: {fault.reason}" for fault in checked.faults[:_MAX_FAULTS]]
        more = len(checked.faults) - len(faults)
        if more:
            faults.append(f"{more} more of its objects are not sound")
        said = [f"release `{release}` is not what was published: {fault}" for fault in faults]
        raise CompileError(Diagnostic("D842", message, hint=hint) for message in said)
    compiled = _names(checked.manifest.get("environments"))
    if environment not in compiled:
        hint = suggest(environment, compiled) or f"it was compiled for {', '.join(compiled) or 'none'}"
        members = [name for name in compiled if environment in _names_of(checked, name)]
        if members:
            hint = f"it stands for several, and each has a channel of its own: promote to `{members[0]}`"
        elif is_branch(environment):
            hint = f"publish the commit with `--env {environment}`, under an id of its own"
        message = f"release `{release}` was not compiled for `{environment}`"
        raise CompileError([Diagnostic("D841", message, hint=hint)])
    return checked


def _find_skipped(bucket: Bucket, checked: CheckedRelease, environment: str) -> Iterator[str]:
    """Find the environments that come before this one, are served by the release, and have never run it.

    An environment of a family has the place of its own name in the order, or else that of its family.
    """
    order = _names(checked.manifest.get("promotion"))
    places: dict[str, int] = {}
    for name in _names(checked.manifest.get("environments")):
        meant = [each for each in _names_of(checked, name) if each in order]
        if meant:
            places[name] = order.index(meant[-1])
    before = [name for name in places if places[name] < places.get(environment, 0)]
    for earlier in sorted(before, key=lambda name: (places[name], name)):
        if not read_channel(bucket, checked.service, earlier)[0].has_run(checked.release):
            yield earlier


def _names_of(checked: CheckedRelease, environment: str) -> list[str]:
    """List the names that mean an environment, that of its family first and its own last."""
    return [*_names(map_at(checked.manifest, "families").get(environment)), environment]


def _explain_skipped(checked: CheckedRelease, environment: str, skipped: tuple[str, ...]) -> Diagnostic:
    names = " and ".join(f"`{name}`" for name in skipped)
    message = f"release `{checked.release}` has not run in {names}, and the platform puts that before `{environment}`"
    hint = f"promote it to `{skipped[0]}` first, or pass over that with --force and a --reason"
    return Diagnostic("D843", message, hint=hint)


def _find_rivals(
    checked: CheckedRelease, environment: str, others: Iterable[Neighbor | Diagnostic]
) -> list[tuple[str, Neighbor]]:
    mine = read_neighbor(checked.service, checked.release, environment, checked.manifest)
    return list(find_rivals(mine, (each for each in others if isinstance(each, Neighbor))))


def _explain_rivals(
    rivals: Iterable[tuple[str, Neighbor]], environment: str, hint: str, severity: Severity
) -> Iterator[Diagnostic]:
    for name, rival in rivals:
        message = f"{name} is taken by `{rival.service}` in `{environment}`, where it runs `{rival.release}`"
        yield Diagnostic("D861", message, None, hint.format(rival.service), severity)


def _find_orphans(
    bucket: Bucket, checked: CheckedRelease, environment: str, others: Iterable[Neighbor | Diagnostic]
) -> list[tuple[str, Neighbor]]:
    """Compare with what runs now: of an event that was never there, nobody has a subscription that could be lost."""
    now = _read_neighbor(bucket, checked.service, environment)
    after = read_neighbor(checked.service, checked.release, environment, checked.manifest)
    consumers = [each for each in others if isinstance(each, Neighbor)]
    return list(find_orphans(now, after, consumers)) if isinstance(now, Neighbor) else []


def _explain_orphans(
    orphans: Iterable[tuple[str, Neighbor]], environment: str, hint: str, severity: Severity
) -> Iterator[Diagnostic]:
    for event, each in orphans:
        message = f"`{each.service}` consumes `{event}` in `{environment}`, where it runs `{each.release}`, and this "
        yield Diagnostic(
            "D863", f"{message}release does not publish it any more", None, hint.format(each.service), severity
        )


def _faults(others: Iterable[Neighbor | Diagnostic]) -> Iterator[Diagnostic]:
    return (each for each in others if isinstance(each, Diagnostic))


def _explain_no_way_back(channel: Channel, target: str | None, near: str | None) -> Diagnostic:
    where = f"`{channel.service}` in `{channel.environment}`"
    if target is None:
        message = f"nothing ran before what {where} runs" if channel.history else f"nothing has run for {where} yet"
        return Diagnostic("D844", message, hint=near or "promote the release that should run")
    known = {move.release for move in channel.history}
    hint = near or suggest(target, known) or "promote it, to let it run for the first time"
    return Diagnostic("D844", f"release `{target}` has never run for {where}", hint=hint)


def _names(data: Json) -> list[str]:
    """Read a list of names from a manifest, which whoever may write to the bucket could have sealed."""
    return [name for name in data if isinstance(name, str) and name.isprintable()] if isinstance(data, list) else []
