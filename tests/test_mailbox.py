"""One slot between two threads: overwriting for a camera, waiting for a file."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgeemo.errors import EndOfSource
from edgeemo.mailbox import Mailbox
from edgeemo.types import Frame

LONG_S = 20.0
"""Longer than anything here takes: reached only by a test that fails."""


def frame(index: int) -> Frame:
    """A frame that is told apart by its index."""
    return Frame(image=np.zeros((4, 4, 3), np.uint8), at=float(index), index=index)


def test_mailbox_gives_the_newest_and_counts_what_was_overwritten() -> None:
    """A camera that is faster than its reader loses the older frames, and says how many."""
    mailbox = Mailbox()
    for index in range(4):
        assert mailbox.put(frame(index), wait=False)
    taken = mailbox.take(LONG_S)
    assert taken is not None
    assert (taken.index, mailbox.dropped) == (3, 3)


def test_mailbox_take_gives_none_when_nothing_comes() -> None:
    """The reader is not held for longer than it wished."""
    assert Mailbox().take(0.0) is None


def test_mailbox_hands_over_each_frame_when_the_writer_waits() -> None:
    """A file's frames all arrive, in order, however slow the reader."""
    mailbox = Mailbox()
    writer = threading.Thread(target=lambda: [mailbox.put(frame(i), wait=True) for i in range(50)])
    writer.start()
    taken = [mailbox.take(LONG_S) for _ in range(50)]
    writer.join(LONG_S)
    assert [f.index for f in taken if f] == list(range(50))
    assert mailbox.dropped == 0


def test_mailbox_close_frees_a_waiting_writer() -> None:
    """A writer that waits for a reader who left is told that there is no use."""
    mailbox = Mailbox()
    mailbox.put(frame(0), wait=True)
    outcome: list[bool] = []
    writer = threading.Thread(target=lambda: outcome.append(mailbox.put(frame(1), wait=True)))
    writer.start()
    mailbox.close()
    writer.join(LONG_S)
    assert outcome == [False]


def test_mailbox_close_frees_a_waiting_reader() -> None:
    """A reader does not sit out its time when nothing can come any more."""
    mailbox = Mailbox()
    outcome: list[Frame | None] = []
    reader = threading.Thread(target=lambda: outcome.append(mailbox.take(LONG_S * 10)))
    reader.start()
    mailbox.close()
    reader.join(LONG_S)
    assert outcome == [None]


def test_mailbox_raises_why_it_was_closed_after_the_last_frame() -> None:
    """What was put before the end is still taken; then the reader learns of the end, each time."""
    mailbox = Mailbox()
    mailbox.put(frame(0), wait=True)
    mailbox.close(EndOfSource("over"))
    taken = mailbox.take(LONG_S)
    assert taken is not None
    for _ in range(2):
        with pytest.raises(EndOfSource, match="over"):
            mailbox.take(LONG_S)


def test_mailbox_clear_throws_away_without_counting() -> None:
    """What was seen before a pause is not a loss, and is never shown."""
    mailbox = Mailbox()
    mailbox.put(frame(0), wait=False)
    mailbox.clear()
    assert mailbox.take(0.0) is None
    assert mailbox.dropped == 0
