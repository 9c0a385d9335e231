"""nginx on a scratch machine's configuration, a process behind it, and a client before it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.machine import Machine


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    seen: Mapping[str, str]


@contextmanager
def run_proxy(machine: Machine, nginx: str) -> Iterator[Machine]:
    """Run nginx on the machine's configuration, and a process behind it."""
    process = ThreadingHTTPServer(("127.0.0.1", port_of(machine) + 10000), EchoHeaders)
    threading.Thread(target=process.serve_forever, daemon=True).start()
    try:
        with run_nginx(machine, nginx):
            yield machine
    finally:
        process.shutdown()
        process.server_close()


@contextmanager
def run_nginx(machine: Machine, nginx: str) -> Iterator[None]:
    """Run nginx alone on the machine's configuration."""
    running = subprocess.Popen([nginx, "-c", str(machine.root / "etc/nginx/nginx.conf"), "-g", "daemon off;"])
    try:
        wait_for(port_of(machine))
        yield
    finally:
        running.terminate()
        running.wait(10)


def port_of(machine: Machine) -> int:
    """Return the port that nginx listens on; the process behind it has one that is 10000 higher."""
    port: int = json.loads(machine.read("etc/platform/instance.json"))["port"]
    return port


class EchoHeaders(BaseHTTPRequestHandler):
    """Stand for the service's process: answer with the headers that arrived."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "the process's own idea")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Read all of the body; below `/slow/` answer after as many seconds as the path says."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def ask(machine: Machine, path: str, headers: Mapping[str, str]) -> Answer:
    request = urllib.request.Request(f"http://127.0.0.1:{port_of(machine)}{path}", headers=dict(headers))
    with urllib.request.urlopen(request, timeout=10) as response:
        return Answer(response.status, dict(response.headers), json.loads(response.read()))


def send(machine: Machine, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Post a body and return the status of the answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port_of(machine)}{path}", data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def wait_for_line(machine: Machine, text: str) -> str:
    for _ in range(100):
        log = machine.read("var/log/nginx/access.json")
        if text in log:
            return log
        time.sleep(0.02)
    raise AssertionError(f"{text} is not in the access log")
