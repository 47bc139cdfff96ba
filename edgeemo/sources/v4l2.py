"""A USB camera, through the kernel's V4L2."""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path

import cv2

from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.sources.opencv import OpenCVCapture
from edgeemo.sources.source import Clock
from edgeemo.types import Frame

log = logging.getLogger(__name__)

MS_PER_S = 1000.0
SELECT_TIMEOUT = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
"""How long OpenCV waits for a frame, whole seconds; it reads this once a process."""
USB2_RAW_PIXELS = 640 * 480
"""Above this, uncompressed pictures do not fit through USB 2 at 15 a second."""
STALE_S = 1.0
"""A buffer that was filled longer ago is left over from before a hiccup, and thrown away."""
STAMP_RANGE_S = 60.0
"""A stamp further off than this is of some other clock, and not believed."""


class V4L2Source:
    """A camera by its number or path; one in /dev/v4l/by-id stays true when ports change."""

    live = True

    def __init__(self, device: str, config: CameraConfig, clock: Clock = time.monotonic) -> None:
        self._path = Path(f"/dev/video{device}" if device.isdecimal() else device)
        self.name = str(self._path)
        self._config = config
        self._clock = clock
        self._capture: OpenCVCapture | None = None
        self._said = ""
        self._index = 0

    def open(self) -> None:
        """Open the device and ask for format, size and rate; what it grants instead is logged."""
        self.close()
        os.environ[SELECT_TIMEOUT] = str(math.ceil(self._config.stall_s))
        wanted = self._wanted_format()
        capture = self._open_as(wanted)
        if wanted and fourcc(capture) != wanted:
            # The driver refused the format, but OpenCV 4.11 would decode as if it hadn't.
            capture.release()
            capture = self._open_as(None)
        self._capture = capture
        self._say_granted(wanted)

    def read(self) -> Frame:
        """The next frame, stamped when the driver filled its buffer."""
        if self._capture is None:
            raise SourceError(f"{self.name} is not open")
        deadline = self._clock() + self._config.stall_s
        while self._clock() < deadline:
            image = self._capture.read()
            now = self._clock()
            at = self._stamp(now)
            if now - at <= STALE_S:
                frame = Frame(image=image, at=at, index=self._index)
                self._index += 1
                return frame
        raise SourceError(f"{self.name} is stuck: only old pictures come")

    def close(self) -> None:
        """Give the device back."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _stamp(self, now: float) -> float:
        assert self._capture is not None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / MS_PER_S
        return stamp if 0.0 <= now - stamp <= STAMP_RANGE_S else now

    def _wanted_format(self) -> str | None:
        if self._config.format != "auto":
            return self._config.format
        return "MJPG" if self._config.width * self._config.height > USB2_RAW_PIXELS else None

    def _open_as(self, pixels: str | None) -> OpenCVCapture:
        self._refuse_unusable()
        opened = cv2.VideoCapture(str(self._path), cv2.CAP_V4L2)
        if not opened.isOpened():
            raise SourceError(
                f"{self.name} can't be opened: another program uses it, or it is no camera"
            )
        capture = OpenCVCapture(self.name, opened)
        if pixels:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixels))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._config.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._config.height)
        capture.set(cv2.CAP_PROP_FPS, self._config.fps)
        return capture

    def _refuse_unusable(self) -> None:
        if not os.access(self._path, os.F_OK):
            raise SourceError(f"{self.name} is not there: is the camera plugged in?")
        if not os.access(self._path, os.R_OK | os.W_OK):
            raise SourceError(
                f"{self.name} may not be opened by this user: add it to the group video"
            )

    def _say_granted(self, pixels: str | None) -> None:
        assert self._capture is not None
        width, height, fps = (
            self._capture.get(what)
            for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
        )
        wanted = f"{self._config.width} x {self._config.height} at {self._config.fps:g} fps"
        granted = f"{width:.0f} x {height:.0f} at {fps:g} fps"
        if pixels:
            wanted, granted = f"{pixels} {wanted}", f"{fourcc(self._capture)} {granted}"
        if wanted != granted and granted != self._said:
            log.warning("%s gives %s instead of %s", self.name, granted, wanted)
            self._said = granted


def fourcc(capture: OpenCVCapture) -> str:
    """The pixel format in use, as its four letters."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little", signed=code < 0).decode("ascii", errors="replace")
