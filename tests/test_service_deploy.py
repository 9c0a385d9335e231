"""Stacks of services are created on top of those of their environment, read back, updated and deleted.

Examples are deployed as they are compiled, to each environment; a service that uses much is made by hand. The server is
MiniStack, which enforces policies and hands messages on. What it does not know stands in by name only.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from compiler.pipeline import compile_service, open_library
from compiler.service import Environment, Routing, Scaling, Scheduled, Service, Subscription
from tests.deploying import Cloud, run_cloud
from tests.environments_by_hand import ENVIRONMENTS, build_template, with_network
from tests.environments_by_hand import PRODUCTION as PRODUCTION_ELSEWHERE
from tests.examples import EXAMPLES, place_example
from tests.services_by_hand import MIXED, PERMITTED, RECIPES, REFRESH, WORKER, build_stack

# The account of the server: policies that compare accounts are enforced.
ACCOUNT = "000000000000"
PRODUCTION = replace(PRODUCTION_ELSEWHERE, account=ACCOUNT)
# What is asked of them: a public zone that is made here, and no more of the network than it takes.
HERE = [with_network(replace(each, account=ACCOUNT, public_zone_id=None), endpoints=()) for each in ENVIRONMENTS]
# The stacks of an environment that services refer to.
BENEATH = ("security", "notifications", "network", "ingress", "images")
DIGEST = "0" * 64
# A topic of another service, as that service's stack would make it.
ORDERED = {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
BOOKED = f"arn:aws:sns:eu-west-1:{ACCOUNT}:production-payments-payment-booked.fifo"
COUNTRIES = ("GB", "GB", "FR", "GB", "GB")
RELEASE = {"Release": "1.0.0", "AnsibleDigest": DIGEST, "SourceDigest": DIGEST}
WEB = replace(
    REFRESH.processes[0],
    load_balancer="shared",
    routing=Routing(120, paths=("/menus", "/menus/*")),
    scaling=Scaling(2, 6, {"requests": 1000, "cpu": 60}),
    warm_pool=2,
    permissions=PERMITTED.processes[0].permissions,
)
MENUS = replace(
    RECIPES,
    name="menus",
    processes=(
        WEB,
        replace(MIXED.processes[0], name="shop", dns="shop", exposure="public", logs=()),
        replace(WORKER, scaling=Scaling(1, 4, {"queueAge": 120}, (Scheduled("lunch", "0 11 * * *", 3),))),
    ),
    publishes=("menu-changed", "menu-ordered"),
    ordered=frozenset({"menu-ordered"}),
    consumes=(
        Subscription("menus", "menu-changed", "worker", {}),
        Subscription("orders", "order-placed", "worker", {"country": ["GB", "IE"]}),
        Subscription("payments", "payment-booked", "worker", {"to.country": ["GB"]}, filter_on="body", ordered=True),
    ),
)
CHANGED = replace(
    MENUS,
    processes=(replace(WEB, routing=Routing(130), scaling=Scaling(3, 6, {"cpu": 50})), MENUS.processes[2]),
    config={"LOG_LEVEL": "debug"},
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it runs, and the template that it was made of."""

    cloud: Cloud
    stack: str
    template: Mapping[str, Any]
    planned: tuple[str, ...]

    def ids(self) -> dict[str, str]:
        """Return the physical id of each resource."""
        return {name: physical for name, (_, physical) in self.cloud.resources(self.stack).items()}


def _redriven(menus: Deployed) -> list[str]:
    """Publish to a queue that is gone; return what lands in the queue for what could not be delivered."""
    ids, sns, sqs = menus.ids(), menus.cloud.client("sns"), menus.cloud.client("sqs")
    place = ids["WorkerPaymentsPaymentBookedUndeliverableQueue"]
    arn = sqs.get_queue_attributes(QueueUrl=place, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=BOOKED,
        Protocol="sqs",
        Endpoint=f"{arn.removesuffix('.fifo')}-that-is-gone.fifo",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn})},
    )
    sns.publish(TopicArn=BOOKED, Message="to nobody", MessageGroupId="c", MessageDeduplicationId="c")
    return _receive(menus.cloud, place)


