"""Whether anything moved: a tiny picture against the one that was last looked at."""

from __future__ import annotations

import cv2
import numpy as np

from edgeemo.types import Picture

GLANCE_WIDTH = 64
"""Pixels across the tiny picture: a 40-pixel face of a 480-pixel picture is five wide in it."""

NOISE = 12
"""Levels (of 255) by which a tiny pixel must differ; a camera's noise, averaged, stays below 5."""


class MotionGate:
    """Compares each picture with the last one that was accepted as looked at."""

    def __init__(self) -> None:
        self._reference: Picture | None = None
        self._glance: Picture | None = None

    def measure(self, grey: Picture) -> float:
        """Share (0..1) of the picture that differs from the accepted one; 1 when there is none."""
        height = max(1, round(grey.shape[0] * GLANCE_WIDTH / grey.shape[1]))
        size = (GLANCE_WIDTH, height)
        self._glance = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._reference is None or self._reference.shape != self._glance.shape:
            return 1.0
        changed = cv2.absdiff(self._glance, self._reference) > NOISE
        return float(np.count_nonzero(changed)) / changed.size

    def accept(self) -> None:
        """Take the picture last measured as the one that was looked at."""
        self._reference = self._glance

    def clear(self) -> None:
        """Forget it: the next picture counts as all new."""
        self._reference = None
