"""Ledger: what is settled, in the table of the addition `ledger`; in memory where there is none, as on your machine."""

from __future__ import annotations

import json
import os
import time

from settlement.aws import ask

_in_memory: dict[str, str] = {}


def write_payment(payment: str, state: str) -> None:
    """Write down the state of a payment. It is forgotten after FORGET_AFTER_DAYS."""
    table = os.environ.get("LEDGER_NAME")
    if table is None:
        _in_memory[payment] = state
        return
    forgotten = int(time.time()) + int(os.environ["FORGET_AFTER_DAYS"]) * 24 * 60 * 60
    item = {"payment": {"S": payment}, "state": {"S": state}, "forgotten": {"N": str(forgotten)}}
    ask("dynamodb", "put-item", "--table-name", table, "--item", json.dumps(item))


def read_payment(payment: str) -> str | None:
    """Return the state of a payment, None for one that nobody asked for."""
    table = os.environ.get("LEDGER_NAME")
    if table is None:
        return _in_memory.get(payment)
    key = json.dumps({"payment": {"S": payment}})
    found = ask("dynamodb", "get-item", "--table-name", table, "--key", key, "--consistent-read").get("Item")
    return None if found is None else str(found["state"]["S"])
