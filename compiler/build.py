"""Build: let the templates of the library turn settings into CloudFormation.

In: Settings, the Library.    Out: Fragments, one a template, with the story of every leaf; and the faults.
Faults: D401 a template fails, D402 two things get one logical id, D406 it refuses a value.
Never: knows what any template builds.
"""

from __future__ import annotations

import contextlib
import io
import linecache
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.alarm_types import CONSUMED_ALARMS, PUBLISHED_ALARMS, SERVICE_ALARMS
from compiler.diagnostics import CompileError, Diagnostic, Related, Source, Span
from compiler.events import consumed_events, is_ordered, published_events, said_of_published
from compiler.layers import find_member, list_members
from compiler.model import Entry, Fragment, Json, Library, Origin, Path, Said, Settings, TemplateModule
from compiler.outlets import Destination, Egress, Permission
from compiler.service import (
    STANDARD_FILTER,
    AccountBaseline,
    Bastion,
    BusinessHours,
    Deployment,
    DeploymentBucket,
    Environment,
    HealthCheck,
    Ingress,
    LogDelivery,
    LogFile,
    LogFilter,
    MixedInstances,
    Network,
    Process,
    Requests,
    Routing,
    Scaling,
    Scheduled,
    Service,
    Subscription,
    Waf,
    Wiring,
)
from compiler.suppressions import suppress_findings
from compiler.trace import RefusalError, Traced, derive, plain, settings_of
from compiler.watched import read_log_alarm, read_own_alarms, read_process_alarms, read_watched


def build_fragments(
    settings: Settings, library: Library, wirings: Mapping[str, Wiring] | None = None
) -> tuple[tuple[Fragment, ...], tuple[Diagnostic, ...]]:
    """Run every template of scope "service". `wirings` is keyed by the name of a process."""
    environment = read_environment(settings, library)
    service = _read_service(settings.data, wirings or {})
    templates = [template for template in library.templates if template.scope == "service"]
    fragments = tuple(_run(template, library, (service, environment)) for template in templates)
    return fragments, tuple(_collisions(fragments))


def build_environment(settings: Settings, library: Library) -> tuple[Fragment, ...]:
    """Run every template of scope "environment"; each fragment becomes a stack of its own."""
    environment = read_environment(settings, library)
    templates = [template for template in library.templates if template.scope == "environment"]
    return tuple(_run(template, library, (environment,)) for template in templates)


def read_environment(settings: Settings, library: Library) -> Environment:
    data = settings.environment
    member = find_member(library.environments, settings.environment_name)
    assert member is not None, settings.environment_name
    guests = [each.name for each in list_members(library.environments) if each.shared == member.name]
    network, hours = data["network"], data["businessHours"]
    is_listed = isinstance(network.get("endpoints"), list)
    deployment, ingress = data.get("deploymentBucket") or {}, data.get("ingress") or {}
    waf, baseline = data.get("waf") or {}, data.get("accountBaseline") or {}
    bastion, logs = data.get("bastion") or {}, data.get("logs") or {}
    stream = logs.get("stream") or {}
    return Environment(
        name=settings.environment_name,
        shared=member.shared,
        account=data["account"],
        region=data["region"],
        tier=data["tier"],
        private_zone=data["privateZone"],
        public_zone=data["publicZone"],
        network=Network(
            cidr=network["cidr"],
            zones=tuple(network["zones"]),
            nat=network["nat"],
            endpoints=tuple(network["endpoints"]) if is_listed else (),
            flow_log_retention=network["flowLogRetention"],
            callers=None if is_listed else network.get("callers", {}),
            prefix_lists=data.get("prefixLists", {}).get(data["region"], {}),
        ),
        images=data["images"],
        bucket=data["bucket"],
        business_hours=BusinessHours(hours["timeZone"], hours["start"], hours["stop"]),
        owners=tuple(data["owners"]),
        deployment_bucket=DeploymentBucket(deployment.get("madeHere", True), deployment.get("lockDays")),
        ingress=Ingress(
            shared=tuple(ingress.get("shared") or ()),
            idle_timeout=ingress.get("idleTimeout") or Ingress().idle_timeout,
            certificate_authority=ingress.get("certificateAuthority"),
            private_certificate=ingress.get("privateCertificate"),
        ),
        public_zone_id=data.get("publicZoneId"),
        image_ids=data.get("imageIds") or {},
        account_baseline=AccountBaseline(
            baseline.get("madeHere", True),
            baseline.get("guardDuty", True),
            baseline.get("monthlyBudget"),
            baseline.get("regionOnly", False),
            baseline.get("config", True),
            baseline.get("configRole", True),
        ),
        logs=LogDelivery(
            logs.get("retentionDays") or LogDelivery().retention_days,
            logs.get("destination"),
            stream.get("arn"),
            stream.get("role"),
        ),
        bastion=Bastion(bastion.get("mode") or "none", bastion.get("samlProvider"), bastion.get("clientCidr")),
        waf=Waf(waf.get("mode") or "block", waf.get("rateLimit") or 2000),
        label=member.label,
        tenants=tuple(guests) if member.is_common else (),
        runbook=data.get("runbook"),
    )


