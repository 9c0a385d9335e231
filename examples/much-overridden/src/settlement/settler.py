"""Settler: settles what was ordered, one message at a time, and tells others."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from settlement.aws import AwsError, ask
from settlement.journal import write_line
from settlement.ledger import write_payment


def settle_orders(queue: str) -> None:
    """Handle a message, if one comes within 20 seconds. It stays hidden for 15 minutes meanwhile."""
    answer = ask("sqs", "receive-message", "--queue-url", queue)
    for message in answer.get("Messages", []):
        try:
            order = str(json.loads(message["Body"])["id"])
        except (ValueError, KeyError, TypeError) as error:
            write_line("error", "message failed", reason=repr(error))
            continue
        write_payment(order, "settled")
        _publish(order)
        ask("sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])
        write_line("info", "payment settled", order=order)


def _publish(order: str) -> None:
    topic = os.environ["PAYMENT_SETTLED_TOPIC_ARN"]
    ask("sns", "publish", "--topic-arn", topic, "--message", json.dumps({"order": order}))


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
            write_line("error", "order not settled", reason=str(error))
            time.sleep(10)


if __name__ == "__main__":
    main()
