"""Variables: the names under which processes find what the platform tells them.

In: names of processes and events, or Settings.    Out: names of variables.
Never: gives one a value; that is for templates and roles.
"""

from __future__ import annotations

from compiler.events import consumed_events, published_events
from compiler.model import Json, Settings
from compiler.trace import derive, join, plain

# What processes find, whatever their config says: `platform.env.j2` of the roles writes it. `PORT` needs a port.
FIXED_VARIABLES = (
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "PLATFORM_ENVIRONMENT",
    "PLATFORM_PROCESS",
    "PLATFORM_RELEASE",
    "PLATFORM_SERVICE",
    "PORT",
)
# By which a shell, the loader of programs and the runtimes find what they run; systemd sets the first four.
MACHINE_VARIABLES = frozenset(
    "PATH HOME USER SHELL LOGNAME IFS ENV BASH_ENV LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT".split()
)


def topic_variable(event: str) -> str:
    """Name the variable in which processes find the topic of an event that their service publishes.

    >>> topic_variable("order-placed")
    'ORDER_PLACED_TOPIC_ARN'
    """
    return join(_variable(event), "_TOPIC_ARN")


def queue_variable(process: str, publisher: str, event: str) -> str:
    """Name the variable in which processes find the queue that one of them reads of an event.

    >>> queue_variable("worker", "customer", "address-changed")
    'WORKER_CUSTOMER_ADDRESS_CHANGED_QUEUE_URL'
    """
    return join(_variable(join(process, "-", publisher, "-", event)), "_QUEUE_URL")


def platform_variables(settings: Settings) -> dict[str, Json]:
    """Name the variables that the platform itself sets, each with the event that it is made of, if it is."""
    processes = settings.data.get("processes") or {}
    has_port = any(isinstance(each, dict) and "port" in each for each in processes.values())
    variables: dict[str, Json] = {name: None for name in FIXED_VARIABLES if has_port or name != "PORT"}
    for event in published_events(settings.data):
        variables[topic_variable(event)] = event
    for name, wanted in consumed_events(settings.data).items():
        process = wanted.get("process")
        if isinstance(process, str):
            publisher, _, event = plain(name).partition(".")
            variables[queue_variable(plain(process), publisher, event)] = name
    return variables


def _variable(name: str) -> str:
    return derive(name.upper().replace("-", "_"), name)
