"""The deployment bucket of an environment: what it keeps, what it refuses, and who may do what in it.

The policies of the roles are enforced by a real server. It knows neither the tags of a principal nor the condition keys
of conditional writes, so the name of the service is written where AWS would find it in a tag, and what the bucket's own
policy denies is compared with what AWS documents:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from botocore.exceptions import ClientError

from compiler.service import DeploymentBucket
from tests.environments_by_hand import PRODUCTION, build_template, properties_of, statements_of
from tests.ministack import MiniStack, connect

pytest_plugins = ["tests.ministack"]

TAG = "${aws:PrincipalTag/service}"
ROLES = ("ServicePublisher", "PlatformPublisher", "Deployer", "ReleaseCollector")
# What each role may do, beside what all may: nothing else.
MAY = {
    ("ServicePublisher", "put", "services/orders/1/template.json"),
    ("PlatformPublisher", "put", "platform/1.0.0/manifest.json"),
    ("Deployer", "put", "environments/production/orders.json"),
    ("ReleaseCollector", "delete", "services/orders/1/template.json"),
    ("ReleaseCollector", "delete", "services/menu/1/template.json"),
    ("ReleaseCollector", "delete", "services/menu/1/manifest.json"),
    ("ReleaseCollector", "delete", "platform/1.0.0/manifest.json"),
    ("ReleaseCollector", "delete", "services/menu/1/removal.json"),
    *(
        ("ReleaseCollector", "put", key)
        for key in ("services/menu/1/removal.json", "environments/production/orders.json")
    ),
    *(("ServicePublisher", "get", key) for key in ("services/orders/1/template.json", "services/menu/1/manifest.json")),
    *(
        ("ServicePublisher", "get", key)
        for key in ("platform/1.0.0/manifest.json", "environments/production/orders.json")
    ),
    *(("ServicePublisher", "list", key) for key in ("services/orders/", "platform/", "environments/production/")),
}
KEYS = (
    "services/orders/1/template.json",
    "services/menu/1/template.json",
    "services/menu/1/manifest.json",
    "services/menu/1/removal.json",
    "platform/1.0.0/manifest.json",
    "environments/production/orders.json",
    "elsewhere",
)
PREFIXES = ("", "services/", "services/orders/", "services/menu/", "platform/", "environments/production/")


@pytest.fixture(scope="module")
def clients(ministack: MiniStack) -> tuple[str, dict[str, Any]]:
    """A bucket with an object under each key, and a client for each role."""
    name = ministack.make_bucket()
    for key in KEYS:
        ministack.s3.put_object(Bucket=name, Key=key, Body=b"{}")
    stack = properties_of(build_template("deployment_bucket"), "AWS::IAM::ManagedPolicy")
    made = {}
    for role in ROLES:
        text = json.dumps(stack[f"{role}Policy"]["PolicyDocument"])
        made[role] = _client(ministack, text.replace(TAG, "orders").replace(PRODUCTION.bucket, name))
    return name, made


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_is_for_and_nothing_else(clients: tuple[str, dict[str, Any]], role: str) -> None:
    name, made = clients
    asked = [*product(("get", "put", "delete"), KEYS), *(("list", prefix) for prefix in PREFIXES)]
    reads_all = role != "ServicePublisher"
    expected = {
        (role, verb, key) for verb, key in asked if (role, verb, key) in MAY or (reads_all and verb in ("get", "list"))
    }
    assert expected == {(role, verb, key) for verb, key in asked if _may(made[role], name, verb, key)}


def test_a_publisher_without_a_tag_writes_nothing() -> None:
    policy = properties_of(build_template("deployment_bucket"), "AWS::IAM::ManagedPolicy")["ServicePublisherPolicy"]
    writes = [item for item in policy["PolicyDocument"]["Statement"] if "s3:PutObject" in item["Action"]]
    assert [[f"arn:aws:s3:::{PRODUCTION.bucket}/services/{TAG}/*"]] == [item["Resource"] for item in writes]


def test_the_bucket_refuses_plain_puts_plain_transport_and_strangers() -> None:
    statements = {item["Sid"]: item for item in dict(statements_of(build_template("deployment_bucket")))[POLICY]}
    assert {"Deny"} == {item["Effect"] for item in statements.values()}
    assert {"*"} == {item["Principal"] for item in statements.values()}
    everything = [{"Fn::GetAtt": ["DeploymentBucket", "Arn"]}, {"Fn::Sub": "${DeploymentBucket.Arn}/*"}]
    assert {
        "DenyPlainTransport": (everything, {"Bool": {"aws:SecureTransport": "false"}}),
        "DenyOldTransport": (everything, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        "DenyOtherAccounts": (
            everything,
            {
                "StringNotEquals": {"aws:PrincipalAccount": PRODUCTION.account},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        "DenyRewriting": (
            [f"arn:aws:s3:::{PRODUCTION.bucket}/{folder}/*" for folder in ("platform", "services")],
            {"Null": {"s3:if-none-match": "true"}},
        ),
        "DenyBlindMoves": (
            f"arn:aws:s3:::{PRODUCTION.bucket}/environments/*",
            {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
        ),
    } == {sid: (item["Resource"], item["Condition"]) for sid, item in statements.items()}


def test_nothing_that_is_current_ever_expires() -> None:
    bucket = properties_of(build_template("deployment_bucket"), "AWS::S3::Bucket")["DeploymentBucket"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {"AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"} == {
        key for rule in rules for key in rule if key not in ("Id", "Status")
    }
    assert {"NewerNoncurrentVersions": 50, "NoncurrentDays": 365} == rules[1]["NoncurrentVersionExpiration"]


def test_both_buckets_are_closed_versioned_and_encrypted() -> None:
    buckets = properties_of(build_template("deployment_bucket"), "AWS::S3::Bucket")
    assert ["DeploymentLogBucket", "DeploymentBucket"] == list(buckets)
    for bucket in buckets.values():
        assert {True} == set(bucket["PublicAccessBlockConfiguration"].values())
        assert 4 == len(bucket["PublicAccessBlockConfiguration"])
        assert {"Status": "Enabled"} == bucket["VersioningConfiguration"]
        assert {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]} == bucket["OwnershipControls"]
    by_key = [
        rule["ServerSideEncryptionByDefault"]
        for bucket in buckets.values()
        for rule in bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    key = "{{resolve:ssm:/platform/production/security/data-key-arn}}"
    assert [{"SSEAlgorithm": "AES256"}, {"KMSMasterKeyID": key, "SSEAlgorithm": "aws:kms"}] == by_key


def test_releases_are_locked_for_as_long_as_the_environment_says() -> None:
    free = properties_of(build_template("deployment_bucket"), "AWS::S3::Bucket")["DeploymentBucket"]
    assert {"ObjectLockEnabled", "ObjectLockConfiguration"}.isdisjoint(free)
    locked = replace(PRODUCTION, deployment_bucket=DeploymentBucket(lock_days=90))
    bucket = properties_of(build_template("deployment_bucket", locked), "AWS::S3::Bucket")["DeploymentBucket"]
    assert bucket["ObjectLockEnabled"] is True
    assert {"DefaultRetention": {"Days": 90, "Mode": "GOVERNANCE"}} == bucket["ObjectLockConfiguration"]["Rule"]


def test_a_bucket_that_another_environment_makes_is_not_made_twice() -> None:
    elsewhere = replace(PRODUCTION, deployment_bucket=DeploymentBucket(is_made_here=False))
    assert "Resources" not in build_template("deployment_bucket", elsewhere)


POLICY = "DeploymentBucketPolicy"


def _client(ministack: MiniStack, policy: str) -> Any:
    return connect("s3", ministack.endpoint, ministack.certificate, ministack.admit(policy))


def _may(client: Any, bucket: str, verb: str, key: str) -> bool:
    try:
        match verb:
            case "get":
                client.get_object(Bucket=bucket, Key=key)
            case "put":
                client.put_object(Bucket=bucket, Key=key, Body=b"{}")
            case "delete":
                client.delete_object(Bucket=bucket, Key=f"{key}.gone")
            case "list":
                client.list_objects_v2(Bucket=bucket, Prefix=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True
