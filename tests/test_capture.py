"""The capture thread: what it does with a camera that comes, goes, hangs and is paused."""

from __future__ import annotations

import itertools
import logging
import threading
from pathlib import Path

import pytest

from clips import write_clip
from edgeemo.capture import Capture
from edgeemo.config import CameraConfig
from edgeemo.errors import EndOfSource, InputError
from edgeemo.mailbox import Mailbox
from edgeemo.sources import Source, make_source
from playedsource import LONG_S, PlayedSource, lose, picture
from waiting import wait_until

FAST = CameraConfig(retry_max_s=0.01)
"""Tries again at once."""


class Rig:
    """A capture of a source, its mailbox, and its end."""

    def __init__(self, source: Source, config: CameraConfig = FAST) -> None:
        self.mailbox = Mailbox()
        self.capture = Capture(source, self.mailbox, config)
        self.capture.start()

    def stop(self) -> None:
        """End the capture."""
        self.capture.stop(LONG_S)


def test_capture_fills_the_mailbox_and_counts() -> None:
    """Frames of a live source are put as they come, older ones dropped and counted."""
    source = PlayedSource(picture, picture, picture)
    rig = Rig(source)
    source.hung.wait(LONG_S)
    taken = rig.mailbox.take(LONG_S)
    source.freed.set()
    rig.stop()
    assert taken is not None
    assert (taken.index, rig.mailbox.dropped) == (3, 2)


def test_capture_opens_a_lost_camera_again(caplog: pytest.LogCaptureFixture) -> None:
    """The camera is closed, opened again, and the loss and the return are logged once each."""
    caplog.set_level(logging.INFO, logger="edgeemo")
    attempts = [picture, lose, lose, lose]  # the first opening works, the next three don't
    source = PlayedSource(picture, lose, picture, opening=attempts)
    rig = Rig(source)
    source.hung.wait(LONG_S)
    source.freed.set()
    rig.stop()
    assert (source.opened, rig.capture.losses) == (2, 1)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "the played camera is open: pictures of 2 x 2"),
        ("WARNING", "the played camera is lost; trying again until it is back"),
        ("INFO", "the played camera is back: pictures of 2 x 2"),
    ]


def test_capture_waits_for_a_camera_that_is_not_there_yet() -> None:
    """Absent at the start is a loss like another: it is counted, and tried again."""
    source = PlayedSource(picture, opening=[lose, lose])
    rig = Rig(source)
    frame = rig.mailbox.take(LONG_S)
    source.freed.set()
    rig.stop()
    assert frame is not None
    assert rig.capture.losses == 1


def test_capture_is_not_available_before_the_first_picture() -> None:
    """Available means that pictures come, not that a device could be opened."""
    source = PlayedSource()
    rig = Rig(source)
    is_reading = source.hung.wait(LONG_S)
    available = rig.capture.available
    source.freed.set()
    rig.stop()
    assert (is_reading, source.opened, available) == (True, 1, False)


def test_capture_is_not_available_after_a_loss() -> None:
    """It was while pictures came, until the camera can be opened again."""
    was_seen = threading.Event()

    def lose_once_seen() -> None:
        was_seen.wait(LONG_S)
        lose()

    away = itertools.repeat(lose)
    source = PlayedSource(picture, lose_once_seen, opening=itertools.chain([picture], away))
    rig = Rig(source)
    wait_until(lambda: rig.capture.available, LONG_S)
    was_seen.set()
    source.closed.wait(LONG_S)
    available = rig.capture.available
    rig.stop()
    assert (rig.capture.losses, available) == (1, False)


def test_capture_loss_throws_away_what_was_seen_before_it() -> None:
    """A picture that nobody had taken yet when the camera was lost is not shown afterwards."""
    source = PlayedSource(picture, lose, opening=itertools.chain([picture], itertools.repeat(lose)))
    rig = Rig(source)
    wait_until(lambda: rig.capture.losses == 1, LONG_S)
    taken = rig.mailbox.take(0.0)
    rig.stop()
    assert rig.capture.frames == 1
    assert taken is None


