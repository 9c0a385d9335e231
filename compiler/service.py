"""Service: the types that a template of the library is given, a service and the environment it runs in.

In: nothing.    Out: types; their strings and numbers are traced values.
Never: changes after it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.alarm_types import CONSUMED_ALARMS, LOG_ALARM, SERVICE_ALARMS, OwnAlarm, Watched
from compiler.model import Json
from compiler.outlets import Egress, Permission


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`interval`, `timeout` and `grace_period` in seconds."""

    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    grace_period: int


@dataclass(frozen=True, slots=True)
class Requests:
    """`timeout` in seconds, `body_size` in MiB; `per_second` are those of one client, 0 any number of them."""

    timeout: int = 30
    body_size: int = 10
    per_second: int = 0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Bounds from a time on: `at` is a cron expression; None is the bound that the process has anyway."""

    name: str
    at: str
    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """`targets` by metric: `cpu` in percent, `requests` per target and minute, `queueAge` in seconds."""

    min: int
    max: int
    targets: Mapping[str, float]
    schedule: tuple[Scheduled, ...] = ()


@dataclass(frozen=True, slots=True)
class MixedInstances:
    """Types beside the process's own, and how many of the instances above `on_demand_base` are spot, in percent.

    `on_demand_base` None: as many as the process has at least.
    """

    types: tuple[str, ...]
    on_demand_base: int | None = None
    spot_percent: int = 100


@dataclass(frozen=True, slots=True)
class Deployment:
    """`style` is "rolling", "immutable", "inPlace" or "refresh"; `bake_time`, in seconds, is of the last. What is None
    follows from the bounds of the group."""

    style: str
    min_in_service: int | None = None
    batch: int | None = None
    bake_time: int = 600


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What is counted in a log. `threshold` is amber of its `alarm`, which is None where it is switched off."""

    name: str
    pattern: str
    threshold: int
    alarm: Watched | None = LOG_ALARM


# What is counted in a log that has no filters of its own. A filter of this name may leave out what is said here.
STANDARD_FILTER = LogFilter(
    "errors",
    '{ ($.level = "error") || ($.level = "ERROR") || ($.level = "critical") || ($.level = "CRITICAL") }',
    5,
)


