"""Log groups, and what is counted in them: a metric and an alarm for each filter."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.logs import LogGroup, MetricFilter, MetricTransformation

from compiler.authoring import Environment, LogFile, LogFilter, Process, Service, camel, join

from ._alarms import alarm, metric
from ._conventions import keep, key_arn, log_group_name, metric_namespace, tags

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for process in service.processes:
        for log in process.logs:
            yield from log_group(service, environment, process, log)
            yield from filters(service, environment, process, log)


def log_group(service: Service, environment: Environment, process: Process, log: LogFile) -> Iterator[AWSObject]:
    yield LogGroup(
        camel(process.name, log.name) + "LogGroup",
        LogGroupName=log_group_name(service, environment, process, log),
        RetentionInDays=log.retention_days,
        KmsKeyId=key_arn(environment, "logs"),
        Tags=tags(service, environment, join(process.name, "-", log.name), process.name),
        **keep(environment),
    )


def filters(service: Service, environment: Environment, process: Process, log: LogFile) -> Iterator[AWSObject]:
    namespace = metric_namespace(service, environment)
    for log_filter in log.filters:
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
        yield alarm(
            camel(process.name, log.name, log_filter.name) + "Alarm", service, environment,
            process=process.name,
            tag=metric_name,
            color="amber",
            says=join(
                "The log ", log.name, " of ", service.name, "/", process.name, " in ", environment.name,
                " matches the filter ", log_filter.name, " more than ", log_filter.threshold,
                " times a minute. Read the log group ", log_group_name(service, environment, process, log), ".",
            ),
            measured=metric(namespace, metric_name, statistic="Sum"),
            threshold=log_filter.threshold,
            within=(3, 5),
            missing="notBreaching",
        )  # fmt: skip


def counted_as(process: Process, log: LogFile, log_filter: LogFilter) -> str:
    return join(process.name, "-", log.name, "-", log_filter.name)
