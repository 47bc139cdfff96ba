"""Turning and mirroring what a source gives."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from edgeemo.config import CameraConfig
from edgeemo.sources.source import Source
from edgeemo.types import Frame, Picture

ROTATIONS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def oriented(source: Source, config: CameraConfig) -> Source:
    """The source, turned and mirrored as the settings say."""
    if config.rotate or config.mirror:
        return OrientedSource(source, config.rotate, config.mirror)
    return source


class OrientedSource:
    """A source whose pictures are turned by `rotate` degrees clockwise, then mirrored if wished."""

    def __init__(self, inner: Source, rotate: int, mirror: bool) -> None:
        self._inner = inner
        self._rotate = rotate
        self._mirror = mirror

    @property
    def live(self) -> bool:
        """As the source behind it."""
        return self._inner.live

    @property
    def name(self) -> str:
        """As the source behind it."""
        return self._inner.name

    def open(self) -> None:
        """Open the source behind it."""
        self._inner.open()

    def read(self) -> Frame:
        """Its next frame, image and luma turned alike."""
        frame = self._inner.read()
        luma = None if frame.luma is None else self._turn(frame.luma)
        return dataclasses.replace(frame, image=self._turn(frame.image), luma=luma)

    def close(self) -> None:
        """Close the source behind it."""
        self._inner.close()

    def _turn(self, picture: Picture) -> Picture:
        if self._rotate:
            picture = np.asarray(cv2.rotate(picture, ROTATIONS[self._rotate]), np.uint8)
        if self._mirror:
            picture = np.asarray(cv2.flip(picture, 1), np.uint8)
        return picture
