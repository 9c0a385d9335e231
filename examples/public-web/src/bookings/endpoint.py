"""Endpoint: answer requests by a table of functions, each with the id that the platform's proxy gave it."""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bookings.journal import about_request, write_line

MOST_BYTES = 16 * 1024
# Status, type of the content, content.
Answer = tuple[int, str, bytes]
Routes = Mapping[tuple[str, str], Callable[[bytes], Answer]]


class RefusedError(Exception):
    """A request that cannot be served, with the reason for who sent it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def as_json(status: int, data: object) -> Answer:
    return status, "application/json", json.dumps(data).encode()


def serve(routes: Routes) -> None:
    """Answer at PORT until the process is told to end."""

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 75  # longer than the proxy keeps an idle connection

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def log_message(self, *_: object) -> None:
            """Say nothing: `_answer` writes the line of each request."""

        def _answer(self, method: str) -> None:
            with about_request(self.headers.get("X-Request-Id") or uuid.uuid4().hex):
                self._answer_request(method, self.path.partition("?")[0])

        def _answer_request(self, method: str, path: str) -> None:
            try:
                status, kind, content = _route(routes, method, path, self._body())
            except RefusedError as refused:
                status, kind, content = as_json(refused.status, {"error": str(refused)})
            except Exception as error:  # one request may fail, the server may not
                status, kind, content = as_json(500, {"error": "the service failed"})
                write_line("error", "request failed", reason=repr(error))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            level = "debug" if path.endswith("/ping") else "info"
            write_line(level, "request answered", method=method, path=path, status=status)

        def _body(self) -> bytes:
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > MOST_BYTES:
                self.close_connection = True
                raise RefusedError(413, f"a body has at most {MOST_BYTES} bytes")
            return self.rfile.read(int(length))

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Endpoint) as server:
        write_line("info", "ready", port=server.server_port)
        server.serve_forever()


def _route(routes: Routes, method: str, path: str, body: bytes) -> Answer:
    answer = routes.get((method, path))
    if answer is None:
        raise RefusedError(404, "no such page")
    return answer(body)
