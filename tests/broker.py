"""A real mosquitto on a free loopback port, which a test may stop, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from realparts import require
from waiting import wait_until

START_S = 10.0
ANYBODY = ("allow_anonymous true",)


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """One broker process after another, on one port, with one configuration.

    Args:
        folder: where configuration and log go.
        lines: what stands in the configuration besides the listener.
        listener: lines right after the listener's own, such as its certificates.
    """

    def __init__(
        self, folder: Path, lines: Sequence[str] = ANYBODY, listener: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        self._program = require("mosquitto")
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        # Started by root it would become user `mosquitto`, who can't read a test's folder.
        own = "user root" if os.geteuid() == 0 else ""
        text = [own, f"listener {self.port} 127.0.0.1", *listener, *lines]
        self._config.write_text("\n".join(text) + "\n", "utf-8")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-v", "-c", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(sig)
            self._process.wait(START_S)
            self._process = None

    def freeze(self, frozen: bool = True) -> None:
        """Stop it in its tracks without closing anything, or let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.stop(signal.SIGKILL)


def persistent_broker(folder: Path) -> Mosquitto:
    """A broker that keeps sessions on disk, and holds nothing back from a subscriber."""
    store = folder / "store"
    store.mkdir()
    return Mosquitto(
        folder,
        (
            *ANYBODY,
            "persistence true",
            f"persistence_location {store}/",
            "autosave_interval 1",
            "autosave_on_changes true",
            "max_inflight_messages 0",
            "max_queued_messages 0",
        ),
    )


class Listener:
    """A second client that keeps every message it gets, in order: (topic, payload, retained).

    With a `session` the broker keeps what it misses.
    """

    def __init__(
        self,
        port: int,
        topic: str = "#",
        session: str | None = None,
        qos: int = 1,
        **login: Any,
    ) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self._ready = False
        self._topic, self._qos = topic, qos
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=session or "",
            clean_session=session is None,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if login:
            self.client.username_pw_set(**login)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        self.client.on_disconnect = lambda *_: self.unready()
        self.client.on_message = lambda _c, _u, m: self.messages.append(
            (m.topic, m.payload.decode("utf-8", "replace"), m.retain)
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.wait_ready()

    def _subscribe(self, *_: Any) -> None:
        self.client.subscribe(self._topic, self._qos)

    def unready(self) -> None:
        """The subscription is not in place until it is acknowledged anew."""
        self._ready = False

    def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Wait until the broker has acknowledged the subscription."""
        wait_until(lambda: self._ready, timeout_s, "the subscription")

    def payloads(self, topic: str) -> list[str]:
        """What came on one topic, in order."""
        return [payload for t, payload, _ in list(self.messages) if t == topic]

    def wait_for(self, topic: str, payload: str, timeout_s: float = 10.0) -> None:
        """Wait until the last payload of a topic is this one."""
        wait_until(
            lambda: self.payloads(topic)[-1:] == [payload], timeout_s, f"{payload!r} on {topic}"
        )

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def listening(port: int, topic: str = "#", **options: Any) -> Iterator[Listener]:
    """A listener for the length of a block."""
    listener = Listener(port, topic, **options)
    try:
        yield listener
    finally:
        listener.close()
