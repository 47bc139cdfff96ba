"""A device without a camera: the real publisher in a process of its own, with events made up.

As a program it reads settings as JSON from its first argument, makes the events a second that its
second one says, and prints each event's JSON when it is accepted for delivery.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).resolve().parent.parent
FACES = 5


def main(settings: str, rate: float) -> None:
    """Make events until SIGTERM comes."""
    from edgeemo.config import Config
    from edgeemo.delivery.mqtt import Publisher
    from examples import LABELS, an_event

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    publisher = Publisher(
        Config.model_validate_json(settings),
        LABELS,
        on_enabled=lambda _: None,
        on_accepted=lambda text: print(text, flush=True),
    )
    publisher.start()
    number = 0
    while not stopping.wait(1 / rate):
        publisher.check()
        publisher.event(an_event(number % FACES))
        number += 1
    publisher.stop(1.5)


class Device:
    """Such a process for the length of a `with` block, and what it called accepted."""

    def __init__(self, state_dir: Path, port: int, rate: float = 50.0, **mqtt: Any) -> None:
        self.state_dir = state_dir
        self.accepted: list[dict[str, Any]] = []
        self.log: list[str] = []
        settings = {
            "device": "porch",
            "state_dir": str(state_dir),
            "mqtt": {"host": "127.0.0.1", "port": port} | mqtt,
        }
        root = TESTS.parent
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reliability.device", json.dumps(settings), str(rate)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=TESTS,
            env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{TESTS}"},
        )
        self.pid = self._process.pid
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.endswith("\n"):  # a kill may cut the last line short: it was not said
                self.accepted.append(json.loads(line))

    def _read_log(self) -> None:
        assert self._process.stderr
        self.log.extend(self._process.stderr)

    def end(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; returns its exit code once all that it said is read."""
        self._process.send_signal(sig)
        code = self._process.wait(20.0)
        for reader in self._readers:
            reader.join(10.0)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)


def sequence(event: dict[str, Any]) -> tuple[str, int]:
    """(run, number) out of an event's id."""
    _, boot, number = event["id"].rsplit("-", 2)
    return boot, int(number)


def wait_s(seconds: float) -> None:
    """Let real time pass: what is tested happens in other processes at moments of their own."""
    time.sleep(seconds)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
