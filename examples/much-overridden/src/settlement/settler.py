"""Settler: settles what was ordered, one message at a time, and tells others."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from settlement.aws import AwsError, ask
from settlement.journal import about_request, current_request, write_line
from settlement.ledger import write_payment


def settle_orders(queue: str) -> None:
    """Handle a message, if one comes within 20 seconds. It stays hidden for 15 minutes meanwhile."""
    answer = ask("sqs", "receive-message", "--queue-url", queue, "--message-attribute-names", "correlation_id")
    for message in answer.get("Messages", []):
        # Without the attribute, a message begins something new.
        attribute = message.get("MessageAttributes", {}).get("correlation_id", {})
        with about_request(attribute.get("StringValue") or message["MessageId"]):
            _settle_order(queue, message)


def _settle_order(queue: str, message: dict[str, Any]) -> None:
    try:
        order = str(json.loads(message["Body"])["id"])
    except (ValueError, KeyError, TypeError) as error:
        write_line("error", "message failed", reason=repr(error))
        return
    try:
        write_payment(order, "settled")
        _publish(order)
        ask("sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])
        write_line("info", "payment settled", order=order)
    except AwsError as error:
        write_line("error", "order not settled", reason=str(error))
        time.sleep(10)


def _publish(order: str) -> None:
    topic, body = os.environ["PAYMENT_SETTLED_TOPIC_ARN"], json.dumps({"order": order})
    carried = json.dumps({"correlation_id": {"DataType": "String", "StringValue": current_request()}})
    ask("sns", "publish", "--topic-arn", topic, "--message", body, "--message-attributes", carried)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    queue = os.environ.get("SETTLER_ORDERS_ORDER_PLACED_QUEUE_URL")
    write_line("info" if queue else "warning", "ready" if queue else "no queue here")
    while True:
        try:
            if queue:
                settle_orders(queue)
            else:
                time.sleep(20)
        except AwsError as error:
            write_line("error", "queue cannot be read", reason=str(error))
            time.sleep(10)


if __name__ == "__main__":
    main()
