"""The attributes that Elastic Load Balancing knows, by kind of load balancer, with what each can be.

They travel as pairs of texts, so that CloudFormation and its linters take any word for one. The tables are those of the
API's reference (LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """What an attribute can be: one of some words, or a whole number in a range; any text where it is neither."""

    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None

    def admit(self, text: str) -> bool:
        if not self.words and self.low is None:
            return True
        is_number = self.low is not None and text.isascii() and text.isdecimal()
        return text in self.words or (is_number and _is_between(self.low, int(text), self.high))

    def __str__(self) -> str:
        words = [f"`{word}`" for word in self.words]
        if self.low is not None:
            words.append(f"{self.low} or more" if self.high is None else f"{self.low} to {self.high}")
        return " or ".join(words)


def _is_between(low: int | None, number: int, high: int | None) -> bool:
    return (low is None or low <= number) and (high is None or number <= high)


Attributes = Mapping[str, Values]

APPLICATION, NETWORK, GATEWAY = KINDS = ("application", "network", "gateway")

_ANY, _SWITCH = Values(), Values(("true", "false"))
_FAILOVER, _OFF_OR_COUNT, _OFF_OR_PERCENT = (
    Values(("rebalance", "no_rebalance")),
    Values(("off",), 1),
    Values(("off",), 1, 100),
)
_COOKIE_SECONDS = Values((), 1, 604_800)

_ALL_BALANCERS: Attributes = {
    "deletion_protection.enabled": _SWITCH,
    "load_balancing.cross_zone.enabled": _SWITCH,
}
_LOGGED: Attributes = {
    "access_logs.s3.bucket": _ANY,
    "access_logs.s3.enabled": _SWITCH,
    "access_logs.s3.prefix": _ANY,
    "ipv6.deny_all_igw_traffic": _SWITCH,
    "zonal_shift.config.enabled": _SWITCH,
}
LOAD_BALANCERS: Mapping[str, Attributes] = {
    APPLICATION: {
        **_ALL_BALANCERS,
        **_LOGGED,
        "client_keep_alive.seconds": Values((), 60, 604_800),
        "connection_logs.s3.bucket": _ANY,
        "connection_logs.s3.enabled": _SWITCH,
        "connection_logs.s3.prefix": _ANY,
        "health_check_logs.s3.bucket": _ANY,
        "health_check_logs.s3.enabled": _SWITCH,
        "health_check_logs.s3.prefix": _ANY,
        "idle_timeout.timeout_seconds": Values((), 1, 4000),
        "load_balancing.cross_zone.enabled": Values(("true",)),  # which cannot be changed
        "routing.http.desync_mitigation_mode": Values(("monitor", "defensive", "strictest")),
        "routing.http.drop_invalid_header_fields.enabled": _SWITCH,
        "routing.http.preserve_host_header.enabled": _SWITCH,
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": _SWITCH,
        "routing.http.xff_client_port.enabled": _SWITCH,
        "routing.http.xff_header_processing.mode": Values(("append", "preserve", "remove")),
        "routing.http2.enabled": _SWITCH,
        "waf.fail_open.enabled": _SWITCH,
    },
    NETWORK: {
        **_ALL_BALANCERS,
        **_LOGGED,
        "dns_record.client_routing_policy": Values(
            ("availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone")
        ),
        "secondary_ips.auto_assigned.per_subnet": Values((), 0, 7),
    },
    GATEWAY: _ALL_BALANCERS,
}

_HEALTH: Attributes = {
    "load_balancing.cross_zone.enabled": Values(("true", "false", "use_load_balancer_configuration")),
    "target_group_health.dns_failover.minimum_healthy_targets.count": _OFF_OR_COUNT,
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": _OFF_OR_PERCENT,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": Values((), 1),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": _OFF_OR_PERCENT,
}
_DRAINED: Attributes = {
    "deregistration_delay.timeout_seconds": Values((), 0, 3600),
    "stickiness.enabled": _SWITCH,
}
TARGET_GROUPS: Mapping[str, Attributes] = {
    APPLICATION: {
        **_DRAINED,
        **_HEALTH,
        "lambda.multi_value_headers.enabled": _SWITCH,
        "load_balancing.algorithm.anomaly_mitigation": Values(("on", "off")),
        "load_balancing.algorithm.type": Values(("round_robin", "least_outstanding_requests", "weighted_random")),
        "slow_start.duration_seconds": Values(("0",), 30, 900),
        "stickiness.app_cookie.cookie_name": _ANY,
        "stickiness.app_cookie.duration_seconds": _COOKIE_SECONDS,
        "stickiness.lb_cookie.duration_seconds": _COOKIE_SECONDS,
        "stickiness.type": Values(("lb_cookie", "app_cookie")),
    },
    NETWORK: {
        **_DRAINED,
        **_HEALTH,
        "deregistration_delay.connection_termination.enabled": _SWITCH,
        "preserve_client_ip.enabled": _SWITCH,
        "proxy_protocol_v2.enabled": _SWITCH,
        "stickiness.type": Values(("source_ip",)),
        "target_health_state.unhealthy.connection_termination.enabled": _SWITCH,
        "target_health_state.unhealthy.draining_interval_seconds": Values((), 0, 360_000),
    },
    GATEWAY: {
        **_DRAINED,
        "send_tcp_reset.on_deregistration.enabled": _SWITCH,
        "send_tcp_reset.on_unhealthy.enabled": _SWITCH,
        "stickiness.type": Values(("source_ip_dest_ip", "source_ip_dest_ip_proto")),
        "target_failover.on_deregistration": _FAILOVER,
        "target_failover.on_unhealthy": _FAILOVER,
    },
}

_TLS_HEADERS = (
    *("mtls_clientcert_serial_number", "mtls_clientcert_issuer", "mtls_clientcert_subject", "mtls_clientcert_validity"),
    *("mtls_clientcert_leaf", "mtls_clientcert", "tls_version", "tls_cipher_suite"),
)
_ANSWER_HEADERS = (
    *("strict_transport_security", "access_control_allow_origin", "access_control_allow_methods"),
    *("access_control_allow_headers", "access_control_allow_credentials", "access_control_expose_headers"),
    *("access_control_max_age", "content_security_policy", "x_content_type_options", "x_frame_options"),
)
_TCP_SECONDS = Values((), 60, 6000)
LISTENERS: Mapping[str, Attributes] = {
    APPLICATION: {
        **{f"routing.http.request.x_amzn_{header}.header_name": _ANY for header in _TLS_HEADERS},
        **{f"routing.http.response.{header}.header_value": _ANY for header in _ANSWER_HEADERS},
        "routing.http.response.server.enabled": _SWITCH,
    },
    NETWORK: {"tcp.idle_timeout.seconds": _TCP_SECONDS},
    GATEWAY: {"send_tcp_reset.on_idle_timeout.enabled": _SWITCH, "tcp.idle_timeout.seconds": _TCP_SECONDS},
}


@dataclass(frozen=True, slots=True)
class Bond:
    """An attribute that asks something of another one, unless it has one of the values `but`.

    The other has to be one of `wanted`; where that is empty, it has to be there, and nothing more. `unsaid` is what it
    is where nobody says.
    """

    key: str
    but: tuple[str, ...]
    other: str
    wanted: tuple[str, ...] = ()
    unsaid: str = ""


BONDS = (
    *(
        Bond(f"{logs}_logs.s3.enabled", ("false",), f"{logs}_logs.s3.bucket")
        for logs in ("access", "connection", "health_check")
    ),
    Bond("slow_start.duration_seconds", ("0",), "load_balancing.algorithm.type", ("round_robin",), "round_robin"),
    Bond(
        "load_balancing.algorithm.anomaly_mitigation",
        ("off",),
        "load_balancing.algorithm.type",
        ("weighted_random",),
        "round_robin",
    ),
    Bond("target_failover.on_unhealthy", ("no_rebalance",), "target_failover.on_deregistration", ("rebalance",)),
    Bond("target_failover.on_deregistration", ("no_rebalance",), "target_failover.on_unhealthy", ("rebalance",)),
    Bond(
        "target_health_state.unhealthy.draining_interval_seconds",
        ("0",),
        "target_health_state.unhealthy.connection_termination.enabled",
        ("false",),
        "true",
    ),
)