def test_capture_pause_closes_the_camera_until_resumed() -> None:
    """While paused the device is free for others; afterwards it is opened again."""
    source = PlayedSource(then=itertools.repeat(picture))
    rig = Rig(source)
    assert rig.mailbox.take(LONG_S) is not None
    rig.capture.pause()
    source.closed.wait(LONG_S)
    wait_until(lambda: not rig.capture.available, LONG_S)
    rig.mailbox.clear()
    nothing = rig.mailbox.take(0.05)
    rig.capture.resume()
    again = rig.mailbox.take(LONG_S)
    rig.stop()
    assert nothing is None
    assert again is not None
    assert source.opened == 2


def test_capture_started_paused_opens_nothing() -> None:
    """A pause that is kept over a restart holds from the first moment."""
    source = PlayedSource()
    capture = Capture(source, Mailbox(), FAST)
    capture.start(paused=True)
    capture.stop(LONG_S)
    assert source.opened == 0


def test_capture_pause_cuts_a_wait_for_a_lost_camera_short() -> None:
    """A camera that is waited for with long pauses is opened at once when a pause ends."""
    config = CameraConfig(retry_max_s=86_400)
    source = PlayedSource(picture, opening=[lose])
    rig = Rig(source, config)
    wait_until(lambda: rig.capture.losses == 1, LONG_S)
    rig.capture.pause()
    rig.capture.resume()
    frame = rig.mailbox.take(LONG_S)
    source.freed.set()
    rig.stop()
    assert frame is not None


def test_capture_stop_closes_the_camera() -> None:
    """After stop the thread has ended and the device is free."""
    source = PlayedSource(*[picture] * 10)
    source.freed.set()
    rig = Rig(source)
    rig.mailbox.take(LONG_S)
    rig.stop()
    assert source.closed.is_set()
    assert "capture" not in {thread.name for thread in threading.enumerate()}


def test_capture_stop_leaves_a_hung_driver_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A call that does not return holds the stop up for its time only, and is an error in the log."""
    source = PlayedSource()
    rig = Rig(source)
    source.hung.wait(LONG_S)
    rig.capture.stop(0.05)
    left_behind = rig.capture.stuck_s() > 0
    source.freed.set()
    wait_until(source.closed.is_set, LONG_S)
    assert left_behind
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "the played camera does not let go within 0.1 s: left behind")
    ]


def test_capture_tells_how_long_the_driver_has_not_returned() -> None:
    """Time inside one call is told while it lasts, and none after it."""
    now = [10.0]
    source = PlayedSource()
    mailbox = Mailbox()
    capture = Capture(source, mailbox, FAST, clock=lambda: now[0])
    capture.start()
    source.hung.wait(LONG_S)
    now[0] = 25.0
    inside = capture.stuck_s()
    source.freed.set()
    capture.stop(LONG_S)
    assert (inside, capture.stuck_s()) == (15.0, 0.0)


def test_capture_hands_over_every_frame_of_a_file_and_then_its_end(tmp_path: Path) -> None:
    """A file waits for its reader; its end arrives after its last frame."""
    path = write_clip(tmp_path / "clip.avi", range(0, 250, 10), fps=10)
    rig = Rig(make_source(CameraConfig(source=str(path))))
    taken = [rig.mailbox.take(LONG_S) for _ in range(25)]
    with pytest.raises(EndOfSource):
        rig.mailbox.take(LONG_S)
    rig.stop()
    assert [frame.index for frame in taken if frame] == list(range(25))


def test_capture_hands_a_broken_file_to_the_reader(tmp_path: Path) -> None:
    """What trying again can't mend is raised where frames are taken."""
    (tmp_path / "no.mp4").write_bytes(b"no clip")
    rig = Rig(make_source(CameraConfig(source=str(tmp_path / "no.mp4"))))
    with pytest.raises(InputError, match=r"no\.mp4"):
        rig.mailbox.take(LONG_S)
    rig.stop()


def test_capture_hands_a_bug_to_the_reader() -> None:
    """An unexpected error does not die with its thread: the daemon crashes with it."""

    def stumble() -> None:
        raise ZeroDivisionError

    rig = Rig(PlayedSource(stumble))
    with pytest.raises(ZeroDivisionError):
        rig.mailbox.take(LONG_S)
    rig.stop()


def test_capture_holds_a_frame_back_until_it_is_due() -> None:
    """What plays by itself is shown at its time: the second frame is not there with the first."""
    config = CameraConfig(source="demo", fps=0.5, width=160, height=120)
    rig = Rig(make_source(config), config)
    first, second = rig.mailbox.take(LONG_S), rig.mailbox.take(0.0)
    rig.stop()
    assert first is not None
    assert second is None
