"""Two hundred devices at one broker, which is restarted in the middle.

RELIABILITY_FLEET=200 python -m pytest -n0 -s tests/reliability/test_fleet.py
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker import Listener, persistent_broker
from reliability.device import TESTS, wait_s
from waiting import wait_until

SIZE = int(os.environ.get("RELIABILITY_FLEET", "20"))
A_PROCESS = 50
RATE = 1.0
CALM_S = 20.0 if SIZE >= 100 else 4.0
AWAY_S = 5.0

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


class Counting(Listener):
    """Notes when what arrives: (time by the wall clock, topic, payload)."""

    def __init__(self, port: int) -> None:
        self.arrivals: list[tuple[float, str, str]] = []
        super().__init__(port, "edgeemo/#", session="counter")
        self.client.on_message = self._note

    def _note(self, _client: object, _userdata: object, message: Any) -> None:
        self.arrivals.append((time.time(), message.topic, message.payload.decode()))

    def events(self, since: float = 0.0) -> list[tuple[float, dict[str, Any]]]:
        """The events that came, with the moment of their arrival."""
        rows = list(self.arrivals)
        return [(at, json.loads(p)) for at, t, p in rows if at >= since and t.endswith("/event")]

    def online(self, since: float) -> dict[str, float]:
        """When each device was first heard to be online after a moment."""
        seen: dict[str, float] = {}
        for at, topic, payload in list(self.arrivals):
            if at >= since and topic.endswith("/status") and payload == "online":
                seen.setdefault(topic, at)
        return seen


@contextmanager
def sailing(port: int, folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """The fleet's processes for the length of a block."""
    with ExitStack() as waiting_for_each:
        fleet = [waiting_for_each.enter_context(process) for process in start(port, folder)]
        try:
            yield fleet
        finally:
            for process in fleet:
                process.kill()


def start(port: int, folder: Path) -> list[subprocess.Popen[str]]:
    """Launch the fleet's processes."""
    env = os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    command = [sys.executable, "-m", "reliability.fleet", str(port)]
    return [
        subprocess.Popen(
            [*command, str(first), str(min(A_PROCESS, SIZE - first)), str(RATE), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a line a device whenever the broker is away
            text=True,
            cwd=TESTS,
            env=env,
        )
        for first in range(0, SIZE, A_PROCESS)
    ]


def latencies_ms(events: list[tuple[float, dict[str, Any]]]) -> list[float]:
    """From the event's own time to its arrival."""
    return [1000 * (at - datetime.fromisoformat(e["time"]).timestamp()) for at, e in events]


def test_fleet_survives_a_restart_of_its_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every device delivers, loses nothing over the restart, and does not come back with all the others."""
    with (
        persistent_broker(tmp_path) as broker,
        closing(Counting(broker.port)) as listener,
        sailing(broker.port, tmp_path / "states") as fleet,
    ):
        wait_until(lambda: len(listener.online(0.0)) == SIZE, 120.0, "the fleet")
        calm_from = time.time()
        wait_s(CALM_S)
        calm = listener.events(calm_from)
        messages = sum(at >= calm_from for at, _, _ in listener.arrivals) / CALM_S
        broker.stop()  # by SIGTERM: it saves what it has acknowledged
        wait_s(AWAY_S)
        broker.start()
        back_from = time.time()
        wait_until(lambda: len(listener.online(back_from)) == SIZE, 180.0, "all of them back")
        wait_s(2.0)
        for process in fleet:
            process.send_signal(signal.SIGTERM)
        outputs = [process.communicate(timeout=60.0)[0] for process in fleet]
        wait_s(1.0)
    figures = [json.loads(output) for output in outputs]
    back = [at - back_from for at in listener.online(back_from).values()]
    seconds = Counter(int(at) for at in back)
    numbers = Counter(e["id"].rpartition("-")[0] for _, e in events_once(listener))
    last = {
        e["id"].rpartition("-")[0]: int(e["id"].rpartition("-")[2]) for _, e in listener.events()
    }
    assert numbers == last, "an event is missing"
    assert max(back) - min(back) > 1.0
    assert max(seconds.values()) <= 0.6 * SIZE
    late = sorted(latencies_ms(calm))
    cpu = 100 * sum(f["cpu_s"] / f["wall_s"] for f in figures) / SIZE
    with capsys.disabled():
        print(
            f"\n{SIZE} devices: {messages:.0f} messages/s, latency median "
            f"{statistics.median(late):.1f} ms, 99 % {late[int(0.99 * len(late))]:.1f} ms; "
            f"{cpu:.2f} % of a core a device; broker away {AWAY_S:.0f} s, back within "
            f"{min(back):.1f} to {max(back):.1f} s, busiest second {max(seconds.values())} devices"
        )


def events_once(listener: Counting) -> list[tuple[float, dict[str, Any]]]:
    """Each event at its first arrival."""
    first: dict[str, tuple[float, dict[str, Any]]] = {}
    for at, event in listener.events():
        first.setdefault(event["id"], (at, event))
    return list(first.values())
