"""Reminders: one for each booking. What a spot instance was doing when it was taken comes again to another."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from bookings.aws import AwsError, ask
from bookings.journal import about_request, write_line


def remind_guests(queue: str) -> None:
    """Handle the messages that come within 20 seconds. One that cannot be read becomes a dead letter."""
    wanted = ("--message-attribute-names", "correlation_id", "--max-number-of-messages", "10")
    for message in ask("sqs", "receive-message", "--queue-url", queue, *wanted).get("Messages", []):
        # Without the attribute, a message begins something new.
        attribute = message.get("MessageAttributes", {}).get("correlation_id", {})
        with about_request(attribute.get("StringValue") or message["MessageId"]):
            _remind_guest(queue, message)


def _remind_guest(queue: str, message: dict[str, Any]) -> None:
    try:
        booking = json.loads(message["Body"])
        write_line("info", "guest reminded", booked_for=booking["time"], seats=booking["seats"])
    except (ValueError, KeyError, TypeError) as error:
        write_line("error", "message failed", reason=repr(error))
        return
    ask("sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    queue = os.environ.get("REMINDERS_BOOKINGS_TABLE_BOOKED_QUEUE_URL")
    write_line("info" if queue else "warning", "ready" if queue else "no queue here")
    while True:
        try:
            if queue:
                remind_guests(queue)
            else:
                time.sleep(20)
        except AwsError as error:
            write_line("error", "queue cannot be read", reason=str(error))
            time.sleep(10)


if __name__ == "__main__":
    main()
