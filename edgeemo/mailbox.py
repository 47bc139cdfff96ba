"""One slot between the thread that captures and the one that looks."""

from __future__ import annotations

import threading

from edgeemo.types import Frame


class Mailbox:
    """Hands frames from one thread to another, never more than one waiting.

    The writer either overwrites, so that the reader always gets the newest (a camera), or waits
    until the slot is free, so that none is lost (a file). All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._reason: BaseException | None = None
        self.dropped = 0
        """Frames that were overwritten before anybody took them."""

    def put(self, frame: Frame, *, wait: bool) -> bool:
        """Leave a frame; with `wait` not before the last one was taken. False once closed."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._frame is None or self._closed)
            if self._closed:
                return False
            self.dropped += self._frame is not None
            self._frame = frame
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> Frame | None:
        """Take the frame, waiting for one up to `timeout_s` seconds; None if none came.

        Raises:
            the reason that `close` was given, after the last frame was taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            if frame is None and self._reason is not None:
                raise self._reason
            return frame

    def clear(self) -> None:
        """Throw away what waits, uncounted: it belongs to a time that is over, as before a pause."""
        with self._changed:
            self._frame = None
            self._changed.notify_all()

    def close(self, reason: BaseException | None = None) -> None:
        """Let nobody wait any longer; `reason` is what `take` raises once it is empty."""
        with self._changed:
            self._closed = True
            self._reason = self._reason or reason
            self._changed.notify_all()