def _read_service(data: Mapping[str, Any], wirings: Mapping[str, Wiring]) -> Service:
    published = published_events(data)
    return Service(
        name=data["service"],
        owner=data["owner"],
        description=data.get("description", data["service"]),
        processes=tuple(
            _read_process(name, process, wirings.get(plain(name), Wiring()))
            for name, process in data["processes"].items()
        ),
        publishes=tuple(published),
        consumes=tuple(_read_subscription(name, event) for name, event in consumed_events(data).items()),
        config={name: _text(name, value) for name, value in data.get("config", {}).items()},
        secrets=data.get("secrets", {}),
        ordered=frozenset(plain(event) for event, ordered in published.items() if ordered),
        runbook=data.get("runbook"),
        event_alarms={
            plain(event): read_watched(said, PUBLISHED_ALARMS) for event, said in said_of_published(data).items()
        },
        alarms=read_watched(data, SERVICE_ALARMS),
        own_alarms=read_own_alarms(data),
    )


def _text(name: str, value: Any) -> str:
    """Write a config value as the text that the process will find in its environment."""
    if isinstance(value, bool):  # has no trace, its name has
        return derive("true" if value else "false", name)
    return str(value)


def _read_subscription(name: str, event: Mapping[str, Any]) -> Subscription:
    publisher, _, short = name.partition(".")
    return Subscription(
        derive(publisher, name),
        derive(short, name),
        event["process"],
        event.get("filter", {}),
        filter_on=event.get("filterOn", "attributes"),
        ordered=is_ordered(event),
        timeout=event.get("timeout", 30),
        max_receive_count=event.get("maxReceiveCount", 5),
        retention=event.get("retention", 4 * 24 * 60 * 60),
        max_age=event.get("maxAge"),
        max_silence=event.get("maxSilence"),
        alarms=read_watched(event, CONSUMED_ALARMS),
    )


