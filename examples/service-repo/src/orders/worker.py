"""Worker: follow the events of other services, one thread a queue."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from orders.events import Message, queue_of, receive_messages, remove_message
from orders.journal import about_request, write_line

Reaction = Callable[[Mapping[str, Any]], None]


def move_customer(body: Mapping[str, Any]) -> None:
    write_line("info", "customer moved", {"customer": body["customer"], "country": body["country"]})


def settle_order(body: Mapping[str, Any]) -> None:
    write_line("info", "order settled", {"order": body["order"]})


REACTIONS: Mapping[str, Reaction] = {
    "customer.address-changed": move_customer,
    "payments.payment-settled": settle_order,
}


def follow_queue(queue: str, react: Reaction) -> None:
    """Handle messages for ever. One that fails comes again, and after five times becomes a dead letter."""
    while True:
        try:
            for message in receive_messages(queue):
                with about_request(message.request_id):
                    _handle_message(message, react)
        except Exception as error:  # noqa: BLE001 - the next try may succeed
            write_line("error", "queue cannot be read", {"queue": queue, "reason": repr(error)})
            time.sleep(10)


def _handle_message(message: Message, react: Reaction) -> None:
    try:
        react(message.body)
    except Exception as error:  # noqa: BLE001 - other messages are waiting
        write_line("error", "message failed", {"queue": message.queue, "reason": repr(error)})
    else:
        remove_message(message)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for event, react in REACTIONS.items():
        queue = queue_of("worker", event)
        if queue is None:
            write_line("warning", "event has no queue here", {"event": event})
        else:
            write_line("info", "following", {"event": event})
            threading.Thread(target=follow_queue, args=(queue, react), daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
