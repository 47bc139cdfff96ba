"""The camera that is there: the Pi's own, else the first USB camera."""

from __future__ import annotations

import time

from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.sources.devices import list_cameras
from edgeemo.sources.picamera2 import Picamera2Source, list_pi_cameras
from edgeemo.sources.source import Clock, Source
from edgeemo.sources.v4l2 import V4L2Source
from edgeemo.types import Frame


class AutoSource:
    """Looks for a camera each time it is opened, so that one may be plugged in later."""

    live = True

    def __init__(self, config: CameraConfig, clock: Clock = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._found: Source | None = None

    @property
    def name(self) -> str:
        """The name of the camera that was found."""
        return "the camera" if self._found is None else self._found.name

    def open(self) -> None:
        """Open the first camera found."""
        self.close()
        self._found = self._find()
        self._found.open()

    def read(self) -> Frame:
        """Its next frame."""
        if self._found is None:
            raise SourceError("no camera is open")
        return self._found.read()

    def close(self) -> None:
        """Close it."""
        if self._found is not None:
            self._found.close()
            self._found = None

    def _find(self) -> Source:
        if numbers := list_pi_cameras():
            return Picamera2Source(numbers[0], self._config, self._clock)
        if devices := list_cameras():
            return V4L2Source(str(devices[0].path), self._config, self._clock)
        raise SourceError(
            "no camera found, neither the Pi's own nor on USB: connect one, or name it in camera.source"
        )