# What the templates say of a resource and the server forgets: nothing here shows that it arrives.
UNTOLD: Mapping[str, Callable[[Deployed], object]] = {
    "MixedInstancesPolicy of AWS::AutoScaling::AutoScalingGroup": lambda menus: _groups(menus)["ShopGroup"].get(
        "MixedInstancesPolicy"
    ),
    "TargetGroupARNs of AWS::AutoScaling::AutoScalingGroup": lambda menus: _groups(menus)["WebGroup"].get(
        "TargetGroupARNs"
    ),
    "LifecycleHookSpecificationList of AWS::AutoScaling::AutoScalingGroup": lambda menus: menus.cloud.client(
        "autoscaling"
    ).describe_lifecycle_hooks(AutoScalingGroupName=menus.ids()["WebGroup"])["LifecycleHooks"],
    "KmsMasterKeyId of AWS::SNS::Topic": lambda menus: (
        menus.cloud.client("sns")
        .get_topic_attributes(TopicArn=menus.ids()["MenuChangedTopic"])["Attributes"]
        .get("KmsMasterKeyId")
    ),
    "DeliveryStatusLogging of AWS::SNS::Topic": lambda menus: [
        name
        for name in menus.cloud.client("sns").get_topic_attributes(TopicArn=menus.ids()["MenuChangedTopic"])[
            "Attributes"
        ]
        if "FeedbackRoleArn" in name
    ],
    "FifoTopic of AWS::SNS::Topic": lambda menus: (
        menus.cloud.client("sns")
        .get_topic_attributes(TopicArn=menus.ids()["MenuOrderedTopic"])["Attributes"]
        .get("FifoTopic")
    ),
    "what RedrivePolicy of AWS::SNS::Subscription does": _redriven,
    "PermissionsBoundary of AWS::IAM::Role": lambda menus: (
        menus.cloud.client("iam").get_role(RoleName=menus.ids()["WebRole"])["Role"].get("PermissionsBoundary")
    ),
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A server of this module's own, with the environments and the topics that others publish to."""
    with run_cloud(tmp_path_factory.mktemp("cloud")) as made:
        for environment in HERE:
            for name in BENEATH:
                made.deploy(f"{environment.name}-{name}", _without_alarms(build_template(name, environment)))
            for event in ("customer-address-changed", "payments-payment-settled"):
                made.client("sns").create_topic(Name=f"{environment.name}-{event}")
            made.client("sns").create_topic(Name=f"{environment.name}-payments-payment-booked.fifo", Attributes=ORDERED)
        yield made


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mapping[str, bytes]]:
    """The files of every example, by its name."""
    library, place = open_library(None), tmp_path_factory.mktemp("examples")
    folders = {each.name: place_example(each, place / each.name, library) for each in EXAMPLES}
    return {name: compile_service(each, library, lint=False).bundle.files for name, each in folders.items()}


def deploy_example(cloud: Cloud, bundle: Mapping[str, bytes], environment: Environment, service: str) -> Deployed:
    text = bundle[f"{environment.name}/template.json"].decode().replace(environment.account, ACCOUNT)
    given = json.loads(bundle[f"{environment.name}/parameters.json"])
    template, stack = json.loads(text), f"{environment.name}-{service}"
    values = {each["ParameterKey"]: each["ParameterValue"] for each in given}
    return Deployed(cloud, stack, template, cloud.deploy(stack, template, values))


@pytest.fixture(scope="module")
def orders(cloud: Cloud, bundles: dict[str, Mapping[str, bytes]]) -> dict[str, Deployed]:
    """The first example in every environment."""
    bundle = bundles["service-repo"]
    return {each.name: deploy_example(cloud, bundle, each, "orders") for each in ENVIRONMENTS}


@pytest.fixture(scope="module")
def menus(cloud: Cloud, orders: dict[str, Deployed]) -> Deployed:
    """The service made by hand, which consumes an event of the example."""
    template = _template(MENUS)
    return Deployed(cloud, "production-menus", template, cloud.deploy("production-menus", template, RELEASE))


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each.name)
def test_the_example_is_created_in_every_environment(orders: dict[str, Deployed], environment: Environment) -> None:
    made = orders[environment.name]
    assert {f"Add {logical_id}" for logical_id in made.template["Resources"]} == set(made.planned)
    kinds = {logical_id: kind for logical_id, (kind, _) in made.cloud.resources(made.stack).items()}
    assert {logical_id: each["Type"] for logical_id, each in made.template["Resources"].items()} == kinds
    outputs = made.cloud.outputs(made.stack)
    assert (made.ids()["Invoices"], f"https://orders.{environment.private_zone}") == (
        outputs["InvoicesBucket"],
        outputs["WebUrl"],
    )


