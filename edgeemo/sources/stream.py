"""A network camera, over RTSP or HTTP, through FFmpeg."""

from __future__ import annotations

import os
import time

import cv2

from edgeemo.address import mask_url, with_login
from edgeemo.config import CameraConfig
from edgeemo.errors import ConfigError, SourceError
from edgeemo.secret import read_password
from edgeemo.sources.opencv import OpenCVCapture, frames_per_second
from edgeemo.sources.rtsp import explain
from edgeemo.sources.source import Clock
from edgeemo.types import Frame

MS_PER_S = 1000
EXPLAIN_S = 2.0
"""How long is waited, at most, to learn why a stream did not open."""
BACKLOG_S = 3.0
"""More than this does not gather while FFmpeg looks at a stream."""
FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
"""Options for FFmpeg, `key;value|key;value`; OpenCV reads them whenever it opens a stream."""


class StreamSource:
    """A stream by its URL. It has to be read all the time: what waits in it grows old.

    A clip that a server holds is played at its own speed; at its end it is lost as a camera is,
    and begins anew when it is opened again.
    """

    live = True

    def __init__(self, url: str, config: CameraConfig, clock: Clock = time.monotonic) -> None:
        self.name = mask_url(url)
        self._url = url
        self._config = config
        self._clock = clock
        self._capture: OpenCVCapture | None = None
        self._clip_began_at: float | None = None
        self._index = 0

    def open(self) -> None:
        """Connect and log in, within `open_timeout_s`.

        Raises:
            SourceError: there is no stream, or the file of the password can't be used just now.
        """
        self.close()
        os.environ[FFMPEG_OPTIONS] = f"rtsp_transport;{self._config.transport}"
        url = with_login(self._url, self._config.user, self._password())
        # Only as parameters of opening do the time-outs hold from the first byte on.
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(self._config.open_timeout_s * MS_PER_S)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(self._config.stall_s * MS_PER_S)),
        ]
        opened = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
        if not opened.isOpened():
            reason = explain(url, min(self._config.open_timeout_s, EXPLAIN_S))
            raise SourceError(f"{self.name} can't be opened: {reason}")
        self._capture = OpenCVCapture(self.name, opened)
        if self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            self._clip_began_at = self._clock()
        else:
            self._clip_began_at = None
            self._skip_backlog(self._capture)

    def _password(self) -> str | None:
        try:
            return read_password(self._config, "camera")
        except ConfigError as error:
            # The file may just be replaced by another, and whole at the next attempt.
            reason = " ".join(str(error).split())
            raise SourceError(f"{self.name} can't be opened: {reason}") from error

    def read(self) -> Frame:
        """The next frame, stamped on arrival: the stamps in a stream are of the camera's clock.

        One of a clip is stamped with when it is due.
        """
        if self._capture is None:
            raise SourceError(f"{self.name} is not open")
        asked_at = self._clock()
        image = self._capture.read()
        now = self._clock()
        # Timed out, FFmpeg first hands out what its decoder still held: old pictures, one a time-out.
        if now - asked_at >= self._config.stall_s:
            raise SourceError(f"{self.name} is lost: no picture for {self._config.stall_s:g} s")
        frame = Frame(image=image, at=now + self._ahead_s(now), index=self._index)
        self._index += 1
        return frame

    def _ahead_s(self, now: float) -> float:
        """How long before it is due a picture of a clip was read, `stall_s` at most; 0 of a camera."""
        if self._capture is None or self._clip_began_at is None:
            return 0.0
        due_at = self._clip_began_at + self._capture.get(cv2.CAP_PROP_POS_MSEC) / MS_PER_S
        return min(max(due_at - now, 0.0), self._config.stall_s)

    def _skip_backlog(self, capture: OpenCVCapture) -> None:
        """Read off what gathered while FFmpeg looked at the stream: a second or two of old pictures."""
        fps = frames_per_second(capture)
        deadline = self._clock() + self._config.open_timeout_s
        for _ in range(round(BACKLOG_S * fps)):
            asked_at = self._clock()
            capture.read()
            now = self._clock()
            if now - asked_at >= 0.5 / fps or now >= deadline:  # waited for: it is of now
                return

    def close(self) -> None:
        """Hang up."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
