"""A proxy between a client and a server that loses one answer, as a network does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536


@dataclass(slots=True)
class FaultProxy:
    """Passes bytes on, until a request of `size` bytes has gone through: its answer is lost, once."""

    server: tuple[str, int]
    size: int
    listener: socket.socket
    lost: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def serve(self) -> None:
        with suppress(OSError):  # of a listener that is closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server:
            sent = [0]
            upward = threading.Thread(target=self._send_up, args=(client, server, sent), daemon=True)
            upward.start()
            with suppress(OSError):
                while chunk := server.recv(_CHUNK):
                    if sent[0] >= self.size and not self.lost.is_set():
                        self.lost.set()
                        break
                    client.sendall(chunk)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            upward.join()

    def _send_up(self, client: socket.socket, server: socket.socket, sent: list[int]) -> None:
        with suppress(OSError):
            while chunk := client.recv(_CHUNK):
                server.sendall(chunk)
                sent[0] += len(chunk)


@contextmanager
def run_fault_proxy(server: tuple[str, int], *, size: int) -> Iterator[FaultProxy]:
    """Listen on a free loopback port in front of a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = FaultProxy(server, size, listener)
        thread = threading.Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
