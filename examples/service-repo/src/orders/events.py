"""Events: publish to topics and receive from queues, with the `aws` command that every instance has.

The platform tells a process its topics and queues through environment variables.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orders.journal import about_request, current_request, write_line

# Brings the id of a request to whoever handles the message.
_CORRELATION = "correlation_id"


@dataclass(frozen=True)
class Message:
    """A message that was received and stays in its queue until it is removed."""

    queue: str
    receipt: str
    request_id: str
    body: Mapping[str, Any]


def publish_event(name: str, body: Mapping[str, object], attributes: Mapping[str, str]) -> None:
    """Tell other services, with the id of the request that led to it. `attributes` are what they may filter on."""
    topic = os.environ.get(_variable(name) + "_TOPIC_ARN")
    write_line("info", "event published" if topic else "event has no topic here", {"event": name, **attributes})
    if topic is None:
        return
    carried = {_CORRELATION: current_request()} if current_request() else {}
    typed = {key: {"DataType": "String", "StringValue": value} for key, value in {**attributes, **carried}.items()}
    options = ("--topic-arn", topic, "--message", json.dumps(body), "--message-attributes", json.dumps(typed))
    _run_aws("sns", "publish", *options)


def queue_of(process: str, event: str) -> str | None:
    """Return the URL of the queue that brings an event of another service to a process."""
    return os.environ.get(_variable(f"{process}-{event}") + "_QUEUE_URL")


def receive_messages(queue: str) -> Iterator[Message]:
    """Wait up to 20 seconds for messages. One that cannot be read is left to become a dead letter."""
    options = ("--queue-url", queue, "--message-attribute-names", _CORRELATION, "--max-number-of-messages", "10")
    answer = _run_aws("sqs", "receive-message", *options)
    for message in json.loads(answer or "{}").get("Messages", ()):
        # Without the attribute, a message begins something new.
        attribute = message.get("MessageAttributes", {}).get(_CORRELATION, {})
        request_id = attribute.get("StringValue") or message["MessageId"]
        try:
            body = json.loads(message["Body"])
        except ValueError:
            with about_request(request_id):
                write_line("error", "message is not JSON", {})
            continue
        yield Message(queue, message["ReceiptHandle"], request_id, body)


def remove_message(message: Message) -> None:
    _run_aws("sqs", "delete-message", "--queue-url", message.queue, "--receipt-handle", message.receipt)


def _variable(name: str) -> str:
    return name.upper().replace("-", "_").replace(".", "_")


def _run_aws(*arguments: str) -> str:
    command = ("aws", *arguments, "--output", "json")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        # The command line holds the message, and customers' names do not belong into a log.
        raise RuntimeError(f"aws {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
    return done.stdout
