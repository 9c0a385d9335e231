"""A proxy between a client and an S3 server that does to requests what networks do.

It ends TLS on both sides, so that it sees where a request begins, what is a header and what is a body.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Literal

# Where a connection is reset, what is cut short or changed, and `stalled`, which is before the answer.
Place = Literal[
    "before the request",
    "in the headers",
    "in the body",
    "before the answer",
    "in the answer's headers",
    "in the answer's body",
    "body changed",
    "answer headers cut short",
    "answer cut short",
    "answer changed",
    "stalled",
]
_GOES_ON = ("Transfer-Encoding", "Connection")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to requests of a method whose target holds a text: the first `times` of them, or all."""

    place: Place
    method: str
    target: str
    times: int | None = None
    seconds: float = 0.0


class _Reset(Exception):
    """The connection to the client ends here."""


@dataclass(slots=True)
class FaultProxy:
    """Passes requests on; `fault` may be set at any time, and `happened` counts."""

    server: tuple[str, int]
    certificate: Path
    listener: socket.socket
    fault: Fault | None = None
    happened: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    _choosing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.listener.getsockname()[1]}"

    def inject(self, fault: Fault | None) -> None:
        with self._choosing:
            self.fault, self.happened = fault, 0

    def serve(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.certificate.with_name("key.pem"))
        with suppress(OSError):  # of a listener that is closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve_client, args=(client, context), daemon=True).start()

    def _serve_client(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as client:
            server = http.client.HTTPSConnection(*self.server, context=self._trust(), timeout=30)
            try:
                with client.makefile("rb") as reader:
                    while self._pass_on(client, reader, server):
                        pass
            except _Reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finally:
                server.close()

    def _pass_on(self, client: ssl.SSLSocket, reader: BufferedReader, server: http.client.HTTPSConnection) -> bool:
        """Pass one request on and its answer back; False where the connection ends in good order."""
        lines = list(iter(lambda: reader.readline().removesuffix(b"\r\n"), b""))
        if not lines:
            return False
        head = b"".join(line + b"\r\n" for line in lines)
        method, target, _ = lines[0].decode("latin-1").split(" ", 2)
        headers = [line.decode("latin-1").split(": ", 1) for line in lines[1:]]
        named = {name.lower(): value for name, value in headers}
        fault = self._choose(method, target)
        place = fault.place if fault else None
        if place == "before the request":
            raise _Reset
        if place == "in the headers":
            self._send_part(head[: len(head) // 2])
        if "expect" in named:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = reader.read(int(named.get("content-length", 0)))
        if place == "in the body":
            self._send_part(head + b"\r\n" + body[: len(body) // 2])
        server.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() != "expect":
                server.putheader(name, value)
        server.endheaders(_change(body) if place == "body changed" else body)
        answer = server.getresponse()
        content = answer.read()
        if fault and place == "stalled":
            self.closing.wait(fault.seconds)
        if place == "before the answer":
            raise _Reset
        status = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        kept = [(name, value) for name, value in answer.getheaders() if name.title() not in _GOES_ON]
        if content and not answer.getheader("Content-Length"):
            kept.append(("Content-Length", str(len(content))))
        said = (status + "".join(f"{name}: {value}\r\n" for name, value in kept) + "\r\n").encode("latin-1")
        if place == "in the answer's headers":
            client.sendall(said[: len(said) // 2])
            raise _Reset
        if place == "answer headers cut short":
            client.sendall(status.encode("latin-1"))
            return False
        if place in ("in the answer's body", "answer cut short"):
            client.sendall(said + content[: len(content) // 2])
            if place == "answer cut short":
                return False
            raise _Reset
        client.sendall(said + (_change(content) if place == "answer changed" else content))
        return True

    def _choose(self, method: str, target: str) -> Fault | None:
        with self._choosing:
            fault = self.fault
            if fault is None or method != fault.method or fault.target not in target:
                return None
            if fault.times is not None and self.happened >= fault.times:
                return None
            self.happened += 1
            return fault

    def _send_part(self, part: bytes) -> None:
        """Let the server see a part of a request, and then its client gone."""
        with socket.create_connection(self.server) as plain, self._trust().wrap_socket(plain) as server:
            server.sendall(part)
        raise _Reset

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False
        return context


def _change(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@contextmanager
def run_fault_proxy(endpoint: str, certificate: Path) -> Iterator[FaultProxy]:
    """Listen on a free loopback port in front of a server that has this certificate, its key beside it."""
    host, _, port = endpoint.removeprefix("https://").partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = FaultProxy((host, int(port)), certificate, listener)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