@dataclass(frozen=True, slots=True)
class LogFile:
    name: str
    path: str
    retention_days: int
    filters: tuple[LogFilter, ...]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a process is given by the outputs of the additions that it uses, as CloudFormation values.

    `policies` are ARNs of managed policies, `security_groups` ids; `environment` maps variables to values.
    """

    policies: tuple[Json, ...] = ()
    security_groups: tuple[Json, ...] = ()
    environment: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routing:
    """Which requests of a load balancer are a process's: for its own name or for `host`, on `paths` or on all.

    `host` is the first label of a name. `priority` is for a load balancer that is shared.
    """

    priority: int | None = None
    host: str | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a service. `load_balancer` is "own" or "shared"; at least `warm_pool` instances stand by, if any.

    `alarms` by metric, as the schema has them: `errors` in percent, `latency` in seconds; without what is switched off.
    `down` and `degraded` stand among them and have no thresholds. `runbook` is a pattern of an address."""

    name: str
    runtime: str
    command: str
    port: int | None
    exposure: str
    dns: str | None
    instance_type: str
    root_volume_size: int
    health_check: HealthCheck
    scaling: Scaling
    availability: str
    deployment: Deployment
    alarms: Mapping[str, Watched]
    logs: tuple[LogFile, ...]
    wiring: Wiring = field(default_factory=Wiring)
    load_balancer: str = "own"
    routing: Routing = Routing()
    requests: Requests = Requests()
    permissions: tuple[Permission, ...] = ()
    egress: Egress = field(default_factory=Egress)
    mixed: MixedInstances | None = None
    warm_pool: int | None = None
    runbook: str | None = None
    own_alarms: tuple[OwnAlarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """An event that a process consumes. `filter` maps members of `filter_on`, "attributes" or "body", to values let in.

    `timeout`, `retention`, `max_age` and `max_silence` in seconds; nobody watches the last two where they are None.
    `alarms` are without what is switched off, as those of a process.
    """

    service: str
    event: str
    process: str
    filter: Mapping[str, Json]
    filter_on: str = "attributes"
    ordered: bool = False
    timeout: int = 30
    max_receive_count: int = 5
    retention: int = 4 * 24 * 60 * 60
    max_age: int | None = None
    max_silence: int | None = None
    alarms: Mapping[str, Watched] = field(default_factory=lambda: CONSUMED_ALARMS)


@dataclass(frozen=True, slots=True)
class Service:
    """A service in one environment, every default filled in. Strings and numbers are traced values.

    `ordered` are those events among `publishes` that keep the order of their messages. `event_alarms` are by the name
    of an event, `alarms` of the service as a whole; both are without what is switched off.
    `own_alarms` are of no one process.
    """

    name: str
    owner: str
    description: str
    processes: tuple[Process, ...]
    publishes: tuple[str, ...]
    consumes: tuple[Subscription, ...]
    config: Mapping[str, str]
    secrets: Mapping[str, str]
    ordered: frozenset[str] = frozenset()
    runbook: str | None = None
    event_alarms: Mapping[str, Mapping[str, Watched]] = field(default_factory=dict)
    alarms: Mapping[str, Watched] = field(default_factory=lambda: SERVICE_ALARMS)
    own_alarms: tuple[OwnAlarm, ...] = ()

    def processes_on(self, runtime: str) -> tuple[Process, ...]:
        return tuple(process for process in self.processes if process.runtime == runtime)


@dataclass(frozen=True, slots=True)
class Network:
    """`nat` is "perZone", "single", "regional" or "none"; `endpoints` are interfaces; retention in days.
    Where endpoints are derived, `callers` are the services that need one, by its name; else it is None. `prefix_lists`
    are the ids of AWS's lists of the region's addresses of "s3" and "dynamodb", where they are known."""

    cidr: str
    zones: tuple[str, ...]
    nat: str
    endpoints: tuple[str, ...]
    flow_log_retention: int
    callers: Mapping[str, tuple[str, ...]] | None = None
    prefix_lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When a process with `availability: businessHours` runs: two cron expressions in an IANA time zone."""

    time_zone: str
    start: str
    stop: str


@dataclass(frozen=True, slots=True)
class DeploymentBucket:
    """How an environment makes the platform deployment bucket, if it does. `lock_days` None: nothing is locked."""

    is_made_here: bool = True
    lock_days: int | None = None


@dataclass(frozen=True, slots=True)
class Ingress:
    """`shared` are the exposures that have a load balancer for all services, which drops a connection that is silent
    for `idle_timeout` seconds. Who certifies names in the private zone, where it is not below the public one: an
    authority, or nobody because the certificate is there. Both are ARNs."""

    shared: tuple[str, ...] = ()
    certificate_authority: str | None = None
    private_certificate: str | None = None
    idle_timeout: int = 60


@dataclass(frozen=True, slots=True)
class Waf:
    """What the web ACL does with a request that looks bad: "block" or "count"; there is none where `mode` is "off".
    `rate_limit` is in requests of one address in 5 minutes."""

    mode: str = "block"
    rate_limit: int = 2000


@dataclass(frozen=True, slots=True)
class LogDelivery:
    """How long the platform keeps its own logs of services, in days, and where all logs of services go: to another
    account's destination, to a stream that `role` may write to, to both or to none. All but the first are ARNs."""

    retention_days: int = 30
    destination: str | None = None
    stream: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class AccountBaseline:
    """What the account has once, if this environment makes it; only what watches its region if `is_region_only`.
    `monthly_budget` in USD; None: nobody watches. `config` is whether AWS Config records, `config_role` whether its
    service-linked role is made here."""

    is_made_here: bool = True
    guard_duty: bool = True
    monthly_budget: int | None = None
    is_region_only: bool = False
    config: bool = True
    config_role: bool = True


@dataclass(frozen=True, slots=True)
class Bastion:
    """How people get into the network: "none", "host" or "clientVpn", which needs the other two."""

    mode: str = "none"
    saml_provider: str | None = None
    client_cidr: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """An account and region that the platform team runs.

    `name` is what a service's resources are named after; `shared` is the environment whose network and keys they use,
    which differs for a branch environment (`env-feature` uses those of `env-default`) and for a tenant. `label` is what
    tells it from the others that share, in names that have `shared` in them. `tenants` are the names of the
    environments that services run in here, where these are others.
    `bucket` is the name of the platform deployment bucket. Without a `public_zone_id` the environment makes its own.
    `images` maps a processor architecture to the pinned version of the SSM parameter that holds the image's id,
    `image_ids` to the id that its newest version is to hold. `runbook` is a pattern of an address, for alarms of the
    platform's own.
    """

    name: str
    shared: str
    account: str
    region: str
    tier: str
    private_zone: str
    public_zone: str
    network: Network
    images: Mapping[str, int]
    bucket: str
    business_hours: BusinessHours
    owners: tuple[str, ...]
    deployment_bucket: DeploymentBucket = DeploymentBucket()
    ingress: Ingress = Ingress()
    public_zone_id: str | None = None
    image_ids: Mapping[str, str] = field(default_factory=dict)
    waf: Waf = Waf()
    bastion: Bastion = Bastion()
    account_baseline: AccountBaseline = AccountBaseline()
    logs: LogDelivery = LogDelivery()
    label: str | None = None
    tenants: tuple[str, ...] = ()
    runbook: str | None = None
