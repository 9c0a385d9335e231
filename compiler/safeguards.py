"""Safeguards: properties that expose, encrypt, log or protect a resource, and which of their values are weaker.

In: the properties of a resource before and after, what the templates know.    Out: Findings.
Never: judges a policy or an ingress rule; `permissions` and `ingress` do.

A property is known by its name wherever it stands, since AWS gives the same thing the same name; by the types that have
it where the name alone says too little. Several places of one resource are as weak as the weakest of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from compiler.known import Known, is_open
from compiler.model import Json, Path, value_at

Rank = Callable[[Json], int | None]  # the higher, the weaker; None where it cannot be told


@dataclass(frozen=True, slots=True)
class Finding:
    """What a change means for security: a label, a sentence, and the place in the resource that it is due to."""

    label: str
    reason: str
    place: Path


@dataclass(frozen=True, slots=True)
class Safeguard:
    """How weak a property is by its values; `absent` where it is not there, `fresh` where a new resource lacks it.

    `types` are prefixes of the types that it belongs to, "" for all; `under` is the property around it, "" for any.
    With `is_choice` a change counts also between values that are equally weak: another key, another policy.
    """

    family: str
    rank: Rank
    absent: int
    fresh: int = 0
    types: tuple[str, ...] = ("",)
    under: str = ""
    is_choice: bool = False


WORSE, BETTER, OTHER = 0, 1, 2
_LABELS: Mapping[str, tuple[str, str, str]] = {
    **{family: (f"{family}-widened", f"{family}-narrowed", f"{family}-changed") for family in ("exposure", "iam")},
    **{
        family: (f"{family}-weakened", f"{family}-strengthened", f"{family}-changed")
        for family in ("encryption", "logging", "protection", "metadata")
    },
}


def _order(*values: str) -> Rank:
    """Rank by a list of values, the strongest first; `a|b` are equally strong."""
    ranks = {value.lower(): rank for rank, group in enumerate(values) for value in group.split("|")}
    return lambda value: ranks.get(_text(value))


def _present(value: Json) -> int | None:
    return 0 if value not in (None, "", [], {}) else 1


def _absent(value: Json) -> int | None:
    return 1 if value not in (None, "", [], {}) else 0


def _default_action(value: Json) -> int | None:
    """Rank what a web ACL does with what none of its rules is about."""
    return (0 if "Block" in value else 1 if "Allow" in value else None) if isinstance(value, dict) else None


def _some(value: Json) -> int | None:
    try:
        return 0 if float(value) > 0 else 1
    except (TypeError, ValueError):
        return None


def _fewer(value: Json) -> int | None:
    try:
        return -int(value)
    except (TypeError, ValueError):
        return None


def _tls(value: Json) -> int | None:
    """Rank a named policy by the oldest version of TLS that it takes, as far as its name says."""
    text = _text(value).replace("_", "-").replace(".", "-").replace("tlsv", "tls-").replace("tls13-", "tls-")
    for rank, version in enumerate(("tls-1-3", "tls-1-2", "tls-1-1", "tls-1-0", "tls-1", "ssl")):
        if version in text:
            return min(rank, 3)
    return 3 if "2016-08" in text or "2015-05" in text else None


_ON, _OFF = (
    _order("true|enabled|required|on", "preferred", "false|disabled|suspended|optional|off"),
    _order("false|disabled", "true|enabled"),
)
_BALANCERS = ("AWS::ElasticLoadBalancing::LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer")
_ROUTES = ("AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Route")
_NEVER = -10_000_000  # logs without a retention are kept for ever

SAFEGUARDS: Mapping[str, Safeguard] = {
    "Scheme": Safeguard("exposure", _order("internal", "internet-facing"), 1, 1, _BALANCERS),
    "PubliclyAccessible": Safeguard("exposure", _OFF, 0),
    "AssignPublicIp": Safeguard("exposure", _OFF, 0),
    "AssociatePublicIpAddress": Safeguard("exposure", _OFF, 0),
    "MapPublicIpOnLaunch": Safeguard("exposure", _OFF, 0),
    "EndpointPublicAccess": Safeguard("exposure", _OFF, 1, 1, ("AWS::EKS::Cluster",)),
    "AuthType": Safeguard("exposure", _order("aws_iam", "none"), 0, types=("AWS::Lambda::Url",)),
    "AuthorizationType": Safeguard("exposure", _order("aws_iam|jwt|custom|cognito_user_pools", "none"), 1, 1, _ROUTES),
    "AccessControl": Safeguard(
        "exposure",
        _order(
            "private|awsexecread|bucketownerread|bucketownerfullcontrol|logdeliverywrite",
            "authenticatedread",
            "publicread",
            "publicreadwrite",
        ),
        0,
        types=("AWS::S3::Bucket",),
    ),
    "ApiKeyRequired": Safeguard("exposure", _ON, 2, types=_ROUTES),
    "GatewayId": Safeguard("exposure", _absent, 0, types=("AWS::EC2::Route",)),
    "ObjectOwnership": Safeguard(
        "exposure",
        _order("bucketownerenforced", "bucketownerpreferred|objectwriter"),
        0,
        types=("AWS::S3::Bucket",),
    ),
    "VPCOptions": Safeguard("exposure", _present, 1, 1, ("AWS::OpenSearchService::", "AWS::Elasticsearch::")),
    **{
        name: Safeguard("iam", _absent, 0, types=types, is_choice=True)
        for name, types in (
            ("Role", ("AWS::Lambda::Function", "AWS::Serverless::Function")),
            ("IamInstanceProfile", ("AWS::EC2::", "AWS::AutoScaling::LaunchConfiguration")),
            ("TaskRoleArn", ("AWS::ECS::TaskDefinition",)),
            ("ExecutionRoleArn", ("AWS::ECS::TaskDefinition",)),
        )
    },
    **{
        name: Safeguard("exposure", _ON, 2)
        for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    },
    **{
        name: Safeguard("encryption", _ON, 2)
        for name in (
            *("StorageEncrypted", "Encrypted", "AtRestEncryptionEnabled", "TransitEncryptionEnabled", "EnforceHTTPS"),
            *("TransitEncryption", "TransitEncryptionMode", "EnableKeyRotation", "SSEEnabled"),
            *("EncryptionAtRestOptions.Enabled", "NodeToNodeEncryptionOptions.Enabled"),
        )
    },
    "EncryptionInTransit.ClientBroker": Safeguard(
        "encryption", _order("tls", "tls_plaintext", "plaintext"), 0, types=("AWS::MSK::Cluster",)
    ),
    "SqsManagedSseEnabled": Safeguard("encryption", _ON, 0),
    "SSEAlgorithm": Safeguard("encryption", _order("aws:kms:dsse", "aws:kms", "aes256"), 2),
    **{
        name: Safeguard("encryption", _present, 1, is_choice=True)
        for name in (
            *("KmsKeyId", "KmsMasterKeyId", "KMSMasterKeyID", "KMSMasterKeyId", "KmsKey", "KmsKeyArn", "KMSKeyArn"),
            *("EncryptionKey", "StreamEncryption"),
        )
    },
    "SslPolicy": Safeguard("encryption", _tls, 3, is_choice=True),
    "MinimumProtocolVersion": Safeguard("encryption", _tls, 3, is_choice=True),
    "TLSSecurityPolicy": Safeguard("encryption", _tls, 3, is_choice=True),
    "SecurityPolicy": Safeguard("encryption", _tls, 3, types=("AWS::ApiGateway",)),
    "Protocol": Safeguard(
        "encryption",
        _order("https|tls|quic", "http|tcp|udp|tcp_udp"),
        1,
        types=("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::TargetGroup"),
    ),
    "ViewerProtocolPolicy": Safeguard("encryption", _order("https-only|redirect-to-https", "allow-all"), 1),
    "OriginProtocolPolicy": Safeguard("encryption", _order("https-only", "match-viewer", "http-only"), 1),
    **{
        name: Safeguard("logging", _ON, 2)
        for name in ("IsLogging", "EnableLogFileValidation", "IsMultiRegionTrail", "access_logs.s3.enabled")
    },
    **{
        name: Safeguard("logging", _present, 1)
        for name in ("AccessLogSetting", "AccessLogSettings", "EnableCloudwatchLogsExports", "LoggingConfiguration")
    },
    "Logging": Safeguard("logging", _present, 1, types=("AWS::CloudFront::",)),
    "RetentionInDays": Safeguard("logging", _fewer, _NEVER, types=("AWS::Logs::",)),
    **{
        name: Safeguard("protection", _ON, 2)
        for name in (
            *("DeletionProtection", "DeletionProtectionEnabled", "DisableApiTermination", "PointInTimeRecoveryEnabled"),
            *(
                "deletion_protection.enabled",
                "routing.http.drop_invalid_header_fields.enabled",
                "EnableDeletionProtection",
            ),
        )
    },
    "DefaultAction": Safeguard("protection", _default_action, 1, types=("AWS::WAFv2::WebACL",)),
    "WebACLId": Safeguard("protection", _present, 1, types=("AWS::CloudFront::",), is_choice=True),
    "Privileged": Safeguard("protection", _OFF, 0, types=("AWS::ECS::TaskDefinition",)),
    "Status": Safeguard("protection", _ON, 2, types=("AWS::S3::Bucket",), under="VersioningConfiguration"),
    "BackupRetentionPeriod": Safeguard("protection", _some, 0),
    "HttpTokens": Safeguard("metadata", _ON, 2),
}


def find_weakened(type_name: str, before: Json, after: Json, known: tuple[Known, Known]) -> Iterator[Finding]:
    """Yield what a change of properties does to the safeguards of a resource.

    `before` and `after` are whole resources, None for one that is not there: of such only exposure counts, since a new
    resource was never encrypted or logged otherwise.
    """
    found = [
        dict(_collect(type_name, _properties(body), each)) for body, each in zip((before, after), known, strict=True)
    ]
    items = [_list_items(_properties(body)) for body in (before, after)]
    for key in dict.fromkeys((*found[0], *found[1])):
        name = key[-1]
        if not all(_item_of(key) in each for each in items):
            continue  # of an item that comes or goes the list as a whole tells
        safeguard = SAFEGUARDS[name]
        is_whole = before is None or after is None
        if is_whole and safeguard.family != "exposure":
            continue
        old, new = found[0].get(key), found[1].get(key)
        place = ("Properties", *(new or old or _NOWHERE).path)
        ranks = [_rank(safeguard, each, is_fresh=is_whole) for each in (old, new)]
        if before is None:
            ranks[0] = 0
        if after is None:
            ranks[1] = 0
        direction = _direction(ranks[0], ranks[1], old, new, is_choice=safeguard.is_choice)
        if direction is not None:
            label = _LABELS[safeguard.family][direction]
            yield Finding(label, f"`{name}` {_words(old, new)}", place)
    yield from _unsaid(type_name, before, after)


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    values: tuple[Json, ...]


_NOWHERE = _Place((), ())
# What names the items of lists that safeguards stand in.
_NAMES = ("DeviceName", "PathPattern", "Id", "Name", "RouteKey", "ResourceId")


def _unsaid(type_name: str, before: Json, after: Json) -> Iterator[Finding]:
    """Yield the exposure of a resource that comes or goes and is exposed because it does not say otherwise."""
    if (before is None) == (after is None):
        return
    properties = _properties(after if before is None else before)
    said = {name for _, name, _ in _walk(properties, ())}
    for name, safeguard in SAFEGUARDS.items():
        if safeguard.fresh and type_name.startswith(safeguard.types) and name not in said:
            label = _LABELS[safeguard.family][WORSE if before is None else BETTER]
            yield Finding(label, f"no `{name}` keeps it from being public", ())


def _properties(body: Json) -> Mapping[str, Json]:
    properties = body.get("Properties") if isinstance(body, dict) else None
    return properties if isinstance(properties, dict) else {}


def _collect(type_name: str, properties: Json, known: Known) -> Iterator[tuple[tuple[str, ...], _Place]]:
    """Yield the safeguards below some properties by their names, with all values that stand under one name."""
    found: dict[tuple[str, ...], list[tuple[Path, Json]]] = {}
    for path, name, value in _walk(properties, ()):
        name = _known_as(path, name)
        safeguard = SAFEGUARDS.get(name)
        if safeguard is None or not type_name.startswith(safeguard.types):
            continue
        around = tuple(str(step) for step in path[:-1] if isinstance(step, str))
        if not safeguard.under or safeguard.under in around:
            places = [(path, each) for each in known.possible(value)]
            for key in dict.fromkeys(((*around, name), (*_name_items(properties, path[:-1]), name))):
                found.setdefault(key, []).extend(places)
    for key, places in found.items():
        yield key, _Place(places[0][0], tuple(value for _, value in places))


def _list_items(properties: Json) -> set[tuple[str, ...]]:
    """List the items of lists that have a name, each with where it stands; the empty place stands for all else."""
    paths = {path[:at] for path, _, _ in _walk(properties, ()) for at in range(len(path))}
    return {(), *(_item_of(_name_items(properties, path)) for path in paths)}


def _name_items(properties: Json, path: Path) -> tuple[str, ...]:
    """Return a path with the names of items in place of their indices, without those that have none.

    >>> _name_items({"Devices": [{"DeviceName": "a", "Ebs": {}}]}, ("Devices", 0, "Ebs"))
    ('Devices', '[a]', 'Ebs')
    """
    steps: list[str] = []
    value = properties
    for step in path:
        value = value_at(value, (step,))
        if isinstance(step, str):
            steps.append(step)
        elif isinstance(value, dict):
            names = (value[key] for key in _NAMES if isinstance(value.get(key), str))
            steps += [f"[{name}]" for name in itertools.islice(names, 1)]
    return tuple(steps)


def _item_of(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the innermost named item that a key leads into."""
    return next((key[:end] for end in range(len(key), 0, -1) if key[end - 1].startswith("[")), ())