def test_instances_start_from_what_the_environment_and_the_stack_have(menus: Deployed) -> None:
    ids, values, ec2 = menus.ids(), menus.cloud.parameters("/platform/production"), menus.cloud.client("ec2")
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=ids["WebLaunchTemplate"])[
        "LaunchTemplateVersions"
    ]
    data = version["LaunchTemplateData"]
    assert (values["images/arm64"], ids["WebInstanceProfile"]) == (data["ImageId"], data["IamInstanceProfile"]["Arn"])
    assert [ids["WebSecurityGroup"]] == data["NetworkInterfaces"][0]["Groups"]
    script = base64.b64decode(data["UserData"]).decode()
    for line in ('"release": "1.0.0"', '"stack": "production-menus"', DIGEST, ids["WebRole"], ids["WebTargetGroup"]):
        assert line in script
    group = _groups(menus)["WebGroup"]
    assert (ids["WebLaunchTemplate"], "1") == (
        group["LaunchTemplate"]["LaunchTemplateId"],
        group["LaunchTemplate"]["Version"],
    )
    assert [values[f"network/app-subnet-{zone}"] for zone in "abc"] == group["VPCZoneIdentifier"].split(",")
    assert {"environment": "production", "service": "menus", "process": "web", "owner": "squad-menu"}.items() <= {
        each["Key"]: each["Value"] for each in group["Tags"] if each["PropagateAtLaunch"]
    }.items()


def test_groups_grow_with_their_load_and_at_their_hours(menus: Deployed) -> None:
    ids, scaling = menus.ids(), menus.cloud.client("autoscaling")
    followed = {
        each["PolicyARN"]: each["TargetTrackingConfiguration"]
        for each in scaling.describe_policies()["ScalingPolicies"]
    }
    label = followed[ids["WebScaleOnRequests"]]["PredefinedMetricSpecification"]["ResourceLabel"]
    balancer = menus.cloud.parameters("/platform/production")["ingress/private-load-balancer-arn-suffix"]
    assert f"{balancer}/{_target_group(menus)}" == label
    (lunch,) = scaling.describe_scheduled_actions(AutoScalingGroupName=ids["WorkerGroup"])[
        "ScheduledUpdateGroupActions"
    ]
    assert ("0 11 * * *", "Europe/London", 3, 4) == (
        lunch["Recurrence"],
        lunch["TimeZone"],
        lunch["MinSize"],
        lunch["MaxSize"],
    )


def test_requests_find_their_way_from_the_name_to_the_targets(menus: Deployed) -> None:
    ids, values, client = menus.ids(), menus.cloud.parameters("/platform/production"), menus.cloud.client
    (rule,) = client("elbv2").describe_rules(RuleArns=[ids["WebListenerRule"]])["Rules"]
    assert ("120", ids["WebTargetGroup"]) == (rule["Priority"], rule["Actions"][0]["TargetGroupArn"])
    assert [["recipes.production.internal"], ["/menus", "/menus/*"]] == [each["Values"] for each in rule["Conditions"]]
    assert values["ingress/private-listener-arn"].rpartition("/")[2] == ids["WebListenerRule"].split("/")[-2]
    (own,) = client("elbv2").describe_load_balancers(LoadBalancerArns=[ids["ShopLoadBalancer"]])["LoadBalancers"]
    rules = client("elbv2").describe_rules(ListenerArn=ids["ShopListener"])["Rules"]
    forwards, otherwise = sorted(rules, key=lambda each: str(each["Priority"]))
    assert (ids["ShopListenerRule"], "50000") == (forwards["RuleArn"], forwards["Priority"])
    assert [["shop.recipes.example"]] == [each["Values"] for each in forwards["Conditions"]]
    assert [ids["ShopTargetGroup"]] == [each["TargetGroupArn"] for each in forwards["Actions"]]
    assert ["404"] == [each["FixedResponseConfig"]["StatusCode"] for each in otherwise["Actions"]]
    names = {
        each["Name"]: each["AliasTarget"]["DNSName"]
        for exposure in ("private", "public")
        for each in client("route53").list_resource_record_sets(HostedZoneId=values[f"network/{exposure}-zone-id"])[
            "ResourceRecordSets"
        ]
        if each["Type"] == "A"
    }
    assert f"{values['ingress/private-dns-name']}." == names["recipes.production.internal."]
    assert f"{own['DNSName']}." == names["shop.recipes.example."]
    (web,) = client("ec2").describe_security_groups(GroupIds=[ids["WebSecurityGroup"]])["SecurityGroups"]
    assert [(8080, values["ingress/private-security-group-id"])] == [
        (each["FromPort"], pair["GroupId"]) for each in web["IpPermissions"] for pair in each["UserIdGroupPairs"]
    ]