def _read_process(name: str, data: Mapping[str, Any], wiring: Wiring) -> Process:
    check, scaling, change = data["healthCheck"], data["scaling"], data["deployment"]
    routing, asked, egress = (data.get(key, {}) for key in ("routing", "requests", "egress"))
    return Process(
        name=name,
        runtime=data["runtime"],
        command=data["command"],
        port=data.get("port"),
        exposure=data["exposure"],
        dns=data.get("dns"),
        instance_type=data["instanceType"],
        root_volume_size=data["rootVolumeSize"],
        health_check=HealthCheck(
            path=check["path"],
            interval=check["interval"],
            timeout=check["timeout"],
            healthy_threshold=check["healthyThreshold"],
            unhealthy_threshold=check["unhealthyThreshold"],
            grace_period=check["gracePeriod"],
        ),
        scaling=Scaling(
            scaling["min"],
            scaling["max"],
            scaling.get("target", {}),
            tuple(
                Scheduled(name, each["at"], each.get("min"), each.get("max"))
                for name, each in scaling.get("schedule", {}).items()
            ),
        ),
        availability=data["availability"],
        deployment=Deployment(
            change["style"], change.get("minInService"), change.get("batch"), change.get("bakeTime", 600)
        ),
        alarms=read_process_alarms(data.get("alarms", {})),
        own_alarms=read_own_alarms(data),
        logs=tuple(_read_log(log, value) for log, value in data.get("logs", {}).items()),
        wiring=Wiring(
            tuple(_as_function(value) for value in wiring.policies),
            tuple(_as_function(value) for value in wiring.security_groups),
            {name: _as_function(value) for name, value in wiring.environment.items()},
        ),
        load_balancer=data.get("loadBalancer", "own"),
        routing=Routing(routing.get("priority"), routing.get("host"), tuple(routing.get("paths", ()))),
        requests=Requests(asked.get("timeout", 30), asked.get("bodySize", 10), asked.get("perSecond", 0)),
        permissions=tuple(Permission(name, **asked) for name, asked in data.get("permissions", {}).items()),
        egress=Egress(
            derive("open" if egress.get("internet", True) else "closed", *(key for key in egress if key == "internet")),
            tuple(Destination(name, **to) for name, to in egress.items() if name != "internet"),
        ),
        mixed=_read_mixed(data["mixedInstances"]) if data.get("mixedInstances") else None,
        warm_pool=data.get("warmPool", {}).get("min"),
        runbook=data.get("runbook"),
    )


def _read_mixed(data: Mapping[str, Any]) -> MixedInstances:
    return MixedInstances(tuple(data["types"]), data.get("onDemandBase"), data.get("spotPercent", 100))


def _as_function(value: Json) -> Any:
    """Wrap CloudFormation's own notation of a function, so that troposphere takes it for any property."""
    if not isinstance(value, dict):
        return value
    from troposphere import AWSHelperFn

    function = AWSHelperFn()
    function.data = value
    return function


def _read_log(name: str, data: Mapping[str, Any]) -> LogFile:
    filters = data.get("filters", {})
    return LogFile(
        name=name,
        path=data["path"],
        retention_days=data["retentionDays"],
        filters=tuple(
            LogFilter(
                key,
                value.get("pattern", STANDARD_FILTER.pattern),
                value.get("threshold", STANDARD_FILTER.threshold),
                read_log_alarm(value),
            )
            for key, value in filters.items()
        ),
    )


# Running a template


@dataclass(frozen=True, slots=True)
class _Yielded:
    thing: Any
    origin: Origin


def _run(template: TemplateModule, library: Library, arguments: tuple[Any, ...]) -> Fragment:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # troposphere prints what it refuses before it raises
            module = library.load_template(template)
            entries = tuple(_entry(yielded) for yielded in _watch(module.build(*arguments), template))
    except Exception as error:
        raise CompileError([_failure(template, error)]) from error
    return suppress_findings(Fragment(template.name, entries), library.suppressions)


def _watch(generator: Generator[Any, None, None], template: TemplateModule) -> Iterator[_Yielded]:
    """Pair each yielded thing with the line on which the innermost generator is suspended."""
    for thing in generator:
        inner: Any = generator
        while getattr(inner, "gi_yieldfrom", None) is not None and hasattr(inner.gi_yieldfrom, "gi_frame"):
            inner = inner.gi_yieldfrom
        line, path = inner.gi_frame.f_lineno, inner.gi_frame.f_code.co_filename
        yield _Yielded(thing, Origin("template", _line_span(path, line, template)))


def _line_span(path: str, line: int, template: TemplateModule) -> Span:
    folder = template.source.path.rpartition("/")[0]
    shown = f"{folder}/{path.replace(chr(92), '/').rpartition('/')[2]}"
    source = template.source if shown == template.source.path else Source(shown, tuple(linecache.getlines(path)))
    text = source.lines[line - 1].rstrip() if line <= len(source.lines) else ""
    return Span(source, line, len(text) - len(text.lstrip()) + 1, line, len(text) + 1)


_SECTIONS = {"Parameter": "Parameters", "Output": "Outputs", "Condition": "Conditions", "Mapping": "Mappings"}


