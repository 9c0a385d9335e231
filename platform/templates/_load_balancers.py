"""What holds for every load balancer of the platform, a service's own or one that many share."""

from __future__ import annotations

from troposphere.elasticloadbalancingv2 import Action, FixedResponseConfig, LoadBalancerAttributes, RedirectConfig

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


def attributes(log_bucket: object, log_prefix: str, idle_timeout: int) -> list[LoadBalancerAttributes]:
    """Say how a load balancer treats requests, and where it writes down each of them and each connection.

    It lets go of a connection that is silent for `idle_timeout` seconds.
    """
    values = {
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": log_bucket,
        "access_logs.s3.prefix": log_prefix,
        # Also clients that fail to agree on TLS, which never send a request. Beside the requests, as `conn_log`.
        "connection_logs.s3.enabled": "true",
        "connection_logs.s3.bucket": log_bucket,
        "connection_logs.s3.prefix": log_prefix,
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.xff_header_processing.mode": "append",
        "idle_timeout.timeout_seconds": str(idle_timeout),
        "client_keep_alive.seconds": "3600",
        "zonal_shift.config.enabled": "true",
    }
    return [LoadBalancerAttributes(Key=key, Value=value) for key, value in values.items()]


def nobody() -> Action:
    """Answer a request that no rule of the listener is for."""
    answer = FixedResponseConfig(StatusCode="404", ContentType="text/plain", MessageBody="No service has this address.")
    return Action(Type="fixed-response", FixedResponseConfig=answer)


def redirect_to_https() -> Action:
    return Action(Type="redirect", RedirectConfig=RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301"))
