"""Update facts: what an update does that the resource schemas do not say, type by type, as reviewed tables.

In: nothing.    Out: UPDATES, ORDERED, UNORDERED, STATEFUL, SNAPSHOTS.
Never: decides anything about a template; `behavior` does.

The schemas know which properties make another resource; they know no interruption, are silent about resources that are
older than they are, and say "may replace" where the update policy or the two values decide. Each entry is a fact of the
public CloudFormation reference or of the service's own guide, in the words that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.changes import Behavior
from compiler.model import Json

Judgement = tuple[Behavior, str]


@dataclass(frozen=True, slots=True)
class Update:
    """A property before and after, the `UpdatePolicy` of the resource after it, all its properties on both sides."""

    before: Json
    after: Json
    policy: Mapping[str, Json]
    properties: tuple[Mapping[str, Json], Mapping[str, Json]] = ({}, {})


Judge = Callable[[Update], Judgement]

_RESTART: Judgement = ("interruption", "the database restarts")
_MEMBERS: Judgement = ("interruption", "connections are cut while nodes are exchanged")
_REFUSED = "cannot be changed once the resource exists: the update fails"
_STOPPED: Judgement = (
    "conditional",
    "an instance with an EBS root volume is stopped and started, one with an instance store is replaced",
)
_NESTED: Judgement = ("conditional", "what the nested stack does to its own resources decides")


def _group(update: Update) -> Judgement:
    replacing = update.policy.get("AutoScalingReplacingUpdate")
    if isinstance(replacing, dict) and _is_true(replacing.get("WillReplace")):
        return "replacement", "the update policy of the group replaces it as a whole"
    if "AutoScalingInstanceRefresh" in update.policy:
        return "interruption", "the update policy of the group refreshes its instances, new ones first"
    if "AutoScalingRollingUpdate" in update.policy:
        return "interruption", "the update policy of the group replaces its instances in batches"
    return "none", "only instances started from now on have it, as the group has no update policy for its instances"


def _subnets(update: Update) -> Judgement:
    behavior, reason = _group(update)
    before, after = update.before, update.after
    if behavior == "none" and isinstance(before, list) and any(subnet not in (after or []) for subnet in before):
        return "interruption", "instances in the subnets that go are ended"
    return behavior, reason


def _shards(update: Update) -> Judgement:
    if _is_true(update.policy.get("UseOnlineResharding")):
        return "none", "the update policy moves shards while the cache is in use"
    return "replacement", "the update policy does not say `UseOnlineResharding`"


def _search_version(update: Update) -> Judgement:
    if _is_true(update.policy.get("EnableVersionUpgrade")):
        return "none", "the update policy upgrades the domain in place"
    return "replacement", "the update policy does not say `EnableVersionUpgrade`"


def _network(update: Update) -> Judgement:
    if (update.before is None) != (update.after is None):
        return "replacement", "a domain does not move between a VPC and the public network"
    return "none", ""


def _cache_nodes(update: Update) -> Judgement:
    zones = ("PreferredAvailabilityZone", "PreferredAvailabilityZones")
    if not any(name in properties for properties in update.properties for name in zones):
        return "replacement", "neither the cluster nor the update says a preferred Availability Zone"
    return _MEMBERS


def _backup_days(update: Update) -> Judgement:
    days = (_number(update.before), _number(update.after))
    if None not in days and (0 in days) == (days[0] == days[1]):
        return "none", ""
    return "interruption", "the database restarts when automated backups are turned on or off"


def _engine(update: Update) -> Judgement:
    before, after = update.before, update.after
    if isinstance(before, str) and isinstance(after, str) and before.split("-")[0] != after.split("-")[0]:
        return "replacement", f"a database of `{before}` does not become one of `{after}`"
    return "conditional", "only some engines turn into their neighbors in place"


def _storage(update: Update) -> Judgement:
    old, new = _number(update.before), _number(update.after)
    if old is not None and new is not None and new < old:
        return "none", "the storage of a database never gets smaller: the update fails"
    return "none", ""


def _attributes(update: Update) -> Judgement:
    old, new = _by_name(update.before, "AttributeName"), _by_name(update.after, "AttributeName")
    if any(name in new and new[name] != item for name, item in old.items()):
        return "replacement", "the type of an attribute that a key uses cannot be changed"
    return "none", ""


def _indexes(update: Update) -> Judgement:
    old, new = _by_name(update.before, "IndexName"), _by_name(update.after, "IndexName")
    for name, item in old.items():
        if name in new and any(new[name].get(key) != item.get(key) for key in ("KeySchema", "Projection")):
            return "conditional", f"the keys and the projection of an index {_REFUSED}"
    return "none", ""


def _devices(update: Update) -> Judgement:
    old, new = _by_name(update.before, "DeviceName"), _by_name(update.after, "DeviceName")
    if (
        old
        and old.keys() == new.keys()
        and all(_without_deletion(old[name]) == _without_deletion(new[name]) for name in old)
    ):
        return "none", ""
    return "replacement", "volumes that are attached at launch are fixed, but for `DeleteOnTermination`"


_DATABASE: Mapping[str, Judgement | Judge] = {
    "DBInstanceClass": _RESTART,
    "EngineVersion": _RESTART,
    "DBParameterGroupName": _RESTART,
    "CACertificateIdentifier": _RESTART,
    "PreferredMaintenanceWindow": ("interruption", "what waits for the window may be applied at once"),
}

UPDATES: Mapping[str, Mapping[str, Judgement | Judge]] = {
    "AWS::AutoScaling::AutoScalingGroup": {
        "LaunchConfigurationName": _group,
        "LaunchTemplate": _group,
        "MixedInstancesPolicy": _group,
        "VPCZoneIdentifier": _subnets,
    },
    "AWS::CloudFormation::Stack": {"TemplateURL": _NESTED, "Parameters": _NESTED},
    "AWS::CloudFormation::WaitCondition": {
        "Handle": ("replacement", "it waits for signals to another handle"),
        "Count": ("conditional", f"the count {_REFUSED}"),
        "Timeout": ("conditional", f"the time {_REFUSED}"),
    },
    "AWS::DocDB::DBInstance": {"DBInstanceClass": _RESTART},
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions": _attributes,
        "GlobalSecondaryIndexes": _indexes,
        "KeySchema": ("replacement", "the keys of a table are fixed when it is made"),
        "LocalSecondaryIndexes": ("replacement", "local indexes are fixed when a table is made"),
        "SSESpecification": ("interruption", "the table cannot be changed otherwise while its key changes"),
        "StreamSpecification": ("none", "the stream is replaced: who reads it begins with another one"),
    },
    "AWS::EC2::Instance": {
        "AdditionalInfo": _STOPPED,
        "BlockDeviceMappings": _devices,
        "EbsOptimized": _STOPPED,
        "InstanceType": _STOPPED,
        "KernelId": _STOPPED,
        "RamdiskId": _STOPPED,
        "SecurityGroupIds": ("none", ""),
        "UserData": _STOPPED,
    },
    "AWS::EC2::Volume": {
        name: ("conditional", f"`{name}` {_REFUSED}")
        for name in ("AvailabilityZone", "Encrypted", "KmsKeyId", "OutpostArn", "SnapshotId")
    },
    "AWS::ElastiCache::CacheCluster": {
        "CacheNodeType": (
            "conditional",
            "the nodes of Memcached cannot change their type; those of Redis are exchanged",
        ),
        "CacheParameterGroupName": _MEMBERS,
        "EngineVersion": _MEMBERS,
        "NumCacheNodes": _cache_nodes,
        "PreferredAvailabilityZone": _MEMBERS,
        "PreferredAvailabilityZones": _MEMBERS,
    },
    "AWS::ElastiCache::ReplicationGroup": {
        "CacheNodeType": _MEMBERS,
        "EngineVersion": _MEMBERS,
        "NodeGroupConfiguration": _shards,
        "NumNodeGroups": _shards,
    },
    "AWS::Elasticsearch::Domain": {"ElasticsearchVersion": _search_version, "VPCOptions": _network},
    "AWS::IAM::Policy": {"PolicyName": ("none", "the policy goes under its old name and comes under the new one")},
    "AWS::KMS::Key": {
        name: ("conditional", f"`{name}` {_REFUSED}") for name in ("KeySpec", "KeyUsage", "MultiRegion", "Origin")
    },
    "AWS::Neptune::DBInstance": {"DBInstanceClass": _RESTART},
    "AWS::OpenSearchService::Domain": {"EngineVersion": _search_version, "VPCOptions": _network},
    "AWS::RDS::DBCluster": {
        "DBClusterInstanceClass": _RESTART,
        "DBClusterParameterGroupName": _RESTART,
        "Engine": _engine,
        "EngineVersion": _RESTART,
        "Port": _RESTART,
    },
    "AWS::RDS::DBInstance": {
        **_DATABASE,
        "AllocatedStorage": _storage,
        "AutoMinorVersionUpgrade": ("none", ""),
        "BackupRetentionPeriod": _backup_days,
        "Engine": _engine,
        "LicenseModel": _RESTART,
        "MultiAZ": ("none", ""),
        "Port": _RESTART,
        "ProcessorFeatures": _RESTART,
        "StorageType": ("interruption", "a move from or to magnetic storage takes the database away for a while"),
    },
    "AWS::Redshift::Cluster": dict.fromkeys(
        ("ClusterType", "NodeType", "NumberOfNodes", "Encrypted", "KmsKeyId"),
        ("interruption", "the cluster is resized, and only reads or does not answer meanwhile"),
    ),
    "AWS::Route53::RecordSet": {
        "Name": ("replacement", "a record under another name is another record"),
        "SetIdentifier": ("interruption", "the record goes under its old identifier"),
        "Type": ("interruption", "the record goes under its old type"),
    },
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": ("none", "a new value is generated in place of the present one"),
    },
}

# Lists whose order means something although the schema says it does not.
ORDERED: Mapping[str, frozenset[str]] = {
    "AWS::ECS::TaskDefinition": frozenset(
        {"ContainerDefinitions.*.DnsServers", "ContainerDefinitions.*.DnsSearchDomains"}  # asked one after the other
    ),
}

# Lists that AWS treats as sets although the schema says nothing.
UNORDERED: Mapping[str, frozenset[str]] = {
    "AWS::CloudFront::Distribution": frozenset(
        {
            "DistributionConfig.Aliases",
            "DistributionConfig.DefaultCacheBehavior.AllowedMethods",
            "DistributionConfig.DefaultCacheBehavior.CachedMethods",
        }
    ),
    "AWS::CloudWatch::Alarm": frozenset({"AlarmActions", "InsufficientDataActions", "OKActions"}),
    "AWS::DynamoDB::Table": frozenset({"AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"}),
    "AWS::EC2::LaunchTemplate": frozenset(
        {"LaunchTemplateData.SecurityGroupIds", "LaunchTemplateData.TagSpecifications", "TagSpecifications"}
    ),
    "AWS::ElastiCache::ReplicationGroup": frozenset({"SecurityGroupIds"}),
    "AWS::Lambda::Function": frozenset({"Architectures", "VpcConfig.SecurityGroupIds", "VpcConfig.SubnetIds"}),
    "AWS::RDS::DBCluster": frozenset({"AvailabilityZones", "EnableCloudwatchLogsExports", "VpcSecurityGroupIds"}),
    "AWS::RDS::DBInstance": frozenset({"EnableCloudwatchLogsExports", "VPCSecurityGroups"}),
    "AWS::Route53::RecordSet": frozenset({"ResourceRecords"}),
}

# Types that hold what cannot be made again from the template, beside those that cfn-lint lists.
STATEFUL = frozenset(
    """
    AWS::AmazonMQ::Broker AWS::Cassandra::Keyspace AWS::Cassandra::Table AWS::CloudTrail::EventDataStore
    AWS::CodeArtifact::Repository AWS::CodeCommit::Repository AWS::Cognito::IdentityPool AWS::DAX::Cluster
    AWS::DocDBElastic::Cluster AWS::EC2::EIP AWS::ECR::PublicRepository AWS::ECR::Repository AWS::FSx::Volume
    AWS::IAM::AccessKey AWS::KMS::ReplicaKey AWS::KinesisVideo::Stream AWS::Lightsail::Bucket AWS::Lightsail::Database
    AWS::MSK::Cluster AWS::MSK::ServerlessCluster AWS::MemoryDB::Cluster AWS::NeptuneGraph::Graph
    AWS::OpenSearchServerless::Collection AWS::RDS::GlobalCluster AWS::RedshiftServerless::Namespace
    AWS::Route53::HostedZone AWS::S3Express::DirectoryBucket AWS::S3Tables::Table AWS::S3Tables::TableBucket
    AWS::SageMaker::Domain AWS::Timestream::Database AWS::Timestream::InfluxDBInstance AWS::Timestream::Table
    """.split()
)

# Types of which CloudFormation takes a snapshot before it deletes one with the policy `Snapshot`.
SNAPSHOTS = frozenset(
    """
    AWS::DocDB::DBCluster AWS::EC2::Volume AWS::ElastiCache::CacheCluster AWS::ElastiCache::ReplicationGroup
    AWS::Neptune::DBCluster AWS::RDS::DBCluster AWS::RDS::DBInstance AWS::Redshift::Cluster
    """.split()
)


def _is_true(value: Json) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _number(value: Json) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _by_name(items: Json, key: str) -> dict[str, dict[str, Json]]:
    listed = items if isinstance(items, list) else []
    return {str(item[key]): item for item in listed if isinstance(item, dict) and key in item}


def _without_deletion(device: Mapping[str, Json]) -> Json:
    ebs = device.get("Ebs")
    if not isinstance(ebs, dict):
        return device
    return {**device, "Ebs": {key: value for key, value in ebs.items() if key != "DeleteOnTermination"}}
