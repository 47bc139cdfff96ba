"""Nothing grows: memory, threads, file handles, tables.

RELIABILITY_CHANGES=10000 RELIABILITY_FRAMES=1000000 python -m pytest -n0 -s tests/reliability/test_steady.py
"""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import psutil
import pytest

from broker import Mosquitto
from edgeemo.config import OutboxConfig
from edgeemo.delivery.broker import Trouble
from edgeemo.delivery.courier import Courier
from edgeemo.delivery.link import Link
from edgeemo.delivery.messages import encode, retained
from edgeemo.delivery.outbox import Outbox
from edgeemo.delivery.standing import Standing
from edgeemo.delivery.state import CameraState, StateThrottle
from edgeemo.types import Message
from examples import LABELS, a_config, a_face

CHANGES = int(os.environ.get("RELIABILITY_CHANGES", "300"))
FRAMES = int(os.environ.get("RELIABILITY_FRAMES", "20000"))
FRAME_S = 0.1
WARM_UP = 100
MEMORY_MB = 4.0
"""What the allocator may keep beyond the first rounds: far below what a leak would add up to."""

LARGEST_BYTES = 5_000_000
"""SQLite's log is written back after a thousand pages of 4096 bytes; the rest is small."""

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]


def memory_mb() -> float:
    """What this process holds, after the collector has run."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


class Leaver:
    """Logs in, subscribes, and leaves."""

    def __init__(self) -> None:
        self.ups = 0

    def on_up(self, link: Link, window: int, largest_bytes: int) -> None:
        """In: say something, ask for something, and go."""
        assert window > 0 < largest_bytes
        self.ups += 1
        link.subscribe("edgeemo/porch/+/set")
        link.publish(retained("edgeemo/porch/status", "online"))
        link.close()

    def on_down(self, link: Link | None, trouble: Trouble) -> None:
        """Not told by a link itself."""

    def on_ack(self, link: Link, mid: int, refusal: str | None) -> None:
        """Taken."""

    def on_deaf(self, wanted: str, refusal: str) -> None:
        """Nothing to hear anyway."""

    def on_message(self, topic: str, payload: str, *, is_retained: bool) -> None:
        """Nothing to hear."""


def test_connections_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real connections to a real broker, one after another: handles, threads and memory stay."""
    leaver, me = Leaver(), psutil.Process()
    will = retained("edgeemo/porch/status", "offline")
    before = (0.0, 0, 0)
    with Mosquitto(tmp_path) as broker:
        config = a_config(tmp_path, broker.port)
        for number in range(CHANGES + WARM_UP):
            if number == WARM_UP:
                before = (memory_mb(), me.num_fds(), threading.active_count())
            Link(config, "changing", will, leaver, is_version_5=True).serve(threading.Event())
    after = (memory_mb(), me.num_fds(), threading.active_count())
    assert leaver.ups == CHANGES + WARM_UP
    assert after[0] - before[0] < MEMORY_MB
    assert after[1] <= before[1]
    assert after[2] <= before[2]
    with capsys.disabled():
        print(
            f"\n{CHANGES} connections: {after[0] - before[0]:+.1f} MB, handles and threads as before"
        )


class Wire:
    """A connection that takes everything and counts."""

    def __init__(self) -> None:
        self.sent = 0

    def publish(self, _message: Message, /) -> int:
        """Take a message."""
        self.sent += 1
        return self.sent


def test_frames_and_connection_changes_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a frame costs the delivery, without the socket and with time made up.

    Ten frames a second with a face that flickers, an event every tenth frame, a connection that
    goes every hundredth and comes back two seconds later; so the outbox is used all the time.
    """
    outbox = Outbox(tmp_path / "outbox", OutboxConfig())
    standing = Standing([retained("s", "")])
    courier = Courier(outbox, standing, OutboxConfig())
    throttle = StateThrottle(1.0)
    courier.open()
    wire: Wire | None = None
    changes, before = 0, 0.0
    for frame in range(FRAMES):
        now = frame * FRAME_S
        if frame == FRAMES // 10:
            before = memory_mb()
        if frame % 100 == 20:
            wire, changes = Wire(), changes + 1
            courier.up(wire, 20)
        elif frame % 100 == 0 and wire:
            wire = None
            courier.down()
        if frame % 10 == 0:
            courier.take(frame, "e", encode({"frame": frame}), now)
        throttle.offer(CameraState.of([a_face(1, LABELS[frame % 2])]))
        if (state := throttle.take(now)) is not None:
            standing.set(retained("s", encode(state.as_dict())))
        sent = wire.sent if wire else 0
        courier.step(now)
        for mid in range(sent + 1, (wire.sent if wire else 0) + 1):
            courier.acknowledged(mid, None, now)
    growth = memory_mb() - before
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert courier.queued <= 20
    assert courier.delivered >= FRAMES // 10 - 20
    assert growth < MEMORY_MB
    assert size <= LARGEST_BYTES
    with capsys.disabled():
        print(
            f"\n{FRAMES} frames, {changes} connections: {growth:+.1f} MB, {size / 1e6:.1f} MB on disk, "
            f"{courier.disk_writes} writes for {courier.delivered} events"
        )
