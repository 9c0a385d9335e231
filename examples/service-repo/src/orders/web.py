"""Web: take orders over HTTP. They are kept in memory; a database of the service's own would be an addition."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orders.events import publish_event
from orders.journal import about_request, write_line

_LARGEST_BODY = 64 * 1024
_SELLER = Path("/etc/orders/seller.json")  # written by the role `orders`
_orders: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


class RefusedError(Exception):
    """A request that cannot be served: its status and the reason for the client."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 75  # longer than the load balancer keeps an idle connection

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, *_: object) -> None:
        """Say nothing: `_answer` writes the line of each request."""

    def _answer(self, method: str) -> None:
        request_id = self.headers.get("X-Request-Id") or uuid.uuid4().hex
        with about_request(request_id):
            self._answer_request(method, request_id)

    def _answer_request(self, method: str, request_id: str) -> None:
        try:
            status, body = _route(method, self.path, self._body())
        except RefusedError as refused:
            status, body = refused.status, {"error": str(refused)}
            if method == "POST":
                write_line("warning", "order refused", {"reason": str(refused)})
        except Exception as error:  # noqa: BLE001 - one request may fail, the server may not
            status, body = 500, {"error": "the service failed"}
            write_line("error", "request failed", {"reason": repr(error)})
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("X-Request-Id", request_id)
        self.end_headers()
        self.wfile.write(payload)
        level = "debug" if self.path == "/ping" else "info"
        write_line(level, "request answered", {"method": method, "path": self.path, "status": status})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            raise RefusedError(413, f"a body has at most {_LARGEST_BODY} bytes")
        return self.rfile.read(int(length))


def _route(method: str, path: str, body: bytes) -> tuple[int, Any]:
    if (method, path) == ("GET", "/ping"):
        return 200, {"status": "ok"}
    if (method, path) == ("GET", "/orders"):
        with _lock:
            return 200, {"data": list(_orders.values())}
    if (method, path) == ("POST", "/orders"):
        return 201, _place_order(body)
    if method == "DELETE" and path.startswith("/orders/"):
        return 200, _cancel_order(path.removeprefix("/orders/"))
    raise RefusedError(404, "no such page")


def _place_order(body: bytes) -> dict[str, Any]:
    customer, country, lines = _read_order(body)
    order = {
        "id": str(uuid.uuid4()),
        "customer": customer,
        "country": country,
        "lines": lines,
        "total": sum(line["quantity"] * line["cents"] for line in lines),
        "currency": os.environ.get("CURRENCY", "EUR"),
        "seller": json.loads(_SELLER.read_text()) if _SELLER.exists() else None,
    }
    # Told first: an order that others never hear of would not be sent.
    publish_event("order-placed", order, {"country": country})
    with _lock:
        _orders[str(order["id"])] = order
    return order


def _read_order(body: bytes) -> tuple[str, str, list[dict[str, Any]]]:
    most = int(os.environ.get("MAX_LINES_PER_ORDER", "50"))
    try:
        order = json.loads(body)
        lines = [{key: line[key] for key in ("article", "quantity", "cents")} for line in order["lines"]]
        customer, country = str(order["customer"]), str(order["country"])
    except (ValueError, TypeError, KeyError):
        raise RefusedError(400, "an order has a customer, a country, and lines of article, quantity, cents") from None
    if not re.fullmatch("[A-Z]{2}", country):
        raise RefusedError(422, "country is two capital letters")
    if not 1 <= len(lines) <= most:
        raise RefusedError(422, f"an order has 1 to {most} lines")
    if not all(type(line[key]) is int and line[key] > 0 for line in lines for key in ("quantity", "cents")):
        raise RefusedError(422, "quantity and cents are whole numbers above 0")
    return customer, country, lines


def _cancel_order(order_id: str) -> dict[str, Any]:
    with _lock:
        order = _orders.pop(order_id, None)
    if order is None:
        raise RefusedError(404, "no such order")
    publish_event("order-canceled", {"id": order_id}, {"country": order["country"]})
    return order


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "8080"))
    with ThreadingHTTPServer(("", port), Endpoint) as server:
        write_line("info", "ready", {"port": server.server_port})
        server.serve_forever()


if __name__ == "__main__":
    main()
