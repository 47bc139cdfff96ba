"""A real mosquitto on loopback, and a subscriber that remembers what came."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from real.machine import wait_until
from realparts import require

HOST = "127.0.0.1"


class Listener:
    """Hears everything on one broker."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._heard: dict[str, list[str]] = defaultdict(list)
        self._changed = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._remember
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.connect(HOST, port)
        self._client.loop_start()

    def _remember(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self._heard[message.topic].append(message.payload.decode())

    def all(self, topic: str) -> list[str]:
        """Every payload of a topic so far, the oldest first."""
        with self._changed:
            return list(self._heard[topic])

    def last(self, topic: str) -> str | None:
        """The latest payload of a topic; None if there was none."""
        return next(reversed(self.all(topic)), None)

    def objects(self, topic: str) -> list[dict[str, Any]]:
        """Every payload of a topic, decoded."""
        return [json.loads(payload) for payload in self.all(topic)]

    def say(self, topic: str, payload: str) -> None:
        """Publish something, and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def mosquitto(folder: Path, settings: str = "allow_anonymous true\n") -> Iterator[int]:
    """Run a broker on a free port of loopback; its files lie in `folder`, which any user may read."""
    program = require("mosquitto")
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} {HOST}\n{settings}", encoding="utf-8")
    with subprocess.Popen(
        [program, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as broker:
        try:
            wait_until(lambda: is_open(port), "mosquitto accepts connections", 10)
            yield port
        finally:
            broker.terminate()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
