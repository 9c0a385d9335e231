"""Deploy templates to MiniStack over a real connection: as a user with keys, through change sets.

What the emulator takes and AWS would not is not found here: unknown properties, missing ones, capabilities, quotas. The
linter and the guardrails look for those.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.ministack import REGION, Keys, MiniStack, ServerMissing, connect, run_ministack

# What MiniStack does not know, with the attributes that templates ask of it. A stack makes one by name only.
STAND_INS: Mapping[str, tuple[str, ...]] = {
    "AWS::AccessAnalyzer::Analyzer": (),
    "AWS::AutoScaling::WarmPool": (),
    "AWS::CloudWatch::AlarmMuteRule": (),
    "AWS::CloudWatch::CompositeAlarm": ("Arn",),
    "AWS::Budgets::Budget": (),
    "AWS::CloudTrail::Trail": (),
    "AWS::CloudWatch::Alarm with Metrics": ("Arn",),
    "AWS::Config::ConfigurationRecorder": (),
    "AWS::Config::DeliveryChannel": (),
    "AWS::EC2::EIP": ("AllocationId",),
    "AWS::EC2::FlowLog": (),
    "AWS::EC2::NatGateway": (),
    "AWS::EC2::SnapshotBlockPublicAccess": (),
    "AWS::GuardDuty::Detector": (),
    "AWS::Logs::QueryDefinition": (),
    "AWS::IAM::ServiceLinkedRole": (),
    "AWS::SSM::Document": (),
    "AWS::WAFv2::LoggingConfiguration": (),
    "AWS::WAFv2::WebACLAssociation": (),
    "AWS::XRay::ResourcePolicy": (),
}
_TEMPLATES = "templates"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Cloud:
    """A server on which a user with keys, who is not root, may do everything."""

    server: MiniStack
    keys: Keys = field(repr=False)

    def client(self, service: str) -> Any:
        return _connect(service, self.server.endpoint, self.server.certificate, self.keys)

    def deploy(
        self, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Create or update a stack through a change set; return what the change set says it does, `Add Vpc`.

        Raises AssertionError with the events of the stack where that fails.
        """
        cloudformation = self.client("cloudformation")
        exists = stack in self.stacks()
        name = f"change-{next(_numbers)}"
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=self._upload(f"{name}.json", json.dumps(template)),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=stack, ChangeSetName=name, WaiterConfig={"Delay": 0.5, "MaxAttempts": 60}
        )
        planned = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)["Changes"]
        cloudformation.execute_change_set(StackName=stack, ChangeSetName=name)
        self._wait(stack, "UPDATE_COMPLETE" if exists else "CREATE_COMPLETE")
        return tuple(
            f"{each['ResourceChange']['Action']} {each['ResourceChange']['LogicalResourceId']}" for each in planned
        )

    def remove(self, stack: str) -> None:
        cloudformation = self.client("cloudformation")
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 0.5, "MaxAttempts": 120}
        )

    def stacks(self) -> set[str]:
        """Name the stacks that there are."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {each["StackName"] for page in pages for each in page["Stacks"]}

    def resources(self, stack: str) -> dict[str, tuple[str, str]]:
        """Return type and physical id of every resource of a stack, by its logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"])
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def outputs(self, stack: str) -> dict[str, str]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def parameters(self, below: str) -> dict[str, str]:
        """Return the value of every SSM parameter below a path, by what follows the path."""
        pages = self.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=below, Recursive=True)
        return {each["Name"].removeprefix(f"{below}/"): each["Value"] for page in pages for each in page["Parameters"]}

    def _upload(self, key: str, text: str) -> str:
        """Put a template where CloudFormation fetches it: what a request itself may hold is 51,200 bytes."""
        self.client("s3").put_object(Bucket=_TEMPLATES, Key=key, Body=text.encode())
        return f"https://s3.{REGION}.amazonaws.com/{_TEMPLATES}/{key}"

    def _wait(self, stack: str, expected: str) -> None:
        cloudformation = self.client("cloudformation")
        waiter = "stack_update_complete" if expected.startswith("UPDATE") else "stack_create_complete"
        try:
            cloudformation.get_waiter(waiter).wait(StackName=stack, WaiterConfig={"Delay": 0.5, "MaxAttempts": 120})
        finally:
            (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            failed = [
                f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason')}"
                for each in events
                if each["ResourceStatus"].endswith("FAILED")
            ]
            assert found["StackStatus"] == expected, "\n".join([f"{stack} is {found['StackStatus']}", *failed])


# To make a client takes longer than most of what it is asked.
_connect = cache(connect)


def open_cloud(server: MiniStack) -> Cloud:
    """Make a user of a server, and the bucket that takes templates."""
    if _TEMPLATES not in {each["Name"] for each in server.s3.list_buckets()["Buckets"]}:
        server.s3.create_bucket(Bucket=_TEMPLATES, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Cloud(server, server.add_user("*"))


@contextmanager
def run_cloud(folder: Path) -> Iterator[Cloud]:
    """Start the server with its stand-ins."""
    try:
        with run_ministack(folder, stand_ins=STAND_INS) as server:
            yield open_cloud(server)
    except ServerMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The server with its stand-ins, one for a file: what a stack keeps when it goes is in the way of no other file."""
    with run_cloud(tmp_path_factory.mktemp("cloud")) as made:
        yield made
