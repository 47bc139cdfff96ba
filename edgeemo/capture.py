"""The thread that owns the camera."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from edgeemo.backoff import Backoff
from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.mailbox import Mailbox
from edgeemo.sources import Source
from edgeemo.sources.source import Clock
from edgeemo.types import Frame

log = logging.getLogger(__name__)
T = TypeVar("T")

STEADY_S = 10.0
"""A camera that gave pictures for this long works: its next loss starts with the first pause."""


class Capture:
    """Reads a source into a mailbox, on a thread of its own, and opens it again when it is lost.

    Only this thread touches the source. A live source overwrites what was not taken; a file waits
    for its reader. Whatever ends the thread other than `stop` (the file's end, a broken file, a
    bug) closes the mailbox with it, so that it surfaces in the thread that takes.

    Losses and returns are logged once each; `available` tells the same to who asks.
    """

    def __init__(
        self,
        source: Source,
        mailbox: Mailbox,
        config: CameraConfig,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self.frames = 0
        """Frames read so far."""
        self.losses = 0
        """How often the camera was lost or found absent."""
        self._source = source
        self._mailbox = mailbox
        self._backoff = Backoff(most_s=config.retry_max_s)
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._changed = threading.Condition()
        self._stopping = False
        self._paused = False
        self._changes = 0
        self._available: bool | None = None
        self._back_at = 0.0
        self._inside_since: float | None = None

    @property
    def available(self) -> bool:
        """Whether pictures are coming; False before the first one, when lost, and when paused."""
        return self._available is True

    @property
    def paused(self) -> bool:
        """Whether `pause` was called last."""
        return self._paused

    def stuck_s(self) -> float:
        """For how long the thread has been inside one call of the driver; 0 outside of it."""
        since = self._inside_since
        return 0.0 if since is None else self._clock() - since

    def start(self, *, paused: bool = False) -> None:
        """Begin to capture, or only once resumed."""
        self._paused = paused
        self._thread.start()

    def pause(self) -> None:
        """Close the camera until `resume`; returns at once."""
        self._change(paused=True)
        self._mailbox.clear()

    def resume(self) -> None:
        """Open the camera again."""
        # What was put between the two calls was seen before the pause.
        self._mailbox.clear()
        self._change(paused=False)

    def stop(self, timeout_s: float) -> None:
        """End the thread and close the camera; a driver that doesn't return is left behind."""
        self._change(stopping=True)
        self._mailbox.close()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("%s does not let go within %.1f s: left behind", self._source.name, timeout_s)

    def _change(self, *, paused: bool | None = None, stopping: bool = False) -> None:
        with self._changed:
            self._paused = self._paused if paused is None else paused
            self._stopping = self._stopping or stopping
            self._changes += 1
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._may_run():
                self._run_until_lost()
        except BaseException as reason:  # noqa: BLE001 - handed to the thread that takes, which raises it
            self._mailbox.close(reason)

    def _may_run(self) -> bool:
        """Wait while paused; False when stopping."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._paused)
            return not self._stopping

    def _run_until_lost(self) -> None:
        try:
            self._inside(self._source.open)
            while not self._interrupted():
                self._deliver(self._inside(self._source.read))
            self._available = None
        except SourceError as error:
            self._note_loss(error)
            # Closed before the pause: a camera that is held open can't come back.
            self._inside(self._source.close)
            self._wait(self._backoff.pause_s())
        finally:
            self._inside(self._source.close)

    def _inside(self, call: Callable[[], T]) -> T:
        """Call the driver, noting since when, so that `stuck_s` can tell."""
        self._inside_since = self._clock()
        try:
            return call()
        finally:
            self._inside_since = None

    def _interrupted(self) -> bool:
        return self._stopping or self._paused

    def _wait(self, seconds: float) -> bool:
        """Wait so long; False if a stop, a pause or its end came in between."""
        with self._changed:
            before = self._changes
            return not self._changed.wait_for(
                lambda: self._interrupted() or self._changes != before, seconds
            )

    def _deliver(self, frame: Frame) -> None:
        # A source that plays by itself hands a frame out before it is due.
        ahead_s = frame.at - self._clock() if self._source.live else 0.0
        if ahead_s > 0 and not self._wait(ahead_s):
            return
        self.frames += 1
        self._mailbox.put(frame, wait=not self._source.live)
        if not self._available:
            self._note_back(frame)

    def _note_back(self, frame: Frame) -> None:
        state = "is back" if self._available is False else "is open"
        log.info("%s %s: pictures of %d x %d", self._source.name, state, *frame.size)
        self._available = True
        self._back_at = self._clock()

    def _note_loss(self, error: SourceError) -> None:
        self._mailbox.clear()  # nobody should take a picture of before for a sign of life
        if self._available and self._clock() - self._back_at >= STEADY_S:
            self._backoff.reset()
        if self._available is not False:
            log.warning("%s; trying again until it is back", error)
            self.losses += 1
            self._available = False
        else:
            log.debug("still away: %s", error)
