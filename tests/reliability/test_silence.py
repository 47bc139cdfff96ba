"""Brokers that are slow, that never answer, and wires that fall silent: noticed in time, nobody waits.

python -m pytest -n0 -s tests/reliability/test_silence.py
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker import Mosquitto, listening
from edgeemo.delivery.mqtt import Publisher
from edgeemo.delivery.state import CameraState
from examples import LABELS, a_config, a_face, an_event
from reliability.device import wait_s
from reliability.proxy import Proxy
from waiting import wait_until

EVENT = "edgeemo/porch/camera/event"
KEEPALIVE_S = 6
FRAME_S = 1 / 30
STALL_MS = 1000.0
"""Whoever waits for a broker waits for an answer after two seconds or for a time-out of many; whoever
does not is held up for some 15 ms here, and not for a second on the busiest machine."""

pytestmark = pytest.mark.real


class FrameLoop:
    """Does thirty times a second what the daemon's loop asks of the publisher, and times each call.

    Thread of its own; `longest_ms` is the longest that one frame was held up.
    """

    def __init__(self, publisher: Publisher) -> None:
        self.longest_ms = 0.0
        self.ids: list[str] = []
        self._publisher = publisher
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        frame = 0
        while not self._stopping.wait(FRAME_S):
            frame += 1
            started = time.perf_counter()
            self._publisher.state(CameraState.of([a_face(1, LABELS[frame % 2])]))
            self.ids.append(self._publisher.event(an_event(frame))["id"])
            self._publisher.check()
            self.longest_ms = max(self.longest_ms, 1000 * (time.perf_counter() - started))

    def stop(self) -> None:
        """Let the last frame finish."""
        self._stopping.set()
        self._thread.join()


@contextmanager
def watched(folder: Path, port: int) -> Iterator[tuple[Publisher, FrameLoop]]:
    """A publisher and the loop that feeds it."""
    config = a_config(folder, port, mqtt={"keepalive_s": KEEPALIVE_S})
    publisher = Publisher(config, LABELS, on_enabled=lambda _: None)
    publisher.start()
    loop = FrameLoop(publisher)
    try:
        yield publisher, loop
    finally:
        loop.stop()
        publisher.stop(1.5)


def report(capsys: pytest.CaptureFixture[str], what: str, loop: FrameLoop) -> None:
    """Print the figure of a run, and hold it against what nobody exceeds who waits for no broker."""
    with capsys.disabled():
        print(f"\n{what}: {len(loop.ids)} frames, the longest held up {loop.longest_ms:.1f} ms")
    assert loop.longest_ms < STALL_MS


def test_slow_broker_gets_everything_without_being_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Every answer takes two seconds: events arrive in order, the connection stays, nothing stalls."""
    with Mosquitto(tmp_path) as broker, Proxy(broker.port) as wire:
        wire.delay_s = 2.0
        with listening(broker.port, EVENT) as listener:
            with watched(tmp_path / "state", wire.port) as (publisher, loop):
                wait_until(lambda: publisher.is_connected, 30.0, "the connection")
                wait_s(12.0)
                loop.stop()
                wire.delay_s = 0.0
                wait_until(lambda: len(listener.messages) >= len(loop.ids), 60.0, "all events")
            ids = [json.loads(p)["id"] for p in listener.payloads(EVENT)]
    assert ids == loop.ids
    assert wire.connections == 1
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    report(capsys, "answers after 2 s", loop)


def test_broker_that_never_answers_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the connection and says nothing: said in one line, tried again, nothing stalls."""
    with Mosquitto(tmp_path) as broker, Proxy(broker.port) as wire:
        wire.is_deaf = True
        with watched(tmp_path / "state", wire.port) as (_, loop):
            wait_until(lambda: wire.connections >= 2, 40.0, "a second attempt")
    assert sum("does not answer as an MQTT broker" in m for m in caplog.messages) == 1
    report(capsys, "no answer at all", loop)


def test_half_open_connection_is_noticed_within_the_keep_alive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packets vanish, nothing is closed: noticed within one and a half keep-alives; no event is lost."""
    with (
        Mosquitto(tmp_path) as broker,
        Proxy(broker.port) as wire,
        listening(broker.port, EVENT) as listener,
    ):
        with watched(tmp_path / "state", wire.port) as (publisher, loop):
            wait_until(lambda: len(listener.messages) > 30, 20.0, "the first events")
            wire.is_deaf = True
            fell_silent = time.monotonic()
            wait_until(lambda: not publisher.is_connected, 3.0 * KEEPALIVE_S, "the loss")
            noticed_s = time.monotonic() - fell_silent
            wire.is_deaf = False
            wait_until(lambda: publisher.is_connected, 30.0, "the connection")
            loop.stop()
            last = loop.ids[-1]
            wait_until(lambda: last in "".join(listener.payloads(EVENT)), 30.0, "the last event")
        came = list(dict.fromkeys(json.loads(p)["id"] for p in listener.payloads(EVENT)))
    assert came == loop.ids
    assert noticed_s <= 1.5 * KEEPALIVE_S + 2.0
    report(capsys, f"half-open, noticed after {noticed_s:.1f} s of {1.5 * KEEPALIVE_S:.1f}", loop)
