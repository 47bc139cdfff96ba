"""What an outage of an hour costs the SD card, by the kernel's own count.

python -m pytest -n0 -s tests/reliability/test_writes.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.config import OutboxConfig
from edgeemo.delivery.courier import Courier
from edgeemo.delivery.messages import EventWriter, encode
from edgeemo.delivery.outbox import Outbox
from edgeemo.delivery.standing import Standing
from edgeemo.types import Message
from examples import an_event

HOUR_S = 3600
EVERY_S = 2
TICK_S = 0.5
A_PAGE = 4096


def written_bytes() -> int:
    """What this process has caused to be sent to a disk."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


class Taker:
    """A connection to a broker that takes everything."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def publish(self, message: Message) -> int:
        """Take a message."""
        self.sent.append(message)
        return len(self.sent)


def test_outage_of_an_hour_is_bearable_for_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An event every two seconds for an hour of made-up time, real events on a real file system."""
    outbox = Outbox(tmp_path / "outbox", OutboxConfig())
    courier = Courier(outbox, Standing([]), OutboxConfig())
    writer = EventWriter("porch", "camera", "0123456789abcdef")
    before, now = written_bytes(), 0.0
    for number in range(1, HOUR_S // EVERY_S + 1):
        event = writer.write(an_event(number), "2026-11-20T14:00:00.000Z", is_synced=True)
        courier.take(number, "edgeemo/porch/camera/event", encode(event), now)
        for _ in range(int(EVERY_S / TICK_S)):
            courier.step(now)
            now += TICK_S
    during, during_bytes = courier.disk_writes, written_bytes() - before
    taker, answered = Taker(), 0
    courier.up(taker, 20)
    while courier.queued:
        courier.step(now)
        while answered < len(taker.sent):
            answered += 1
            courier.acknowledged(answered, None, now)
        now += TICK_S
    courier.put_away(now)
    after, after_bytes = courier.disk_writes - during, written_bytes() - before - during_bytes
    assert during <= HOUR_S // EVERY_S
    assert after <= HOUR_S // EVERY_S // 20 + 10
    # An event's own page, and now and then a page written back from the log.
    assert during_bytes <= 6 * A_PAGE * during
    with capsys.disabled():
        print(
            f"\nan hour, {during} events: {during} writes, {during_bytes / 1e6:.1f} MB; "
            f"delivering them: {after} writes, {after_bytes / 1e6:.1f} MB"
        )