def _entry(yielded: _Yielded) -> Entry:
    thing = yielded.thing
    section = "Resources" if getattr(thing, "resource_type", None) else _SECTIONS[type(thing).__name__]
    stories: dict[Path, tuple[Said, ...]] = {}
    built = thing.to_dict()
    if section == "Resources":
        built = {"Type": built["Type"], **{key: value for key, value in built.items() if key != "Type"}}
    body = _tell(built, (), yielded.origin, stories)
    return Entry(section, thing.title, body, yielded.origin, stories)


def _tell(value: Any, path: Path, origin: Origin, stories: dict[Path, tuple[Said, ...]]) -> Json:
    """Copy a value without its traces, and write down the story of each leaf."""
    if isinstance(value, dict) and value:
        return {plain(key): _tell(item, (*path, plain(key)), origin, stories) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and value:
        return [_tell(item, (*path, index), origin, stories) for index, item in enumerate(value)]
    bare = plain(value)
    if not isinstance(value, Traced):
        stories[path] = (Said(origin, bare),)
    elif value.derived or len(value.settings) != 1:
        stories[path] = (Said(origin, bare, fed_by=value.settings),)
    else:
        stories[path] = value.settings[0].history
    return bare


def _failure(template: TemplateModule, error: Exception) -> Diagnostic:
    """Place what a template refuses where it was said, and another failure at the last line that it went through."""
    if isinstance(error, RefusalError) and (said := settings_of(error.value)):
        return Diagnostic("D406", str(error), said[0].origin.span, error.hint)
    own, line, words = template.source.path.removeprefix("platform/"), 1, str(error)
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.replace(chr(92), "/").endswith(own):
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(error, SyntaxError) and str(error.filename).replace(chr(92), "/").endswith(own):
        line, words = error.lineno or 1, error.msg
    message = f"template `{template.name}` fails: {type(error).__name__}: {' '.join(words.split())}"
    return Diagnostic("D401", message, Span(template.source, line, 1, line, 2), "report it to the platform team")


def _collisions(fragments: tuple[Fragment, ...]) -> Iterator[Diagnostic]:
    """Report the logical ids that two things share; what one pair of names causes is reported once."""
    seen: dict[tuple[str, str], Entry] = {}
    clashes = []
    for entry in (entry for fragment in fragments for entry in fragment.entries):
        first = seen.setdefault((entry.section, entry.name), entry)
        if first is not entry:
            clashes.append((entry, first))
    # What is made of references alone clashes because of names that the things beside it say.
    telling = [clash for clash in clashes if all(any(_from_service(each)) for each in clash)] or clashes
    pairs: dict[tuple[Span, Span], list[str]] = {}
    for entry, first in telling:
        pairs.setdefault((_distinct_span(entry, first), _distinct_span(first, entry)), []).append(entry.name)
    for (span, other), names in pairs.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message = f"two things get the logical id `{names[0]}`{more}"
        related = (Related("the other one comes from here", other),)
        yield Diagnostic("D402", message, span, "rename one of the two", related=related)


def _distinct_span(entry: Entry, other: Entry) -> Span:
    """Choose the place that an entry has and another has not: of a name if there is one, as ids are made of names."""
    mine, others = list(_from_service(entry)), list(_from_service(other))
    if not mine:
        return entry.origin.span
    said_more = Counter(said.value for said in mine if _is_name(said)) - Counter(
        said.value for said in others if _is_name(said)
    )
    spans = {said.origin.span for said in others}
    names = [said for said in mine if _is_name(said) and said.value in said_more]
    distinct = names or [said for said in mine if said.origin.span not in spans] or mine
    return distinct[-1].origin.span


def _is_name(said: Said) -> bool:
    return said.pointer[-1:] == (said.value,)


def _from_service(entry: Entry) -> Iterator[Said]:
    for story in entry.stories.values():
        for said in story:
            fed = [setting.history[-1] for setting in said.fed_by] if said.fed_by else [said]
            yield from (item for item in fed if item.origin.layer == "service")
