"""Instances that do not come or go: those that AWS cannot launch or end, and those that are launched and fail to start.

Neither shows on the dashboards of a service that has instances enough without them; the next deployment would find out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject, Ref
from troposphere.cloudwatch import MetricDimension
from troposphere.events import InputTransformer, Rule, Target

from compiler.authoring import Environment, Process, Service, Watched, camel, join

from ._alarms import metric, runbook
from ._conventions import BOOT_FAILED, BOOT_NAMESPACE, alarm_topics, boot_dimensions, boot_log_name, tags
from ._single_alarms import single_alarms

# EventBridge takes 2,048 characters of a pattern; groups are named after their stack and process, in 150 at most.
GROUPS_A_RULE = 10


def launches(service: Service, environment: Environment) -> Iterator[AWSObject]:
    processes = service.processes_on("instances")
    launching, booting = (service.alarms.get(name) for name in ("launchFailures", "bootFailures"))
    for start in range(0, len(processes) if launching else 0, GROUPS_A_RULE):
        number = str(start // GROUPS_A_RULE + 1) if start else ""
        yield launch_failures(service, environment, number, processes[start : start + GROUPS_A_RULE])
    if processes and booting:
        yield from boot_failures(service, environment, booting)


def launch_failures(service: Service, environment: Environment, number: str, processes: Sequence[Process]) -> Rule:
    """Send on what auto scaling says when it cannot launch an instance: no capacity, an image or a key out of reach.
    Or when it cannot end one, which then costs money and may still serve an old release.

    No metric counts that, so there is no alarm: a rule of EventBridge is on or off, and knows of no day on which it
    would speak again. Nor does the group notify a topic itself (NotificationConfigurations): that says more of each
    launch and end that goes well, which is the most common thing that a group does, in JSON.
    """
    told = join(service.name, " in ", environment.name, ": <what> (<group>). <reason>")
    page = runbook(service, environment, "launchFailures", own=service.alarms["launchFailures"].runbook)
    return Rule(
        f"LaunchFailures{number}Rule",
        Description=join("Launches and ends of instances of ", service.name, " in ", environment.name, " that fail"),
        EventPattern={
            "source": ["aws.autoscaling"],
            "detail-type": ["EC2 Instance Launch Unsuccessful", "EC2 Instance Terminate Unsuccessful"],
            "detail": {"AutoScalingGroupName": [Ref(camel(each.name) + "Group") for each in processes]},
        },
        State="ENABLED",
        Targets=[
            Target(
                Id="owner",
                Arn=alarm_topics(service, environment, "amber")[0],
                InputTransformer=InputTransformer(
                    InputPathsMap={
                        "what": "$.detail-type",
                        "group": "$.detail.AutoScalingGroupName",
                        "reason": "$.detail.StatusMessage",
                    },
                    # A text, which EventBridge wants in quotes.
                    InputTemplate=join('"', told, *(() if page is None else (" ", page)), '"'),
                ),
            )
        ],
        Tags=tags(service, environment, f"launch-failures{number}"),
    )


def boot_failures(service: Service, environment: Environment, watched: Watched) -> Iterator[AWSObject]:
    """Tell once of instances that fail to start, however many try in an hour."""
    yield from single_alarms(
        service, environment, "bootFailures", watched,
        titles=("BootFailuresAmberAlarm", "BootFailuresRedAlarm"),
        tag="boot-failures",
        subject=join(service.name, " in ", environment.name),
        what=("more than ", " instances fail to start"),
        meaning=join(
            "Their group tries again, and gets nowhere if the release is at fault. Read their last words in the log "
            "group ", boot_log_name(environment), ".",
        ),
        measured=metric(
            BOOT_NAMESPACE,
            BOOT_FAILED,
            [MetricDimension(Name=name, Value=value) for name, value in boot_dimensions(service, environment).items()],
            statistic="Sum",
            period=watched.period,
        ),
    )  # fmt: skip
