"""An EC2 instance that boots for real: a throw-away Debian, metadata at the address of EC2, AWS behind its real names.

In: user data, a server that stands for AWS, files of the image.    Out: an instance that has run its user data.
What stands in: cloud-init (a unit that runs the script as it does), the CloudWatch agent and cfn-signal, which write
down what they are asked. Real are systemd, Ansible, nginx, the AWS CLI and whatever else the script and the roles call.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from select import select
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.debian import Guest, boot
from tests.ministack import REGION, Keys, MiniStack

INSTANCE = "i-0a1b2c3d4e5f60718"
SIGNALS = "/var/log/signals"
AGENT_CALLS = "/var/log/agent-calls"
AWS_CALLS = "/var/log/aws-calls"
_SERVICES = ("autoscaling", "cloudformation", "elasticloadbalancing", "logs", "monitoring", "s3", "sns", "sqs", "ssm")
_UNIT = """[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
TasksMax=infinity
TimeoutStartSec=0
ExecStart=/var/lib/cloud/instance/scripts/part-001
StandardOutput=append:/var/log/cloud-init-output.log
StandardError=inherit
"""
_WRITE_DOWN = '#!/bin/sh\necho "$@" >> {}\n'
# Asks AWS like the real one, and remembers when it was asked for what: not all of that can be asked of the emulator.
_AWS = '#!/bin/sh\necho "$(date +%s) $*" >> {}\nexec /usr/bin/aws "$@"\n'
_AGENT = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
_PATIENCE = 120.0


@dataclass(slots=True)
class Metadata:
    """What the metadata service tells whoever has a token. A test may change it while the instance runs."""

    told: dict[str, str]
    asked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Instance:
    guest: Guest
    metadata: Metadata

    def start(self) -> str:
        """Run the user data to its end, and return how it ended: "success", "exit-code"."""
        self.guest.run("systemctl", "start", "--no-block", "cloud-final.service")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            shown = self.guest.run("systemctl", "show", "--property=ActiveState,Result", "cloud-final.service").stdout
            state = dict(line.split("=", 1) for line in shown.splitlines())
            if state["ActiveState"] in {"active", "failed"}:
                return state["Result"]
            time.sleep(0.1)
        raise AssertionError(f"the start does not end:\n{self.log()}")

    def log(self) -> str:
        return self.guest.read("/var/log/cloud-init-output.log")

    def signals(self) -> list[str]:
        """What CloudFormation was told, a line each time."""
        return self.guest.read(SIGNALS).splitlines() if self.guest.path(SIGNALS).exists() else []

    def calls(self) -> list[str]:
        """What was asked of AWS, a line each time: the second, then the arguments of the CLI."""
        return self.guest.read(AWS_CALLS).splitlines()

    def ask(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", port)
        connection.sock = self.guest.connect(port)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@contextmanager
def launch(
    folder: Path, user_data: str, server: MiniStack, keys: Keys, bucket: str, files: Mapping[str, str] | None = None
) -> Iterator[Instance]:
    """Boot an instance that has not run its user data yet. Raises NoDebian."""
    image = {
        path: ((content, 0o644))
        for path, content in {
            "/etc/hosts": _hosts(bucket),
            "/usr/lib/python3/dist-packages/awscli/botocore/cacert.pem": server.certificate.read_text(),
            "/etc/systemd/system/cloud-final.service": _UNIT,
            "/var/lib/cloud/data/instance-id": f"{INSTANCE}\n",
            **(files or {}),
        }.items()
    }
    programs = {
        "/var/lib/cloud/instance/scripts/part-001": user_data,
        "/opt/aws/bin/cfn-signal": _WRITE_DOWN.format(SIGNALS),
        _AGENT: _WRITE_DOWN.format(AGENT_CALLS),
        "/usr/local/bin/aws": _AWS.format(AWS_CALLS),
    }
    laid = {path: (content.encode(), mode) for path, (content, mode) in image.items()}
    laid |= {path: (content.encode(), 0o755) for path, content in programs.items()}
    metadata = Metadata(
        {
            "instance-id": INSTANCE,
            "placement/region": REGION,
            "autoscaling/target-lifecycle-state": "InService",
            "iam/security-credentials/": "role",
            "iam/security-credentials/role": json.dumps(
                {
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "AccessKeyId": keys[0],
                    "SecretAccessKey": keys[1],
                    "Token": "",
                    "Expiration": "2099-01-01T00:00:00Z",
                    "LastUpdated": "2026-01-01T00:00:00Z",
                }
            ),
        }
    )
    with ExitStack() as stack:
        guest = stack.enter_context(boot(folder, laid))
        stack.enter_context(_serve_metadata(guest.listen("169.254.169.254", 80), metadata))
        stack.enter_context(_forward(guest.listen("127.0.0.1", 443), urlsplit(server.endpoint).port or 443))
        yield Instance(guest, metadata)


def _hosts(bucket: str) -> str:
    names = [f"{service}.{REGION}.amazonaws.com" for service in _SERVICES]
    return f"127.0.0.1 localhost {' '.join(names)} {bucket}.s3.{REGION}.amazonaws.com\n"


@contextmanager
def _serve_metadata(listening: socket.socket, metadata: Metadata) -> Iterator[None]:
    """Answer as the metadata service does, version 2."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(200 if self.path == "/latest/api/token" else 404, "token")

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != "token":
                return self._answer(401, "")
            path = self.path.removeprefix("/latest/meta-data/")
            metadata.asked.append(path)
            return self._answer(200 if path in metadata.told else 404, metadata.told.get(path, ""))

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with _on(HTTPServer(("127.0.0.1", 0), Endpoint, bind_and_activate=False), listening):
        yield


@contextmanager
def _forward(listening: socket.socket, port: int) -> Iterator[None]:
    """Lead connections of an instance to a server on this machine."""

    class PassOn(BaseRequestHandler):
        def handle(self) -> None:
            near: socket.socket = self.request
            with socket.create_connection(("127.0.0.1", port)) as far:
                others = {near: far, far: near}
                while others:
                    for source in select(list(others), [], [])[0]:
                        try:
                            data = source.recv(65536)
                            others[source].sendall(data)
                        except OSError:
                            return  # one side has gone
                        if not data:
                            return

    with _on(ThreadingTCPServer(("127.0.0.1", 0), PassOn, bind_and_activate=False), listening):
        yield


@contextmanager
def _on(server: TCPServer, listening: socket.socket) -> Iterator[None]:
    """Let a server take what comes to a socket that listens already."""
    server.socket.close()
    server.socket = listening
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
