"""Log groups, what is counted in them, where they are sent, and questions that are saved for them.

Each log of a process has a group. What the platform writes for a service, its requests, what its machines say of
themselves and what processes print that name no log for it, goes to one group each for all processes: a process with a
name of its own costs no resource there.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.logs import (
    Dimension,
    LogGroup,
    MetricFilter,
    MetricTransformation,
    QueryDefinition,
)

from compiler.authoring import (
    STANDARD_FILTER,
    Environment,
    LogFile,
    Process,
    Service,
    camel,
    derive,
    join,
)

from ._alarms import metric
from ._conventions import counted_as, filters_of, keep, key_arn, log_group_name, metric_namespace, tags
from ._log_groups import ACCESS, OUTPUT, PRINTED, SYSTEM, Group, groups, output_log_name, subscriptions
from ._queries import LAST_ERRORS, ONE_REQUEST, SLOWEST_REQUESTS
from ._single_alarms import single_alarms

SCOPE = "service"

SLOW = 5  # seconds that an answer may take
# What is counted in the access log, for each process by the word that its lines say.
REQUESTS = {
    "ServerErrors": "{ $.status >= 500 }",
    "SlowRequests": f"{{ $.upstream_response_time > {SLOW} }}",
}
# What a program prints that nobody caught an exception of: several lines, of which the first is counted.
TRACEBACK = '"Traceback (most recent call last)"'
# How programs in Go and Rust end when they cannot go on. `panic` alone is a word of many a sentence.
PANIC = '?"panic:" ?"panicked at"'
OUT_OF_MEMORY = '?"Out of memory" ?OutOfMemory ?oom_kill ?"oom-kill"'
MOST_GROUPS = 50  # of a query


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    made = list(groups(service, environment))
    for group in made:
        yield log_group(service, environment, group)
        yield from subscriptions(environment, group.title)
    for process in service.processes:
        for log in process.logs:
            yield from filters(service, environment, process, log)
    titles = {group.title for group in made}
    yield from panic_filters(
        service, environment, [group for group in made if group.log == PRINTED or group.title == OUTPUT]
    )
    if ACCESS in titles:
        yield from request_filters(service, environment)
    if OUTPUT in titles:
        yield from output_filters(service, environment)
    if SYSTEM in titles:
        yield from memory_filter(service, environment)
    yield from queries(service, environment, made)


def log_group(service: Service, environment: Environment, group: Group) -> AWSObject:
    tag = group.name.rpartition("/")[2] if group.process is None else join(group.process, "-", group.log)
    # No DataProtectionPolicy: it costs by the gigabyte, and only the service knows what to mask. An override adds one.
    return LogGroup(
        group.title,
        LogGroupName=group.name,
        RetentionInDays=group.days,
        KmsKeyId=key_arn(environment, "logs"),
        Tags=tags(service, environment, tag, group.process),
        **keep(environment),
    )


def filters(service: Service, environment: Environment, process: Process, log: LogFile) -> Iterator[AWSObject]:
    namespace = metric_namespace(service, environment)
    for log_filter in filters_of(log):
        metric_name = counted_as(process, log, log_filter)
        group, stem = camel(process.name, log.name) + "LogGroup", camel(process.name, log.name, log_filter.name)
        yield counter(stem, group, log_filter.pattern, namespace, metric_name)
        if log_filter.alarm is None:
            continue
        period = log_filter.alarm.period
        yield from single_alarms(
            service, environment, log_filter.name, log_filter.alarm,
            amber=log_filter.threshold,
            titles=(stem + "Alarm", stem + "RedAlarm"),
            tag=metric_name,
            subject=join("The log ", log.name, " of ", service.name, "/", process.name, " in ", environment.name),
            what=(join("the filter ", log_filter.name, " matches more than "), derive(f" times {per(period)}", period)),
            meaning=join("Read the log group ", log_group_name(service, environment, process, log), "."),
            measured=metric(namespace, metric_name, statistic="Sum", period=period),
            process=process,
        )  # fmt: skip


def counter(stem: str, group: str, pattern: str, namespace: str, name: str) -> MetricFilter:
    """Count what a pattern matches in the log group of a logical id: 0 in a minute without."""
    return MetricFilter(
        f"{stem}MetricFilter",
        LogGroupName=Ref(group),
        FilterPattern=pattern,
        MetricTransformations=[
            MetricTransformation(
                MetricNamespace=namespace, MetricName=name, MetricValue="1", DefaultValue=0, Unit="Count"
            )
        ],
    )


def per(period: int) -> str:
    return "a minute" if period == 60 else f"in {period // 60} minutes"


def request_filters(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for name, pattern in REQUESTS.items():
        yield MetricFilter(
            f"{name}MetricFilter",
            LogGroupName=Ref(ACCESS),
            FilterPattern=pattern,
            MetricTransformations=[
                # With dimensions there is no value for a minute without matches.
                MetricTransformation(
                    MetricNamespace=metric_namespace(service, environment),
                    MetricName=name,
                    MetricValue="1",
                    Unit="Count",
                    Dimensions=[Dimension(Key="process", Value="$.process")],
                )
            ],
        )


def output_filters(service: Service, environment: Environment) -> Iterator[AWSObject]:
    """Count errors that processes print, as the log of one is watched that has no filters; and what ends a program."""
    namespace, name = metric_namespace(service, environment), "output-errors"
    for title, pattern in (("OutputErrors", STANDARD_FILTER.pattern), ("OutputTracebacks", TRACEBACK)):
        yield counter(title, OUTPUT, pattern, namespace, name)
    watched = service.alarms.get("outputErrors")
    if watched is not None:
        yield from single_alarms(
            service, environment, "outputErrors", watched,
            titles=("OutputErrorsAlarm", "OutputErrorsRedAlarm"),
            tag=name,
            subject=join(service.name, " in ", environment.name),
            what=("processes print more than ", " errors a period"),
            meaning=join(
                "Their log group is ", output_log_name(service, environment),
                "; the name of a stream begins with the id of the instance.",
            ),
            measured=metric(namespace, name, statistic="Sum", period=watched.period),
        )  # fmt: skip


def panic_filters(service: Service, environment: Environment, printed: list[Group]) -> Iterator[AWSObject]:
    """Count what programs say last, in all that processes print; one alarm tells of all of them."""
    namespace, name = metric_namespace(service, environment), "Panics"
    for group in printed:
        yield counter(group.title.removesuffix("LogGroup") + name, group.title, PANIC, namespace, name)
    watched = service.alarms.get("panics")
    if printed and watched is not None:
        yield from single_alarms(
            service, environment, "panics", watched,
            titles=(f"{name}Alarm", f"{name}RedAlarm"),
            tag="panics",
            subject=join(service.name, " in ", environment.name),
            what=("more than ", " times a process panics"),
            meaning=join(
                "What it was about to do is lost, and it starts again. The saved query ", environment.name, "/",
                service.name, "/errors finds where.",
            ),
            measured=metric(namespace, name, statistic="Sum", period=watched.period),
        )  # fmt: skip


def memory_filter(service: Service, environment: Environment) -> Iterator[AWSObject]:
    namespace, name = metric_namespace(service, environment), "OutOfMemory"
    yield counter(name, SYSTEM, OUT_OF_MEMORY, namespace, name)
    watched = service.alarms.get("outOfMemory")
    if watched is not None:
        yield from single_alarms(
            service, environment, "outOfMemory", watched,
            titles=(f"{name}Alarm", f"{name}RedAlarm"),
            tag="out-of-memory",
            subject=join(service.name, " in ", environment.name),
            what=("more than ", " times an instance has no memory left, and the kernel ends a program,"),
            meaning="If it was the process, requests or messages failed. Look for it in the system log, then give the "
            "process a larger instance or find what it holds on to.",
            measured=metric(namespace, name, statistic="Sum", period=watched.period),
        )  # fmt: skip


def queries(service: Service, environment: Environment, made: list[Group]) -> Iterator[AWSObject]:
    """Save what is asked when something is wrong. A query asks at most fifty groups; the first are asked."""
    own = [group.title for group in made if group.process is not None or group.title == OUTPUT]
    requests = [group.title for group in made if group.title == ACCESS]
    for title, name, text, asked in (
        ("ErrorsQuery", "errors", LAST_ERRORS, own),
        ("SlowestRequestsQuery", "slowest requests", SLOWEST_REQUESTS, requests),
        ("OneRequestQuery", "one request", ONE_REQUEST, [*requests, *own]),
    ):
        if asked:
            yield QueryDefinition(
                title,
                Name=join(environment.name, "/", service.name, "/", name),
                LogGroupNames=[Ref(group) for group in asked[:MOST_GROUPS]],
                QueryString=text,
            )
