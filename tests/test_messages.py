"""How messages travel: topics and queues, what becomes of a message that nobody took, and who is told."""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from compiler.blame import span_of
from compiler.events import published_events
from compiler.outlets import Permission
from compiler.service import Service, Subscription
from tests.describing import SERVICE, judge, resolve
from tests.environments_by_hand import build_template
from tests.services_by_hand import ORDERED, PRODUCTION, RECIPES, WEB, WORKER, build_resources, properties_of, ssm
from tests.spans import show

ACCOUNT = "arn:aws:{}:eu-west-1:111122223333:{}"
DAY = 24 * 60 * 60
NAME = "WorkerCustomerAddressChanged"
# What a topic or a queue says of order, in one way or the other.
ORDER = (
    *("FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope"),
    *("FifoQueue", "DeduplicationScope", "FifoThroughputLimit"),
)
MISFITS = ("Attributes", "MessageBody")


def consuming(**said: Any) -> Service:
    """The recipes service with one event that its worker consumes as it is said."""
    wanted = {"filter": {}, **said}
    return replace(RECIPES, consumes=(Subscription("customer", "address-changed", "worker", **wanted),))


def arn(kind: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [f"{NAME}{kind}", "Arn"]}


# Topics and queues


def test_a_topic_is_named_so_that_consumers_can_tell_its_arn() -> None:
    resources = build_resources(RECIPES)
    assert "production-recipes-recipe-created" == resources["RecipeCreatedTopic"]["Properties"]["TopicName"]
    subscription = resources["WorkerCustomerAddressChangedSubscription"]["Properties"]
    assert ACCOUNT.format("sns", "production-customer-address-changed") == subscription["TopicArn"]
    own = replace(RECIPES, consumes=(Subscription("recipes", "recipe-created", "web", {}),))
    mine = build_resources(own)["WebRecipesRecipeCreatedSubscription"]["Properties"]
    assert {"Ref": "RecipeCreatedTopic"} == mine["TopicArn"]


def test_what_cannot_be_delivered_and_what_cannot_be_handled_go_to_places_of_their_own() -> None:
    resources = build_resources(RECIPES)
    queue, dead, undeliverable = (
        resources[f"{NAME}{kind}"]["Properties"] for kind in ("Queue", "DeadLetterQueue", "UndeliverableQueue")
    )
    subscription = resources[f"{NAME}Subscription"]
    assert {"deadLetterTargetArn": arn("DeadLetterQueue"), "maxReceiveCount": 5} == queue["RedrivePolicy"]
    assert {"deadLetterTargetArn": arn("UndeliverableQueue")} == subscription["Properties"]["RedrivePolicy"]
    assert arn("Queue") == subscription["Properties"]["Endpoint"]
    assert [4 * DAY, 14 * DAY, 14 * DAY] == [each["MessageRetentionPeriod"] for each in (queue, dead, undeliverable)]
    assert {"redrivePermission": "denyAll"} == undeliverable["RedriveAllowPolicy"]
    # The first message must find the policies of all three.
    assert [f"{NAME}QueuePolicy"] == subscription["DependsOn"]


def test_only_the_topic_sends_and_nothing_but_the_queue_feeds_the_dead_letters() -> None:
    policy = build_resources(RECIPES)[f"{NAME}QueuePolicy"]["Properties"]
    assert [{"Ref": f"{NAME}{kind}"} for kind in ("Queue", "UndeliverableQueue", "DeadLetterQueue")] == policy["Queues"]
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert ("Allow", {"Service": "sns.amazonaws.com"}) == (allowed["Effect"], allowed["Principal"])
    assert {
        "ArnEquals": {"aws:SourceArn": ACCOUNT.format("sns", "production-customer-address-changed")},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    } == allowed["Condition"]
    assert [arn("Queue"), arn("UndeliverableQueue")] == allowed["Resource"]
    assert ("Deny", {"Bool": {"aws:SecureTransport": "false"}}) == (denied["Effect"], denied["Condition"])
    assert [arn("Queue"), arn("UndeliverableQueue"), arn("DeadLetterQueue")] == denied["Resource"]


