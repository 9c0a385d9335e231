"""One id leads from a request through every service that it reaches: docs/request-ids.md, held by programs that run.

The processes of the examples run as their instances run them and ask AWS with the real `aws` command; topics and
queues are MiniStack's, joined as the templates join them; nginx is the one that the roles set up.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples import FOLDER
from tests.machine import FACTS, NGINX, build_machine, free_port, install, run_playbook
from tests.ministack import Keys, MiniStack, connect
from tests.proxy import port_of, run_nginx, wait_for, wait_for_line

AWS = shutil.which("aws")
TRACE = "1-67891233-abcdef012345678912345678"
ORDER = json.dumps({"customer": "c-1", "country": "GB", "lines": [{"article": "a", "quantity": 1, "cents": 250}]})
BOOKING = json.dumps({"guest": "A guest", "seats": 2, "time": "2026-12-24T19:30"})
_PATIENCE = 60.0
_numbers = count(1)

pytestmark = pytest.mark.skipif(AWS is None, reason="no aws here")


@dataclass(frozen=True, slots=True)
class Log:
    """What a process prints, with the text of each line and the id that it bears."""

    path: Path

    def lines(self) -> list[dict[str, Any]]:
        *whole, _ = self.path.read_text().split("\n")
        return [json.loads(line) for line in whole]

    def ids_of(self, message: str) -> list[str | None]:
        """Wait for lines of a message, and return their ids."""
        found = wait_until(lambda: [line for line in self.lines() if line["message"] == message], self.path)
        return [line.get("request_id") for line in found]


@dataclass(frozen=True, slots=True)
class Cloud:
    """Topics and queues, and a folder for what runs on them."""

    server: MiniStack
    keys: Keys
    folder: Path

    def client(self, service: str) -> Any:
        return connect(service, self.server.endpoint, self.server.certificate, self.keys)

    def make_topic(self) -> str:
        return str(self.client("sns").create_topic(Name=f"ids-{next(_numbers)}")["TopicArn"])

    def make_queue(self, topic: str) -> str:
        """Make a queue that a topic delivers to as the template `messaging` has it."""
        sqs = self.client("sqs")
        url = str(sqs.create_queue(QueueName=f"ids-{next(_numbers)}")["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic_may_send = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [topic_may_send]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"ReceiveMessageWaitTimeSeconds": "20", "Policy": policy})
        raw = {"RawMessageDelivery": "true"}
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
        return url

    @contextmanager
    def run(self, example: str, process: str, **variables: str) -> Iterator[Log]:
        """Run a process of an example until the end of the block, and with it what it has started."""
        command = yaml.safe_load((FOLDER / example / "service.yml").read_text())["processes"][process]["command"]
        environment = os.environ | self.server.environment(self.keys) | variables
        path = f"{self.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment |= {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        log = self.folder / f"{example}-{process}-{next(_numbers)}.log"
        with log.open("wb") as stream:
            running = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=FOLDER / example / "src",
                env=environment,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        try:
            if "PORT" in variables:
                wait_for(int(variables["PORT"]))
            yield Log(log)
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()


@pytest.fixture
def messaging(ministack: MiniStack, no_aws: None, tmp_path: Path) -> Cloud:
    # Not every version of the command reads where AWS is from a variable.
    install(tmp_path / "aws", f'#!/bin/sh\nexec {AWS} --endpoint-url {ministack.endpoint} "$@"\n')
    return Cloud(ministack, ministack.add_user("sns:*", "sqs:*"), tmp_path)


def wait_until(look: Callable[[], list[Any]], place: Path) -> list[Any]:
    """Look until there is something to see."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.1)
    raise AssertionError(place.read_text())


def post(port: int, path: str, body: str, headers: Mapping[str, str]) -> tuple[int, str | None]:
    """Return the status, and the id that the answer bears."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)) as connection:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["X-Request-Id"]


@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_the_id_of_the_load_balancer_is_in_every_log_and_message_that_a_request_leads_to(
    messaging: Cloud, tmp_path: Path
) -> None:
    placed, settled = messaging.make_topic(), messaging.make_topic()
    orders, payments, observed = (messaging.make_queue(topic) for topic in (placed, settled, placed))
    setup = run_playbook(build_machine(tmp_path, {**FACTS, "service": "orders", "port": free_port(), "logs": []}, {}))
    assert NGINX is not None and 0 == setup.code, setup.output
    port = port_of(setup.machine)
    with (
        messaging.run("service-repo", "web", PORT=str(port + 10000), ORDER_PLACED_TOPIC_ARN=placed) as web,
        messaging.run(
            "much-overridden",
            "settler",
            SETTLER_ORDERS_ORDER_PLACED_QUEUE_URL=orders,
            PAYMENT_SETTLED_TOPIC_ARN=settled,
        ) as settler,
        messaging.run("service-repo", "worker", WORKER_PAYMENTS_PAYMENT_SETTLED_QUEUE_URL=payments) as worker,
        run_nginx(setup.machine, NGINX),
    ):
        assert (201, TRACE) == post(port, "/orders", ORDER, {"X-Amzn-Trace-Id": f"Self=1-2-3;Root={TRACE}"})
        (access,) = [json.loads(line) for line in wait_for_line(setup.machine, "/orders").splitlines()]
        assert TRACE == access["request_id"]
        assert [TRACE] == web.ids_of("event published") == web.ids_of("request answered")
        (message,) = messaging.client("sqs").receive_message(QueueUrl=observed, MessageAttributeNames=["All"])[
            "Messages"
        ]
        attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        assert {"country": "GB", "correlation_id": TRACE} == attributes
        assert [TRACE] == settler.ids_of("payment settled")
        assert [TRACE] == worker.ids_of("order settled")
        assert [None] == web.ids_of("ready")


def test_a_request_or_message_without_an_id_gets_one(messaging: Cloud) -> None:
    topic = messaging.make_topic()
    queue, port = messaging.make_queue(topic), free_port()
    with (
        messaging.run("public-web", "api", PORT=str(port), TABLE_BOOKED_TOPIC_ARN=topic) as api,
        messaging.run("public-web", "reminders", REMINDERS_BOOKINGS_TABLE_BOOKED_QUEUE_URL=queue) as reminders,
    ):
        assert 201 == post(port, "/api/bookings", BOOKING, {})[0]
        made = api.ids_of("request answered")
        assert [None] != made == reminders.ids_of("guest reminded")
        sent = messaging.client("sqs").send_message(QueueUrl=queue, MessageBody=BOOKING)
        reminded = wait_until(lambda: reminders.ids_of("guest reminded")[1:], reminders.path)
        assert [sent["MessageId"]] == reminded