@pytest.mark.parametrize(
    ("country", "arrives"),
    [("GB", True), ("FR", False)],
)
def test_an_event_of_another_service_arrives_if_it_passes_the_filter(
    orders: dict[str, Deployed], menus: Deployed, country: str, arrives: bool
) -> None:
    topic, queue = orders["production"].ids()["OrderPlacedTopic"], menus.ids()["WorkerOrdersOrderPlacedQueue"]
    attributes = {"country": {"DataType": "String", "StringValue": country}}
    menus.cloud.client("sns").publish(TopicArn=topic, Message=f"from {country}", MessageAttributes=attributes)
    assert ([f"from {country}"] if arrives else []) == _receive(menus.cloud, queue)


@pytest.mark.parametrize(("group", "is_told"), [("WebGroup", True), ("a group of another stack", False)])
def test_the_owner_is_told_what_keeps_a_group_from_launching(menus: Deployed, group: str, is_told: bool) -> None:
    name, sns, sqs = menus.ids().get(group, group), menus.cloud.client("sns"), menus.cloud.client("sqs")
    topic = menus.cloud.parameters("/platform/production")["notifications/squad-menu-amber-topic-arn"]
    arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:hears-of-launches-{is_told}"
    may = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [may]})}
    queue = sqs.create_queue(QueueName=arn.rpartition(":")[2], Attributes=policy)["QueueUrl"]
    heard = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    detail = {"AutoScalingGroupName": name, "StatusMessage": "No capacity."}
    # Nobody may speak in the name of AWS, so the rule listens to somebody else for once.
    events, rule = menus.cloud.client("events"), menus.ids()["LaunchFailuresRule"]
    pattern = events.describe_rule(Name=rule)["EventPattern"]
    events.put_rule(Name=rule, EventPattern=pattern.replace("aws.autoscaling", "somebody.else"))
    event = {"DetailType": "EC2 Instance Launch Unsuccessful", "Detail": json.dumps(detail)}
    assert 0 == events.put_events(Entries=[{"Source": "somebody.else", **event}])["FailedEntryCount"]
    events.put_rule(Name=rule, EventPattern=pattern)
    messages = _receive(menus.cloud, queue)
    sns.unsubscribe(SubscriptionArn=heard["SubscriptionArn"])
    told = f"menus in production: EC2 Instance Launch Unsuccessful ({name}). No capacity. https://"
    assert [told] * is_told == [json.loads(each).partition("runbooks")[0] for each in messages]


def test_a_queue_takes_what_its_own_topic_sends_and_nothing_else(menus: Deployed) -> None:
    ids, sns, sqs = menus.ids(), menus.cloud.client("sns"), menus.cloud.client("sqs")
    queue = ids["WorkerMenusMenuChangedQueue"]
    sns.publish(TopicArn=ids["MenuChangedTopic"], Message="changed")
    assert ["changed"] == _receive(menus.cloud, queue)
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    stranger = sns.create_topic(Name="production-stranger")["TopicArn"]
    sns.subscribe(TopicArn=stranger, Protocol="sqs", Endpoint=told["QueueArn"])
    sns.publish(TopicArn=stranger, Message="from a stranger")
    assert [] == _receive(menus.cloud, queue)
    assert menus.cloud.parameters("/platform/production")["security/messaging-key-arn"] == told["KmsMasterKeyId"]


def test_ordered_messages_come_in_order_and_once_if_their_body_passes_the_filter(menus: Deployed) -> None:
    queue, sns = menus.ids()["WorkerPaymentsPaymentBookedQueue"], menus.cloud.client("sns")
    sent = [json.dumps({"to": {"country": country}, "number": number}) for number, country in enumerate(COUNTRIES)]
    for body in (*sent, sent[-1]):
        sns.publish(TopicArn=BOOKED, Message=body, MessageGroupId="a", MessageDeduplicationId=str(sent.index(body)))
    with pytest.raises(ClientError, match="Deduplication"):  # by content, what is said twice would be said once
        sns.publish(TopicArn=BOOKED, Message=sent[0], MessageGroupId="a")
    assert [body for body in sent if "GB" in body] == _receive(menus.cloud, queue)
    told = menus.cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert ("true", "messageGroup", "perMessageGroupId") == tuple(
        told[name] for name in ("FifoQueue", "DeduplicationScope", "FifoThroughputLimit")
    )


