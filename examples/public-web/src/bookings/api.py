"""API: take bookings. They are kept in memory; a table of the service's own would be an addition."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import threading

from bookings.aws import AwsError, ask
from bookings.endpoint import Answer, RefusedError, as_json, serve
from bookings.journal import current_request, write_line

# Tables that are taken, by time.
_taken: dict[str, int] = {}
_lock = threading.Lock()


def show_hours(_: bytes) -> Answer:
    """Show the opening hours, which the permission `hours` lets this process read."""
    found = ask("ssm", "get-parameters-by-path", "--path", "/guests/opening-hours").get("Parameters", [])
    return as_json(200, {each["Name"].rpartition("/")[2]: each["Value"] for each in found})


def take_booking(body: bytes) -> Answer:
    try:
        guest, seats, time = _read_booking(body)
        with _lock:
            if _taken.get(time, 0) >= int(os.environ.get("TABLES", "1")):
                raise RefusedError(409, "all tables are taken then")
            _taken[time] = _taken.get(time, 0) + 1
    except RefusedError as refused:
        write_line("warning", "booking refused", reason=str(refused))
        raise
    code = _sign(f"{guest}/{seats}/{time}")
    _publish({"guest": guest, "seats": seats, "time": time})
    return as_json(201, {"time": time, "seats": seats, "code": code})


def _read_booking(body: bytes) -> tuple[str, int, str]:
    """Read a form as browsers send it in plain text, a field a line, or JSON."""
    text = body.decode(errors="replace")
    try:
        is_form = not text.startswith("{")
        fields = dict(line.split("=", 1) for line in text.splitlines() if line) if is_form else json.loads(text)
        guest, seats, time = str(fields["guest"]).strip(), int(fields["seats"]), str(fields["time"])
    except (ValueError, KeyError, TypeError):
        raise RefusedError(400, "a booking has guest, seats and time") from None
    if not guest or not 1 <= seats <= 12 or not re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", time):
        raise RefusedError(422, "a booking is for 1 to 12 guests, at a time such as 2026-12-24T19:30")
    return guest, seats, time


def _sign(text: str) -> str:
    """Make the code that the guest shows at the door: who does not know the key cannot."""
    key = os.environ.get("SIGNING_KEY", "")
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:12]


def _publish(booking: dict[str, object]) -> None:
    """Tell `reminders`, and whoever else listens. The table is taken all the same where nobody can be told."""
    topic = os.environ.get("TABLE_BOOKED_TOPIC_ARN")
    if topic is None:
        return
    carried = json.dumps({"correlation_id": {"DataType": "String", "StringValue": current_request()}})
    try:
        ask("sns", "publish", "--topic-arn", topic, "--message", json.dumps(booking), "--message-attributes", carried)
    except AwsError as error:
        write_line("error", "booking not told", reason=str(error))


def main() -> None:
    serve(
        {
            ("GET", "/api/ping"): lambda _: as_json(200, {"status": "ok"}),
            ("GET", "/api/hours"): show_hours,
            ("POST", "/api/bookings"): take_booking,
        }
    )


if __name__ == "__main__":
    main()