def _known_as(path: Path, name: str) -> str:
    """Return the name of a safeguard: with the property around it, where alone it says too little."""
    around = [step for step in path[:-1] if isinstance(step, str)]
    full = f"{around[-1]}.{name}" if around else name
    return full if full in SAFEGUARDS else name


def _walk(value: Json, path: Path) -> Iterator[tuple[Path, str, Json]]:
    """Yield every named value: a property, or one of a list of keys and values."""
    if isinstance(value, dict):
        if value.keys() == {"Key", "Value"} and isinstance(value["Key"], str):
            yield (*path, "Value"), value["Key"], value["Value"]
        for name, item in value.items():
            yield (*path, name), name, item
            yield from _walk(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


def _rank(safeguard: Safeguard, place: _Place | None, *, is_fresh: bool) -> int | None:
    if place is None:
        return safeguard.fresh if is_fresh else safeguard.absent
    ranks = [_rank_value(safeguard, value) for value in place.values]
    known = [rank for rank in ranks if rank is not None]
    return max(known) if len(known) == len(ranks) and known else None


def _rank_value(safeguard: Safeguard, value: Json) -> int | None:
    if safeguard.rank in (_present, _absent):
        return safeguard.rank(value)
    return None if is_open(value) else safeguard.rank(value)


def _direction(
    old: int | None, new: int | None, before: _Place | None, after: _Place | None, *, is_choice: bool
) -> int | None:
    values = [sorted(map(repr, place.values)) if place else None for place in (before, after)]
    if old is not None and new is not None and old != new:
        return WORSE if new > old else BETTER
    if values[0] == values[1] or (old is not None and old == new and (before is None or after is None)):
        return None
    return OTHER if is_choice or None in (old, new) else None


def _words(before: _Place | None, after: _Place | None) -> str:
    if after is None:
        return f"goes, which was {_value(before)}"
    return f"is {_value(after)}" if before is None else f"goes from {_value(before)} to {_value(after)}"


def _value(place: _Place | None) -> str:
    values = (
        dict.fromkeys(_text(value) if not isinstance(value, (dict, list)) else "set" for value in place.values)
        if place
        else {}
    )
    return " or ".join(f"`{value}`" for value in values)


def _text(value: Json) -> str:
    return str(value).lower()