@pytest.mark.parametrize(
    ("wanted", "scope", "policy"),
    [
        ({"filter": {}}, None, None),
        (
            {"filter": {"country": ["GB", "IE"], "kind": "moved"}},
            "MessageAttributes",
            {"country": ["GB", "IE"], "kind": ["moved"]},
        ),
        ({"filter": {"a.b": ["x"]}}, "MessageAttributes", {"a.b": ["x"]}),
        (
            {"filter": {"to.country": ["GB"], "to.zip": [1], "kind": "moved"}, "filter_on": "body"},
            "MessageBody",
            {"to": {"country": ["GB"], "zip": [1]}, "kind": ["moved"]},
        ),
    ],
)
def test_only_wanted_messages_come_and_they_come_as_they_were_sent(wanted: Any, scope: Any, policy: Any) -> None:
    subscription = build_resources(consuming(**wanted))[f"{NAME}Subscription"]["Properties"]
    assert (scope, policy) == (subscription.get("FilterPolicyScope"), subscription.get("FilterPolicy"))
    assert subscription["RawMessageDelivery"] is True


def test_a_message_is_hidden_for_six_times_as_long_as_its_handler_may_take() -> None:
    queue = build_resources(consuming(timeout=7200, max_receive_count=3, retention=DAY))[f"{NAME}Queue"]["Properties"]
    assert (43_200, DAY) == (queue["VisibilityTimeout"], queue["MessageRetentionPeriod"])  # twelve hours, SQS's most
    assert 3 == queue["RedrivePolicy"]["maxReceiveCount"]
    usual = build_resources(RECIPES)[f"{NAME}Queue"]["Properties"]
    assert (180, 4 * DAY) == (usual["VisibilityTimeout"], usual["MessageRetentionPeriod"])


# Order


