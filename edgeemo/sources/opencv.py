"""What OpenCV's captures have in common, whatever they are connected to."""

from __future__ import annotations

import cv2
import numpy as np

from edgeemo.errors import SourceError
from edgeemo.types import Picture

USUAL_FPS = 25.0
"""Where a clip or stream does not say how many pictures it has a second."""
MAX_FPS = 240.0
"""Those that claim more mean the unit of their time stamps."""


class OpenCVCapture:
    """An open `cv2.VideoCapture` that says what it does not: that it is lost, or gives nonsense."""

    def __init__(self, name: str, capture: cv2.VideoCapture) -> None:
        """Take over a capture that is open; `name` is for messages."""
        self._name = name
        self._capture = capture

    def read(self) -> Picture:
        """The next picture, (height, width, 3), blue first. Raises SourceError when there is none."""
        # isOpened() stays true when a device is unplugged or a stream ends: only this tells.
        arrived, image = self._capture.read()
        if not arrived:
            raise SourceError(f"{self._name} is lost: no more pictures come")
        # OpenCV 4.11 hands out undecoded bytes, (1, N), after a format that the driver refused.
        if image.ndim != 3 or image.shape[2] != 3:
            raise SourceError(f"{self._name} gives data of shape {image.shape}, not pictures")
        return np.asarray(image, np.uint8)

    def get(self, setting: int) -> float:
        """A `cv2.CAP_PROP_*`; 0 or -1 where unknown."""
        return float(self._capture.get(setting))

    def set(self, setting: int, value: float) -> None:
        """Ask for a `cv2.CAP_PROP_*`. Whether it was granted is to be read back."""
        self._capture.set(setting, value)

    def release(self) -> None:
        """Let go of it."""
        self._capture.release()


def frames_per_second(capture: OpenCVCapture | cv2.VideoCapture) -> float:
    """The rate that an open clip or stream claims, USUAL_FPS where it claims none or an absurd one."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if 0 < fps <= MAX_FPS else USUAL_FPS
