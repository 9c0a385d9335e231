"""Web: `PUT /payments/<id>` asks for a payment to be settled, `GET /payments/<id>` tells how far that is."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from settlement.journal import about_request, write_line, write_trace
from settlement.ledger import read_payment, write_payment

PAYMENT = re.compile(r"/payments/([a-z0-9-]{1,64})")


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 100  # longer than the proxy keeps an idle connection

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, *_: object) -> None:
        """Say nothing: `_answer` writes the line of each request."""

    def _answer(self, method: str) -> None:
        with about_request(self.headers.get("X-Request-Id") or uuid.uuid4().hex):
            self._answer_request(method)

    def _answer_request(self, method: str) -> None:
        if self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True  # what a body holds is of no interest
        try:
            status, state = _route(method, self.path)
        except Exception as error:  # one request may fail, the server may not
            status, state = 500, "the service failed"
            write_line("error", "request failed", reason=repr(error))
        content = json.dumps({"state": state}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        if self.path != "/ping":
            write_trace(f"{method} {self.path} {status} {state}")
        write_line("debug" if self.path == "/ping" else "info", "request answered", status=status)


def _route(method: str, path: str) -> tuple[int, str]:
    if (method, path) == ("GET", "/ping"):
        return 200, "ok"
    found = PAYMENT.fullmatch(path)
    if found is None:
        return 404, "no such page"
    known = read_payment(found[1])
    if method == "PUT" and known is None:
        write_payment(found[1], "asked for")
        return 202, "asked for"
    return (200, known) if known else (404, "no such payment")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8443"))), Endpoint) as server:
        write_line("info", "ready", port=server.server_port)
        server.serve_forever()


if __name__ == "__main__":
    main()