@pytest.mark.parametrize("name", ["WorkerMenusMenuChanged", "WorkerPaymentsPaymentBooked"])
def test_what_comes_back_too_often_becomes_a_dead_letter(menus: Deployed, name: str) -> None:
    ids, sqs = menus.ids(), menus.cloud.client("sqs")
    queue, dead = ids[f"{name}Queue"], ids[f"{name}DeadLetterQueue"]
    is_ordered = queue.endswith(".fifo")
    group = {"MessageGroupId": "b", "MessageDeduplicationId": "poison"} if is_ordered else {}
    sqs.send_message(QueueUrl=queue, MessageBody="poison", **group)
    for _ in range(5):
        assert ["poison"] == [each["Body"] for each in _glance(menus.cloud, queue)]
        assert [] == _glance(menus.cloud, dead)
    assert [] == _glance(menus.cloud, queue)
    assert ["poison"] == _receive(menus.cloud, dead)


def test_a_process_may_do_what_its_policies_say_and_no_more(orders: dict[str, Deployed], menus: Deployed) -> None:
    ids, iam = menus.ids(), menus.cloud.client("iam")
    server = menus.cloud.server
    held = {}
    for process in ("Web", "Worker"):
        attached = iam.list_attached_role_policies(RoleName=ids[f"{process}Role"])["AttachedPolicies"]
        iam.create_user(UserName=process)
        for each in attached:
            iam.attach_user_policy(UserName=process, PolicyArn=each["PolicyArn"])
        made = iam.create_access_key(UserName=process)["AccessKey"]
        held[process] = Cloud(server, (made["AccessKeyId"], made["SecretAccessKey"]))
    held["Web"].client("sns").publish(TopicArn=ids["MenuChangedTopic"], Message="may be sent")
    assert ["may be sent"] == _receive(held["Worker"], ids["WorkerMenusMenuChangedQueue"])
    read = held["Web"].client("ssm").get_parameter(Name="/service/production/menus/config/LOG_LEVEL")
    assert "info" == read["Parameter"]["Value"]
    with pytest.raises(ClientError, match="AccessDenied|AuthorizationError|not authorized"):
        _receive(held["Web"], ids["WorkerMenusMenuChangedQueue"])
    with pytest.raises(ClientError, match="AccessDenied|AuthorizationError|not authorized"):
        held["Worker"].client("ssm").get_parameter(Name="/service/production/orders/config/LOG_LEVEL")


def test_alarms_and_logs_are_as_the_services_tell(menus: Deployed) -> None:
    ids, client = menus.ids(), menus.cloud.client
    names = [name for name in ids.values() if name.startswith("production-menus-") and "Alarm" in name]
    alarms = {
        each["AlarmName"]: each for each in client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    }
    assert set(names) == set(alarms)
    topics = {each["TopicArn"] for each in client("sns").list_topics()["Topics"]}
    assert set() == {action for each in alarms.values() for action in each["AlarmActions"]} - topics
    (latency,) = client("cloudwatch").describe_alarms(AlarmNames=["production-menus-web-latency-red"])["MetricAlarms"]
    values = menus.cloud.parameters("/platform/production")
    assert {
        "LoadBalancer": values["ingress/private-load-balancer-arn-suffix"],
        "TargetGroup": _target_group(menus),
    } == {each["Name"]: each["Value"] for each in latency["Dimensions"]}
    groups = client("logs").describe_log_groups(logGroupNamePrefix="/service/production/menus")["logGroups"]
    assert {"access": 365, "output": 365, "system": 365, "web/app": 30} == {
        group["logGroupName"].removeprefix("/service/production/menus/"): group["retentionInDays"] for group in groups
    }
    assert {values["security/logs-key-arn"]} == {group["kmsKeyId"] for group in groups}
    found = client("logs").describe_metric_filters(logGroupName=ids["WebAppLogGroup"])["metricFilters"]
    assert {'{ $.level = "error" }', '?"panic:" ?"panicked at"'} == {each["filterPattern"] for each in found}


@pytest.mark.parametrize("what", UNTOLD)
def test_what_the_server_does_not_tell_of_a_resource(menus: Deployed, what: str) -> None:
    assert not UNTOLD[what](menus), f"MiniStack tells {what}: compare it"
    pytest.skip(f"MiniStack does not tell {what}")


