"""Log groups, what is counted in them, where they are sent, and questions that are saved for them.

Each log of a process has a group. What the platform writes for a service, its requests and what its machines say of
themselves, goes to one group each for all processes: a process with a name of its own costs no resource there.
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
    SubscriptionFilter,
)

from compiler.authoring import (
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
from ._log_groups import ACCESS, SYSTEM, Group, groups
from ._queries import LAST_ERRORS, ONE_REQUEST, SLOWEST_REQUESTS
from ._single_alarms import single_alarms

SCOPE = "service"

SLOW = 5  # seconds that an answer may take
# What is counted in the access log, for each process by the word that its lines say.
REQUESTS = {
    "ServerErrors": "{ $.status >= 500 }",
    "SlowRequests": f"{{ $.upstream_response_time > {SLOW} }}",
}
OUT_OF_MEMORY = '?"Out of memory" ?OutOfMemory ?oom_kill ?"oom-kill"'
MOST_GROUPS = 50  # of a query


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    made = list(groups(service, environment))
    for group in made:
        yield log_group(service, environment, group)
        yield from subscriptions(environment, group)
    for process in service.processes:
        for log in process.logs:
            yield from filters(service, environment, process, log)
    titles = {group.title for group in made}
    if ACCESS in titles:
        yield from request_filters(service, environment)
    if SYSTEM in titles:
        yield from memory_filter(service, environment)
    yield from queries(service, environment, made)


def log_group(service: Service, environment: Environment, group: Group) -> AWSObject:
    tag = group.name.rpartition("/")[2] if group.process is None else join(group.process, "-", group.log)
    return LogGroup(
        group.title,
        LogGroupName=group.name,
        RetentionInDays=group.days,
        KmsKeyId=key_arn(environment, "logs"),
        Tags=tags(service, environment, tag, group.process),
        **keep(environment),
    )


def subscriptions(environment: Environment, group: Group) -> Iterator[AWSObject]:
    """Send all of a log on. A log group has two subscriptions at most, and these are the two."""
    logs, stem = environment.logs, group.title.removesuffix("LogGroup")
    if logs.destination is not None:
        yield SubscriptionFilter(
            stem + "DestinationSubscriptionFilter",
            LogGroupName=Ref(group.title),
            FilterPattern="",
            DestinationArn=logs.destination,
            Distribution="ByLogStream",
        )
    if logs.stream is not None:
        yield SubscriptionFilter(
            stem + "StreamSubscriptionFilter",
            LogGroupName=Ref(group.title),
            FilterPattern="",
            DestinationArn=logs.stream,
            RoleArn=logs.role,
            Distribution="ByLogStream",
        )


def filters(service: Service, environment: Environment, process: Process, log: LogFile) -> Iterator[AWSObject]:
    namespace = metric_namespace(service, environment)
    for log_filter in filters_of(log):
        metric_name = counted_as(process, log, log_filter)
        yield MetricFilter(
            camel(process.name, log.name, log_filter.name) + "MetricFilter",
            LogGroupName=Ref(camel(process.name, log.name) + "LogGroup"),
            FilterPattern=log_filter.pattern,
            MetricTransformations=[
                MetricTransformation(
                    MetricNamespace=namespace, MetricName=metric_name, MetricValue="1", DefaultValue=0, Unit="Count"
                )
            ],
        )
        if log_filter.alarm is None:
            continue
        stem, period = camel(process.name, log.name, log_filter.name), log_filter.alarm.period
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


def memory_filter(service: Service, environment: Environment) -> Iterator[AWSObject]:
    namespace, name = metric_namespace(service, environment), "OutOfMemory"
    yield MetricFilter(
        f"{name}MetricFilter",
        LogGroupName=Ref(SYSTEM),
        FilterPattern=OUT_OF_MEMORY,
        MetricTransformations=[
            MetricTransformation(
                MetricNamespace=namespace, MetricName=name, MetricValue="1", DefaultValue=0, Unit="Count"
            )
        ],
    )
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
    own = [group.title for group in made if group.process is not None]
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
