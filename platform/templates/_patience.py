"""For how long instances are waited for, when they begin and when they end.

In: a service, an environment, a process.    Out: seconds or minutes, which remember the settings that they come from.
Never: lets a step take longer than what waits for it.
"""

from __future__ import annotations

import math

from compiler.authoring import Environment, Process, Service, derive

from ._conventions import subscriptions_of
from ._ways_in import is_shared

REGISTRATION = 60  # seconds that a load balancer may take to hear of an instance
# What is given beyond the slowest request: whoever is nearer to the client has to be the more patient one, or an answer
# finds nobody.
MARGIN, NGINX_MARGIN = 30, 15
STOP_SECONDS = 30  # a process that has no request and no message left
LOGS_SECONDS = 30  # to send the last lines, and to answer the group
# Between the word that an instance is taken back, and its end; and what of that is for its requests.
SPOT_SECONDS, SPOT_LET_GO_SECONDS = 120, 60
# The longest that a hook of a group waits, and that CloudFormation waits for the signal of an instance.
LONGEST_HOOK, LONGEST_PAUSE = 7200, 3600
PREPARATION = 600  # to fetch and apply a release; an old instance that takes no longer than usual ends meanwhile


def balancer_patience(process: Process) -> int:
    """Say how many seconds the load balancer is given to call an instance healthy that answers; none without one.

    While it started it was found unhealthy, so that it has to pass all checks, beginning with the next.
    """
    if process.port is None:
        return 0
    check = process.health_check
    seconds = REGISTRATION + check.interval * (1 + check.healthy_threshold)
    return derive(seconds, check.interval, check.healthy_threshold)


def minutes_to_start(process: Process) -> int:
    """Ten minutes to fetch and apply, then the time to answer and be called healthy; CloudFormation takes an hour."""
    grace, healthy = process.health_check.grace_period, balancer_patience(process)
    return derive(math.ceil((PREPARATION + grace + healthy) / 60), grace, healthy)


def minutes_to_replace(service: Service, process: Process) -> int:
    """Return how long the signal of an instance may take that starts when another one has gone."""
    start, end = minutes_to_start(process), seconds_to_end(service, process)
    grace, healthy = process.health_check.grace_period, balancer_patience(process)
    seconds = PREPARATION + grace + healthy + max(0, end - SPOT_SECONDS)
    return derive(math.ceil(seconds / 60), start, *([end] if end > SPOT_SECONDS else []))


def idle_timeout(environment: Environment, process: Process) -> int:
    """Return for how many seconds the load balancer keeps a connection without a byte."""
    if is_shared(process):
        return derive(environment.ingress.idle_timeout, environment.ingress.idle_timeout, process.load_balancer)
    return derive(process.requests.timeout + MARGIN, process.requests.timeout)


def keepalive_timeout(environment: Environment, process: Process) -> int:
    """Return for how long nginx keeps a connection: it must not close one that a request is already on its way on."""
    idle = idle_timeout(environment, process)
    return derive(idle + NGINX_MARGIN, idle)


def let_go_patience(process: Process) -> int:
    """Return for how long an instance waits for its last requests: a little longer than its load balancer."""
    if process.port is None:
        return 0
    return derive(process.requests.timeout + MARGIN, process.requests.timeout)


def stop_patience(service: Service, process: Process) -> int:
    """Return how many seconds the process has to stop in: as many as a message may take, as far as a hook waits."""
    slowest = [subscription.timeout for subscription in subscriptions_of(service, process)]
    longest = max(slowest, default=STOP_SECONDS)
    if longest <= STOP_SECONDS:
        return STOP_SECONDS
    wait = LONGEST_HOOK
    if process.deployment.style in ("rolling", "inPlace"):
        wait = LONGEST_PAUSE - 60 * minutes_to_start(process) + SPOT_SECONDS
    most = wait - let_go_patience(process) - LOGS_SECONDS
    return derive(max(STOP_SECONDS, min(longest, most)), *slowest, process.deployment.style)


def seconds_to_end(service: Service, process: Process) -> int:
    """Return how long the group waits for an instance that it has let go of: two minutes, or what it needs."""
    requests, stop = let_go_patience(process), stop_patience(service, process)
    return derive(max(SPOT_SECONDS, requests + stop + LOGS_SECONDS), requests, stop)