def test_an_update_changes_options_and_takes_a_removed_process_away(menus: Deployed) -> None:
    template = _template(CHANGED)
    planned = set(menus.cloud.deploy(menus.stack, template, RELEASE))
    assert {
        *("Modify WebListenerRule", "Modify WebGroup", "Modify LogLevelConfig"),
        *("Remove WebScaleOnRequests", "Remove ShopGroup", "Remove ShopLoadBalancer", "Remove ShopRole"),
    } <= planned
    ids = menus.ids()
    assert set(template["Resources"]) == set(ids)
    (rule,) = menus.cloud.client("elbv2").describe_rules(RuleArns=[ids["WebListenerRule"]])["Rules"]
    group = _groups(menus)["WebGroup"]
    assert ("130", 3) == (rule["Priority"], group["MinSize"])
    # An instance is told of all processes of the service.
    assert "2" == group["LaunchTemplate"]["Version"]
    assert "debug" == menus.cloud.parameters("/service/production/menus/config")["LOG_LEVEL"]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each.name)
@pytest.mark.parametrize("example", ["public-web", "much-overridden"])
def test_every_example_is_created_updated_and_deleted(
    orders: dict[str, Deployed], bundles: dict[str, Mapping[str, bytes]], example: str, environment: Environment
) -> None:
    cloud = orders[environment.name].cloud  # where there are topics to subscribe to
    made = deploy_example(cloud, bundles[example], environment, example)
    kinds = {logical_id: kind for logical_id, (kind, _) in cloud.resources(made.stack).items()}
    assert {logical_id: each["Type"] for logical_id, each in made.template["Resources"].items()} == kinds
    assert set(made.template.get("Outputs", ())) == set(cloud.outputs(made.stack))
    release = {name: RELEASE[name] for name in RELEASE if name in made.template["Parameters"]}
    planned = cloud.deploy(made.stack, made.template, release)
    templates = {name for name, kind in kinds.items() if kind == "AWS::EC2::LaunchTemplate"}
    assert {f"Modify {name}" for name in templates} <= set(planned)
    physical = {made.ids()[name] for name in templates}
    cloud.remove(made.stack)
    assert made.stack not in cloud.stacks()
    left = cloud.client("ec2").describe_launch_templates()["LaunchTemplates"]
    assert not physical & {each["LaunchTemplateId"] for each in left}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each.name)
def test_what_is_deleted_is_gone_but_for_what_production_keeps(
    orders: dict[str, Deployed], environment: Environment
) -> None:
    made = orders[environment.name]
    ids, cloud = made.ids(), made.cloud
    if environment.name == PRODUCTION.name:
        cloud.remove("production-menus")
    cloud.remove(made.stack)
    assert {} == cloud.parameters(f"/service/{environment.name}/orders")
    kept = {each["Name"] for each in cloud.client("s3").list_buckets()["Buckets"]}
    queues = cloud.client("sqs").list_queues(QueueNamePrefix=f"{made.stack}-").get("QueueUrls", [])
    assert ids["Invoices"] in kept
    assert (6 if environment.tier == "production" else 0) == len(queues)


def _without_alarms(template: dict[str, Any]) -> dict[str, Any]:
    """Leave out what no service refers to and takes long to make."""
    left = {name: each for name, each in template["Resources"].items() if each["Type"] != "AWS::CloudWatch::Alarm"}
    return {**template, "Resources": left}


def _target_group(deployed: Deployed) -> str:
    """Say what the server calls the web process's group of targets; AWS has `targetgroup/` before it."""
    return deployed.ids()["WebTargetGroup"].partition(":targetgroup/")[2]


def _groups(deployed: Deployed) -> dict[str, Any]:
    """Describe the groups of a stack, by their logical ids."""
    names = {physical: name for name, physical in deployed.ids().items() if name.endswith("Group")}
    found = deployed.cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {names[each["AutoScalingGroupName"]]: each for each in found if each["AutoScalingGroupName"] in names}


def _glance(cloud: Cloud, queue: str) -> list[Any]:
    """Take what lies in a queue and give it back at once, as a consumer that fails."""
    found = cloud.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=0, VisibilityTimeout=0)
    return list(found.get("Messages", []))


def _receive(cloud: Cloud, queue: str) -> list[str]:
    """Take what lies in a queue, as its consumer does."""
    sqs = cloud.client("sqs")
    messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0, MaxNumberOfMessages=10).get("Messages", [])
    for each in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
    return [each["Body"] for each in messages]


def _template(service: Service, environment: Environment = PRODUCTION) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(build_stack(service, environment)))
    return made
