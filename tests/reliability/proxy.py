"""A wire between device and broker that a test can cut, block, slow down, or leave silent."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from broker import free_port

CHUNK = 65_536


class Proxy:
    """Takes connections on loopback and passes bytes on to a port, as its switches say.

    `is_open`: takes connections; closed it refuses the port and cuts what is connected.
    `is_deaf`: takes connections and bytes, and passes nothing on, in either direction.
    `delay_s`: what the broker says arrives so much later.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._wires: list[socket.socket] = []
        self._server: socket.socket | None = None
        self.is_deaf = False
        self.delay_s = 0.0
        self.connections = 0
        self.port = free_port()

    def open(self) -> None:
        """Take connections."""
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", self.port))
        server.listen(512)
        self._server = server
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and cut those there are."""
        for sock in (self._server, *self._wires):
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()
        self._server, self._wires = None, []

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            try:
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._wires += [client, broker]
            for source, sink, is_answer in ((client, broker, False), (broker, client, True)):
                thread = threading.Thread(
                    target=self._pass_on, args=(source, sink, is_answer), daemon=True
                )
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self.is_deaf:
                    continue
                if is_answer and self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(data)
        if self.is_deaf:
            return  # the other side never learns that this one has gone
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def __enter__(self) -> Proxy:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
