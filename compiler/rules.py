"""Rules: what the schema cannot say, because it concerns several values at once.

In: a Descriptor with its Repository, or the Settings of one environment; the Library.    Out: Diagnostics.
Faults: D202, D301 to D314, D320 to D322, D360, D361, D368, D379, D396; those of `alarms`, `own_alarms`, `routes`,
`asking`, `logs` and `subscriptions`.
Never: changes a value. A rule whose values are missing says nothing: their absence was reported before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.alarms import check_alarms, check_common, check_others, place_of
from compiler.asking import check_permissions
from compiler.blame import conflict_at, fault_at, is_from_service, map_at, number_at, span_of
from compiler.destinations import check_destinations, list_destinations
from compiler.diagnostics import Diagnostic, Related, Span, fold_names, suggest
from compiler.events import consumed_events
from compiler.layers import choose_members, list_names, named_environments
from compiler.logs import check_logs
from compiler.model import Descriptor, Json, Library, Repository, Settings
from compiler.own_alarms import check_own_alarms
from compiler.processors import architecture
from compiler.routes import check_routes
from compiler.service import STANDARD_FILTER
from compiler.subscriptions import check_subscriptions
from compiler.trace import plain, settings_of
from compiler.variables import MACHINE_VARIABLES, platform_variables
from compiler.watched import Place, list_alarms

# What a process consists of; the platform's defaults say most of it.
_PROCESS = ("runtime", "command", "exposure", "instanceType", "rootVolumeSize", "availability")
_SECTIONS = {
    "healthCheck": ("path", "interval", "timeout", "healthyThreshold", "unhealthyThreshold", "gracePeriod"),
    "scaling": ("min", "max"),
    "deployment": ("style",),
}
_NEEDS_PORT = ("dns", "loadBalancer", "routing", "requests", "healthCheck")
# Seconds. CloudFormation waits an hour for an instance; ten minutes of it are for fetching and applying its release.
# A load balancer hears of the instance within a minute, and then has all its checks to make.
_LONGEST_START = 50 * 60
# An instance of the old release ends meanwhile, whose requests take so long anyway.
_USUAL_TIMEOUT = 30
_REGISTRATION = 60
_WAIVER = ("guardrail", "resource", "reason", "until", "approvedBy")
_THRESHOLDS = ("amber", "red")
# What has thresholds of its own making, or none.
_ALARMS_WITHOUT = ("healthyHosts", "requests", "maxAge", "down", "degraded")
_OTHER = "pin a library of that line with `flagstone lock --bucket`, or name its folder with --platform"


def check_whole(
    descriptor: Descriptor, repository: Repository, library: Library, settings: Mapping[str, Settings]
) -> Iterator[Diagnostic]:
    """Check what no environment alone tells: environment names, the release line of the platform, common alarms."""
    yield from check_common(settings)
    for name, document in named_environments(descriptor):
        if not choose_members(library.environments, name):
            yield _unknown_environment(name, document.key_span(("environments", name)), library)
    for part in (*repository.overrides, *repository.additions):
        if part.environment is not None and not choose_members(library.environments, part.environment):
            yield _unknown_environment(part.environment, part.document.value_span(()), library)
    speaker = next((each for each in reversed(descriptor.layers) if "platform" in each.data), descriptor)
    line = speaker.data.get("platform")
    if isinstance(line, str) and not library.version.startswith(f"{line}."):
        message = f"platform line `{line}` is not served by library {library.version}"
        served = library.version.rpartition(".")[0]
        span = speaker.document.value_span(("platform",))
        other = "run `flagstone lock --upgrade`" if library.bucket else _OTHER
        yield Diagnostic("D308", message, span, f'write platform: "{served}", or {other}')


def _unknown_environment(name: str, span: Span, library: Library) -> Diagnostic:
    known = list_names(library.environments)
    hint = suggest(name, known) or "known here: " + ", ".join(f"`{item}`" for item in known)
    return Diagnostic("D301", f"unknown environment `{name}`", span, hint)


def check_settings(descriptor: Descriptor, settings: Settings) -> Iterator[Diagnostic]:
    """Check the settings of one environment against each other."""
    data = settings.data
    processes = {name: process for name, process in map_at(data, "processes").items() if isinstance(process, dict)}
    consumers = {plain(event.get("process")) for event in consumed_events(data).values()}
    yield from _check_presence(descriptor, settings, processes)
    for name, process in processes.items():
        yield from _check_scaling(name, process, is_consumer=name in consumers)
        yield from _check_types(name, process)
        yield from _check_warm_pool(name, process)
        yield from _check_health(name, process)
        yield from _check_port(name, process)
        yield from _check_exposure(name, process)
    yield from fold_names(
        {name: check_alarms(name, each, is_consumer=name in consumers) for name, each in processes.items()}
    )
    yield from check_others(data)
    yield from check_own_alarms(data)
    yield from check_subscriptions(settings, processes)
    yield from _check_dns(processes)
    yield from check_routes(settings, processes)
    yield from check_permissions(settings, processes)
    yield from check_destinations(settings, processes)
    yield from check_logs(settings, processes)
    yield from _check_secrets(settings)
    yield from _check_config(settings)
    yield from _check_variables(settings)
    yield from _check_owner(settings)


def _check_presence(descriptor: Descriptor, settings: Settings, processes: dict[str, Any]) -> Iterator[Diagnostic]:
    data = settings.data
    for key in ("service", "owner", "platform", "processes"):
        if key not in data and descriptor.bases and descriptor.document.value_at((key,)) is None:
            message = f"`{key}` is missing, here and in what this extends"
            yield Diagnostic("D202", message, descriptor.document.value_span(()), f"add `{key}: ...`")
    base = {name for each in descriptor.layers for name in map_at(each.data, "processes")}
    for name, process in processes.items():
        missing = [key for key in ("runtime", "command") if key not in process]
        if missing and name not in base:
            hint = suggest(name, base) or f"define it with `{'` and `'.join(missing)}`"
            yield Diagnostic("D306", f"process `{name}` is not defined in `processes`", span_of(name), hint)
            continue
        where = f"processes.{name}"
        yield from _require(descriptor, process, name, _PROCESS, where)
        for section, keys in _SECTIONS.items():
            yield from _require(descriptor, process.get(section, {}), name, keys, f"{where}.{section}", section)
        for key, each in map_at(map_at(process, "scaling"), "schedule").items():
            yield from _require(descriptor, each, key, ("at",), f"{where}.scaling.schedule.{key}")
        for key, wanted in (("mixedInstances", "types"), ("warmPool", "min")):
            for said in (said for said in process if said == key):
                yield from _require(descriptor, process[said], said, (wanted,), f"{where}.{said}")
        for key, each in list_destinations(process):
            yield from _require(descriptor, each, key, ("cidr",), f"{where}.egress.{key}")
        for log_name, log in map_at(process, "logs").items():
            yield from _require(descriptor, log, log_name, ("path", "retentionDays"), f"{where}.logs.{log_name}")
            for key, each in map_at(log, "filters").items():
                inside, needed = f"{where}.logs.{log_name}.filters.{key}", ("pattern", "threshold")
                yield from _require(descriptor, each, key, () if key == STANDARD_FILTER.name else needed, inside)
    for place in list_alarms(data):
        yield from _check_words_of(descriptor, place)
    for event, wanted in map_at(map_at(data, "messages"), "consume").items():
        yield from _require(descriptor, wanted, event, ("process",), f"messages.consume.{event}")
    for name, waiver in map_at(data, "waivers").items():
        yield from _require(descriptor, waiver, name, _WAIVER, f"waivers.{name}")


def _check_words_of(descriptor: Descriptor, place: Place) -> Iterator[Diagnostic]:
    words, is_on = place.words, place.words.get("enabled") is not False
    if is_on and not any(color in words for color in _THRESHOLDS):
        where = place_of(place, place.name)
        if place.is_own or (place.process is not None and place.name not in _ALARMS_WITHOUT):
            yield from _require(descriptor, words, place.name, _THRESHOLDS[:1], where)
        # Nobody is told of requests unless a team says so, and then it has to say when.
        for asked in [word for word in words.values() if is_from_service(word)][:1] if place.name == "requests" else ():
            hint = f"add `amber: ...` or `red: ...` in `{where}`"
            yield fault_at("D202", f"`{where}` does not say at how few requests", asked, hint)
    if is_on and place.is_own:
        needed = ("statistic", "says") if "metric" in words else ("says",)
        yield from _require(descriptor, words, place.name, needed, place.path)
        for key in (key for key in words if key == "metric"):
            yield from _require(descriptor, words[key], key, ("namespace", "name"), f"{place.path}.metric")
    for key in (key for key in words if key == "mute"):
        yield from _require(descriptor, words[key], key, ("until", "reason"), f"{place_of(place, key)}.mute")


def _require(
    descriptor: Descriptor, data: Json, name: str, keys: tuple[str, ...], where: str, *section: str
) -> Iterator[Diagnostic]:
    """Check what has to be there once the layers are merged, so that an environment may say only what differs."""
    said = settings_of(name)[0].history[-1]
    documents = {each.document.source.path: each.document for each in descriptor.layers}
    document = documents.get(said.origin.span.path)
    for key in keys:
        is_faulty = document is not None and document.value_at((*said.pointer, *section, key)) is not None
        # What stands there and is not in the settings was left out because it is faulty, which was said before.
        if isinstance(data, dict) and key not in data and not is_faulty:
            yield Diagnostic(
                "D202", f"`{key}` is missing in `{where}`", span_of(name), f"add `{key}: ...` in `{where}`"
            )


def _check_scaling(name: str, process: dict[str, Any], *, is_consumer: bool) -> Iterator[Diagnostic]:
    scaling, deployment = map_at(process, "scaling"), map_at(process, "deployment")
    where = f"`processes.{name}.scaling`"
    low, high = number_at(scaling, "min"), number_at(scaling, "max")
    targets = map_at(scaling, "target")
    if low is not None and high is not None:
        if low > high:
            yield conflict_at("D302", f"`min` {low} is above `max` {high} in {where}", (low, "min"), (high, "max"))
        elif low < high and not targets and is_from_service(high):
            hint = "add `target: {cpu: 60}`, or make `min` and `max` equal"
            message = f"nothing moves the group between `min` {low} and `max` {high} in {where}"
            yield Diagnostic("D312", message, span_of(high), hint, "warning")
    sizes: list[int] = []  # that the group may have at most from some time on; to have none is another matter
    for key, each in map_at(scaling, "schedule").items():
        said = {"min": low, "max": high, **{word: each[word] for word in ("min", "max") if word in each}}
        if None not in said.values() and said["min"] > said["max"]:
            message = f"`min` {said['min']} is above `max` {said['max']} in `processes.{name}.scaling.schedule.{key}`"
            blamed = "min" if "min" in each else "max"
            other = "max" if blamed == "min" else "min"
            yield conflict_at("D302", message, (said[blamed], blamed), (said[other], other))
        elif said["max"]:
            sizes.append(said["max"])
    if number_at(targets, "queueAge") is not None and not is_consumer:
        message = f"`queueAge` in {where} has no queue: `{name}` consumes nothing"
        yield fault_at("D307", message, targets["queueAge"], "let it consume an event, or scale on `cpu`")
    if number_at(targets, "requests") is not None and "port" not in process:
        message = f"`requests` in {where} has no load balancer: `{name}` has no `port`"
        yield fault_at("D307", message, targets["requests"], "give it a `port`, or scale on `cpu`")
    if plain(deployment.get("style")) == "rolling" and high is not None and (low is None or low <= high):
        yield from _check_rolling(name, deployment, low, high, min([high, *sizes]))
    yield from _check_refresh(name, process)


def _check_refresh(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    """Say where a refresh waits for alarms that cannot come."""
    deployment, alarms = map_at(process, "deployment"), map_at(process, "alarms")
    style, bake_time = deployment.get("style"), number_at(deployment, "bakeTime")
    if not isinstance(style, str) or plain(style) != "refresh" or bake_time == 0:
        return
    is_off = all(map_at(alarms, metric).get("enabled") is False for metric in ("errors", "latency"))
    if "port" not in process or is_off:
        why = "its alarms on errors and latency are off" if "port" in process else "it has no `port`"
        message = f"no alarm ends the refresh of `processes.{name}` while it waits for one: {why}"
        hint = "set `bakeTime: 0`, or choose another `style`"
        yield fault_at("D368", message, style, hint, "warning")


def _check_rolling(
    name: str, deployment: dict[str, Any], low: int | None, high: int, least: int
) -> Iterator[Diagnostic]:
    """`least` is the smallest size that the group may have at any time but none at all."""
    where = f"`processes.{name}`"
    keep, batch = number_at(deployment, "minInService"), number_at(deployment, "batch")
    if keep is not None and keep >= least:
        message = f"a rolling deployment that keeps {keep} in service cannot progress in {where}: `max` is {least}"
        yield conflict_at(
            "D309", message, (least, "max"), (keep, "minInService"), "raise `max`, or use `style: inPlace`"
        )
    elif keep is None and low and high < 2:
        message = f"a rolling deployment keeps nothing in service in {where}: `max` is {high}"
        yield fault_at("D309", message, high, "raise `max`, or use `style: inPlace`")
    elif batch is not None and batch > high:
        message = f"`batch` {batch} is above `max` {high} in {where}"
        yield conflict_at("D309", message, (batch, "batch"), (high, "max"))


def _check_warm_pool(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    standing_by, style = number_at(map_at(process, "warmPool"), "min"), map_at(process, "deployment").get("style")
    if standing_by is None:
        return
    if plain(style) != "refresh":
        message = f"instances of `processes.{name}` would stand by before they are ready: nothing waits for them"
        yield fault_at("D361", message, standing_by, "add `deployment: {style: refresh}`, which has a hook for that")
    if "mixedInstances" in process:
        message = f"no instance of several types can stand by, and `processes.{name}` has `mixedInstances`"
        yield fault_at("D361", message, standing_by, "choose one of the two")


def _check_types(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    own, types = process.get("instanceType"), map_at(process, "mixedInstances").get("types")
    if not isinstance(own, str):
        return
    for other in types if isinstance(types, list) else ():
        if plain(architecture(other)) != plain(architecture(own)):
            message = (
                f"`{other}` in `processes.{name}` has {architecture(other)} processors, `{own}` {architecture(own)}"
            )
            related = (Related(f"`instanceType` is {own} here", span_of(own)),)
            hint = "name types of one processor architecture, which all start from one image"
            yield Diagnostic("D360", message, span_of(other), hint, related=related)


def _check_health(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    check = map_at(process, "healthCheck")
    timeout, interval = number_at(check, "timeout"), number_at(check, "interval")
    if timeout is not None and interval is not None and timeout >= interval:
        message = f"`timeout` {timeout} is not below `interval` {interval} in `processes.{name}.healthCheck`"
        yield conflict_at("D303", message, (timeout, "timeout"), (interval, "interval"))
    grace, threshold = number_at(check, "gracePeriod"), number_at(check, "healthyThreshold")
    if grace is None or interval is None or threshold is None:
        return
    checks = 0 if "port" not in process else _REGISTRATION + interval * (1 + threshold)
    if grace + checks > _LONGEST_START:
        message = f"`{name}` is given {grace + checks} seconds to start, and CloudFormation waits for {_LONGEST_START}"
        if grace >= checks:
            yield fault_at("D321", message, grace, f"set `gracePeriod` to {_LONGEST_START - checks} or less")
        else:
            yield fault_at("D321", message, interval, "shorten `interval`, or lower `healthyThreshold`")
        return
    timeout, style = number_at(map_at(process, "requests"), "timeout"), map_at(process, "deployment").get("style")
    most = _LONGEST_START - grace - checks + _USUAL_TIMEOUT
    if "port" in process and timeout is not None and timeout > most and plain(style) in ("rolling", "inPlace"):
        message = (
            f"an instance of `{name}` has {timeout} seconds to end and the next one {grace + checks} to start, "
            "and CloudFormation waits an hour"
        )
        hint = f"set `timeout` to {most} or less, or `deployment: {{style: immutable}}`, which starts before it ends"
        yield fault_at("D396", message, timeout, hint)


def _check_port(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    if "port" in process:
        return
    for key in _NEEDS_PORT:
        values = (
            [process[key]] if key in process and not isinstance(process[key], dict) else map_at(process, key).values()
        )
        said = next((value for value in values if is_from_service(value)), None)
        if said is not None:
            yield fault_at(
                "D307",
                f"`{key}` in `processes.{name}` has no load balancer: there is no `port`",
                said,
                "add `port: 8080`",
            )
    exposure = process.get("exposure")
    if plain(exposure) == "public":
        message = f"`processes.{name}` is public and has no `port` to be reached at"
        yield fault_at("D307", message, exposure, "add `port: 8080`")


def _check_exposure(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    exposure = process.get("exposure")
    is_named = "dns" in process or "host" in map_at(process, "routing")
    if plain(exposure) == "public" and "port" in process and not is_named:
        message = f"`processes.{name}` is public and has no name that its certificate could be for"
        yield fault_at("D322", message, exposure, f"add `dns: {name}`", "warning")


def _check_dns(processes: dict[str, Any]) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, str], Any] = {}
    for name, process in processes.items():
        dns = process.get("dns")
        if not isinstance(dns, str):
            continue
        first = seen.setdefault((plain(dns), plain(process.get("exposure"))), dns)
        if first is not dns:
            related = (Related("first named here", span_of(first)),)
            message = f"`dns` of `processes.{name}` is already the name of another process"
            yield Diagnostic("D314", message, span_of(dns), "choose another name", related=related)


def _check_secrets(settings: Settings) -> Iterator[Diagnostic]:
    config = {plain(name): span_of(name) for name in map_at(settings.data, "config")}
    for name in map_at(settings.data, "secrets"):
        if name in config:
            message = f"`{name}` is both under `config` and under `secrets`"
            related = (Related("also set here", config[name]),)
            yield Diagnostic("D310", message, span_of(name), "rename one of the two", related=related)


def _check_config(settings: Settings) -> Iterator[Diagnostic]:
    for name, value in map_at(settings.data, "config").items():
        if isinstance(value, str) and ("{{resolve:ssm-secure:" in value or "{{resolve:secretsmanager:" in value):
            message = f"`{name}` in `config` would be written in plain text"
            yield fault_at("D208", message, value, "name the path of the parameter under `secrets`")


def _check_variables(settings: Settings) -> Iterator[Diagnostic]:
    set_by = platform_variables(settings)
    for section in ("config", "secrets"):
        for name in map_at(settings.data, section):
            if name in set_by:
                source = set_by[name]
                related = (Related(f"`{source}` makes it", span_of(source)),) if source is not None else ()
                message = f"the platform itself sets the variable `{name}`, which stands under `{section}`"
                yield Diagnostic("D320", message, span_of(name), "give it another name", related=related)
            elif name in MACHINE_VARIABLES:
                message = f"`{name}` under `{section}` changes how programs are found or run on the instance"
                hint = "give it another name, unless that is meant: every program that the command starts has it too"
                yield Diagnostic("D379", message, span_of(name), hint, "warning")


def _check_owner(settings: Settings) -> Iterator[Diagnostic]:
    owner, owners = settings.data.get("owner"), map_at(settings.environment, "owners")
    if isinstance(owner, str) and owner not in owners:
        hint = suggest(owner, owners) or "ask the platform team to add it to `owners` in platform.yml"
        # A team may compile before the platform knows it; CloudWatch takes an alarm whose topic is still to come.
        yield fault_at("D311", f"owner `{owner}` has no alarm topics in this platform", owner, hint, "warning")