def test_what_is_ordered_is_ordered_all_the_way() -> None:
    resources = build_resources(ORDERED)
    topic, plain = (resources[f"Recipe{event}Topic"]["Properties"] for event in ("Created", "Withdrawn"))
    assert "production-recipes-recipe-created.fifo" == topic["TopicName"]
    assert {"FifoTopic": True, "FifoThroughputScope": "MessageGroup", "ContentBasedDeduplication": False} == {
        key: topic.get(key) for key in ORDER if key in topic
    }
    assert set() == set(ORDER) & plain.keys()
    for name, ordered in (("CustomerAddressChanged", True), ("RecipesRecipeWithdrawn", False)):
        for kind in ("Queue", "DeadLetterQueue", "UndeliverableQueue"):
            queue = resources[f"Worker{name}{kind}"]["Properties"]
            group = (True, "messageGroup", "perMessageGroupId") if ordered else ()
            assert group == tuple(queue[key] for key in ORDER if key in queue)
    theirs = ACCOUNT.format("sns", "production-customer-address-changed.fifo")
    assert theirs == resources[f"{NAME}Subscription"]["Properties"]["TopicArn"]
    (allowed, _) = resources[f"{NAME}QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {"aws:SourceArn": theirs} == allowed["Condition"]["ArnEquals"]


def test_processes_may_publish_to_the_topic_that_there_is() -> None:
    asked = (Permission("a", publish="audit.made", ordered=True), Permission("b", publish="audit.read"))
    resources = build_resources(replace(ORDERED, processes=(replace(WEB, permissions=asked),), consumes=()))
    allowed = {
        resource
        for policy in properties_of(resources, "AWS::IAM::ManagedPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for resource in statement["Resource"]
        if statement["Action"] == ["sns:Publish"]
    }
    events = ("recipes-recipe-created.fifo", "recipes-recipe-withdrawn", "audit-made.fifo", "audit-read")
    assert {ACCOUNT.format("sns", f"production-{event}") for event in events} == allowed


def test_the_key_lets_every_topic_of_the_account_deliver_and_no_other() -> None:
    key = build_template("security")["Resources"]["MessagingKey"]["Properties"]["KeyPolicy"]["Statement"]
    (allowed,) = [each for each in key if "sns.amazonaws.com" in each["Principal"].values()]
    assert ("Allow", ["kms:Decrypt", "kms:GenerateDataKey*"]) == (allowed["Effect"], allowed["Action"])
    resources = build_resources(ORDERED)
    used = [each["KmsMasterKeyId"] for each in properties_of(resources, "AWS::SQS::Queue").values()]
    assert {ssm("security/messaging-key-arn")} == set(used) and len(used) == 9
    conditions = allowed["Condition"]
    for name in ("RecipeCreatedTopic", "RecipeWithdrawnTopic"):
        topic = ACCOUNT.format("sns", resources[name]["Properties"]["TopicName"])
        assert fnmatchcase(topic, conditions["ArnLike"]["aws:SourceArn"])
    assert {"aws:SourceAccount": "111122223333"} == conditions["StringEquals"]
    assert not fnmatchcase("arn:aws:sns:eu-west-1:444455556666:a", conditions["ArnLike"]["aws:SourceArn"])


# What becomes of deliveries


def test_deliveries_are_logged_where_the_stack_made_a_place_for_them() -> None:
    resources, role = build_resources(ORDERED), build_template("notifications")["Resources"]
    topic = resources["RecipeCreatedTopic"]
    groups = {resources[name]["Properties"]["LogGroupName"] for name in topic["DependsOn"]}
    where = "sns/eu-west-1/111122223333/production-recipes-recipe-created.fifo"  # as SNS itself calls them
    assert {where, f"{where}/Failure"} == groups
    logged = topic["Properties"]["DeliveryStatusLogging"]
    subscribers = resources["RecipeCreatedTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    assert subscribers["Condition"]["StringNotEquals"]["sns:Protocol"] == [each["Protocol"] for each in logged]
    made = role["TopicLogRole"]["Properties"]
    arns = {each[f"{outcome}FeedbackRoleArn"] for each in logged for outcome in ("Success", "Failure")}
    assert {f"arn:aws:iam::111122223333:role{made['Path']}{made['RoleName']}"} == arns
    (allowed,) = role["TopicLogPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    for group in groups:
        assert fnmatchcase(ACCOUNT.format("logs", f"log-group:{group}:log-stream:1"), allowed["Resource"])


def test_topics_of_the_account_may_trace() -> None:
    (policy,) = properties_of(build_template("account")["Resources"], "AWS::XRay::ResourcePolicy").values()
    (allowed,) = json.loads(policy["PolicyDocument"])["Statement"]
    assert {"Service": "sns.amazonaws.com"} == allowed["Principal"]
    assert "111122223333" == allowed["Condition"]["StringEquals"]["aws:SourceAccount"]
    assert len(policy["PolicyDocument"]) <= 5120


# Who is told


def test_a_dead_letter_is_told_at_once() -> None:
    alarm = build_resources(RECIPES)[f"{NAME}DeadLetterAlarm"]["Properties"]
    assert (0, 60, 1) == (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"])
    (dimension,) = alarm["Dimensions"]
    assert {"Fn::GetAtt": [f"{NAME}DeadLetterQueue", "QueueName"]} == dimension["Value"]


def test_every_queue_is_watched_and_named_by_an_alarm_that_watches_several() -> None:
    consumed = tuple(Subscription("other", f"event-{number}", "worker", {}) for number in range(20))
    resources = build_resources(replace(RECIPES, consumes=consumed))
    for metric, kind in (("Undeliverable", "UndeliverableQueue"), ("InFlight", "Queue")):
        watched: dict[str, str] = {}
        for batch in ("", "2", "3"):
            alarm = resources[f"Worker{metric}{batch}AmberAlarm"]["Properties"]
            *measured, _ = alarm["Metrics"]
            assert len(measured) <= 9  # CloudWatch takes ten
            for query in measured:
                (dimension,) = query["MetricStat"]["Metric"]["Dimensions"]
                watched[dimension["Value"]["Fn::GetAtt"][0]] = query["Label"]
                assert query["Label"] in alarm["AlarmDescription"]
        assert {f"WorkerOtherEvent{number}{kind}": f"other.event-{number}" for number in range(20)} == watched


def test_a_queue_is_full_at_what_it_hands_out_at_a_time() -> None:
    alarm = build_resources(ORDERED)["WorkerInFlightAmberAlarm"]["Properties"]
    expression = "100 * MAX([FILL(out1, 0), FILL(out2, 0), FILL(out3, 0)]) / 120000"  # ordered or not
    assert expression == alarm["Metrics"][-1]["Expression"]


def test_a_time_of_its_own_pages_and_takes_the_queue_out_of_the_process_alarm() -> None:
    resources = build_resources(ORDERED)
    alarm = resources["WorkerMaxAgeRedAlarm"]["Properties"]
    assert (100, "100 * MAX([FILL(age1, 0) / 600])") == (alarm["Threshold"], alarm["Metrics"][-1]["Expression"])
    assert "recipes.recipe-created (600 seconds)" in alarm["AlarmDescription"]
    assert "WorkerMaxAgeRedAlarm" in resources["WorkerDownAlarm"]["Properties"]["AlarmRule"]["Fn::Sub"]
    *ages, _ = resources["WorkerQueueAgeRedAlarm"]["Properties"]["Metrics"]
    queues = [each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for each in ages]
    assert ["WorkerCustomerAddressChangedQueue", "WorkerRecipesRecipeWithdrawnQueue"] == queues


def test_silence_is_told_where_it_is_asked_for() -> None:
    resources = build_resources(ORDERED)
    (name,) = [name for name in resources if "Silence" in name]
    alarm = resources[name]["Properties"]
    assert ("breaching", 300, 12, 12) == tuple(
        alarm[key] for key in ("TreatMissingData", "Period", "EvaluationPeriods", "DatapointsToAlarm")
    )
    assert ("NumberOfMessagesSent", "LessThanOrEqualToThreshold", 0) == tuple(
        alarm[key] for key in ("MetricName", "ComparisonOperator", "Threshold")
    )


@pytest.mark.parametrize(
    ("alarm", "color", "metrics", "within"),
    [
        ("Delivery", "Amber", {"NumberOfNotificationsFailed", "NumberOfNotificationsRedrivenToDlq"}, (1, 1)),
        ("Loss", "Red", {"NumberOfNotificationsFailedToRedriveToDlq"}, (1, 1)),
        ("Filter", "Amber", {f"NumberOfNotificationsFilteredOut-Invalid{what}" for what in MISFITS}, (5, 5)),
    ],
)
def test_a_topic_tells_what_does_not_arrive(alarm: str, color: str, metrics: set[str], within: tuple[int, int]) -> None:
    said = build_resources(RECIPES)[f"RecipeCreated{alarm}{color}Alarm"]["Properties"]
    measured = [query["MetricStat"]["Metric"] for query in said.get("Metrics", ())[:-1]] or [said]
    assert metrics == {each["MetricName"] for each in measured}
    named = {"Fn::GetAtt": ["RecipeCreatedTopic", "TopicName"]}
    assert all([{"Name": "TopicName", "Value": named}] == each["Dimensions"] for each in measured)
    assert (within, 0) == ((said["DatapointsToAlarm"], said["EvaluationPeriods"]), said["Threshold"])
    assert [color.lower()] == [topic.rpartition("-")[2] for topic in said["AlarmActions"]]


def test_sixty_queues_and_their_process_fit_into_a_stack() -> None:
    consumed = tuple(Subscription("other", f"event-{number}", "worker", {}) for number in range(60))
    made = build_resources(replace(RECIPES, processes=(WORKER,), publishes=(), consumes=consumed))
    of_one = build_resources(replace(RECIPES, processes=(WORKER,), publishes=(), consumes=consumed[:1]))
    assert len(made) - len(of_one) <= 7.53 * 59
    assert len(made) <= 500, "what CloudFormation takes"


def test_no_description_is_longer_than_cloudwatch_takes_and_none_ends_within_a_name() -> None:
    name, event = "a" * 32, "b" * 46
    consumed = tuple(Subscription(name, f"{event}{number:02}", "worker", {}) for number in range(9))
    resources = build_resources(replace(RECIPES, name=name, consumes=consumed), replace(PRODUCTION, name=name))
    for metric in ("Undeliverable", "InFlight"):
        said = resources[f"Worker{metric}AmberAlarm"]["Properties"]["AlarmDescription"]
        assert len(said) <= 1024 and " and others https://" in said


# What is refused

ASKED = (
    SERVICE + "    permissions: {a: {publish: orders.made%s}}\nmessages: {publish: {made: {ordered: true}, paid: {}}}\n"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("publish: {made: {ordered: true}}, consume: {orders.made: {process: web, ordered: true}}", []),
        ("publish: {made: {ordered: true}}, consume: {orders.made: {process: web}}", ["D346 9 orders.made"]),
        ("publish: [made], consume: {orders.made: {process: web, ordered: true}}", ["D346 9 orders.made"]),
        ("publish: {made: {}}, consume: {orders.made: {process: web}}", []),
        ("publish: {made: {}}, consume: {orders.mad: {process: web}}", ["D313 9 orders.mad"]),
        ("publish: {made: {order: true}}", ["D203 9 order"]),
        ("publish: {Made: {}}", ["D206 9 Made"]),
        ("publish: made", ["D204 9 made"]),
        ("consume: {a.b: {process: web, timeout: 7200}}", []),
        ("consume: {a.b: {process: web, timeout: 7201}}", ["D207 9 7201"]),
        ("consume: {a.b: {process: web, timeout: 7200, maxReceiveCount: 8}}", ["D348 9 7200"]),
        ("consume: {a.b: {process: web, timeout: 7200, maxReceiveCount: 7}}", []),
        ("consume: {a.b: {process: web, maxReceiveCount: 1000, retention: 864000}}", []),
        ("consume: {a.b: {process: web, maxReceiveCount: 20, retention: 3600}}", ["D348 9 20"]),
        ("consume: {a.b: {process: web, maxReceiveCount: 19, retention: 3600}}", []),
        ("consume: {a.b: {process: web, maxAge: 345600}}", ["D348 9 345600"]),
        ("consume: {a.b: {process: web, maxAge: 345599}}", []),
        ("consume: {a.b: {process: web, maxSilence: 299}}", ["D207 9 299"]),
        ("consume: {a.b: {process: web, filterOn: body, filter: {c: x, c.d: x}}}", ["D349 9 c.d"]),
        ("consume: {a.b: {process: web, filter: {c: x, c.d: x}}}", []),
        ("consume: {a.b: {process: web, filterOn: body, filter: {c: x, cd.e: x}}}", []),
    ],
)
def test_what_contradicts_itself_is_told_where_it_is_said(text: str, shown: list[str]) -> None:
    assert shown == show(judge(f"{SERVICE}messages: {{{text}}}\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ASKED % "", ["D346 9 orders.made"]),
        (ASKED % ", ordered: true", []),
        (SERVICE + "    permissions: {a: {bucket: acme-a, ordered: true}}\n", ["D351 9 a"]),
    ],
)
def test_a_permission_says_of_an_event_what_its_publisher_says(text: str, shown: list[str]) -> None:
    assert shown == show(judge(text))


def test_a_list_of_events_and_a_map_make_the_same() -> None:
    settings = [resolve(f"{SERVICE}messages: {{publish: {each}}}\n") for each in ("[made]", "{made: {}}")]
    listed, mapped = ({str(event): keeps for event, keeps in published_events(each.data).items()} for each in settings)
    assert {"made": False} == listed == mapped
    assert [9, 9] == [span_of(event).line for each in settings for event in published_events(each.data)]
