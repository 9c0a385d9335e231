"""Authoring: all that a template or a rule of the library may import from the compiler.

In: nothing.    Out: the types a template is given, helpers that keep the origin of what it computes, and what tells a
rule what a value can be.
Never: anything that depends on a room.
"""

from __future__ import annotations

import re

from compiler.alarm_types import PUBLISHED_ALARMS, REQUEST_METRICS, Mute, OwnAlarm, Watched, look_back
from compiler.days import day_after
from compiler.known import NOTHING, Known, is_open
from compiler.outlets import Destination, Egress, Permission
from compiler.processors import architecture
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
from compiler.trace import RefusalError, derive, join
from compiler.variables import queue_variable, topic_variable

__all__ = [
    "NOTHING",
    "PUBLISHED_ALARMS",
    "REQUEST_METRICS",
    "STANDARD_FILTER",
    "AccountBaseline",
    "Bastion",
    "BusinessHours",
    "Deployment",
    "DeploymentBucket",
    "Destination",
    "Egress",
    "Environment",
    "HealthCheck",
    "Ingress",
    "Known",
    "LogDelivery",
    "LogFile",
    "LogFilter",
    "MixedInstances",
    "Mute",
    "Network",
    "OwnAlarm",
    "Permission",
    "Process",
    "RefusalError",
    "Requests",
    "Routing",
    "Scaling",
    "Scheduled",
    "Service",
    "Subscription",
    "Waf",
    "Watched",
    "Wiring",
    "architecture",
    "camel",
    "day_after",
    "derive",
    "is_open",
    "join",
    "look_back",
    "queue_variable",
    "topic_variable",
]


def camel(*names: str) -> str:
    """Turn names into the CamelCase part of a logical id.

    >>> camel("worker", "customer", "address-changed")
    'WorkerCustomerAddressChanged'
    """
    words = [word for name in names for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    return "".join(word[0].upper() + word[1:] for word in words)
