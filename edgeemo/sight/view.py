"""One frame as the eye uses it: grey, at every power of two of its size, each made when asked for."""

from __future__ import annotations

import math
from functools import cached_property

import cv2
import numpy as np

from edgeemo.preprocess import to_grey
from edgeemo.types import Box, Frame, Picture

CELL = 8
"""Pixels of a 480-pixel picture that one cell of the glance stands for; a small face is five cells."""
GLANCE_WIDTH = 480 // CELL

DIM = 110.0
"""Brightest level (all but a hundredth of the picture) below which a picture is brightened."""
BRIGHT = 200.0
"""What it becomes then. The cascades refuse windows whose deviation is below ten levels."""
MAX_GAIN = 6.0
"""More would bring out nothing but noise."""


class View:
    """The grey octaves of one frame. All boxes are in pixels of the frame's image.

    Octave k has 1/2**k of the finest one's width; odd last rows and columns are cut off, so that
    every octave is exactly half of the one before and OpenCV takes its fast path (2x2 means).
    Pictures taken in the dark are brightened.
    """

    def __init__(self, frame: Frame) -> None:
        self.size = frame.size
        self._source = frame.image if frame.luma is None else frame.luma
        self._scale = self._source.shape[1] / frame.size[0]
        self._octaves: list[Picture] = []

    @cached_property
    def glance(self) -> Picture:
        """The whole picture, grey, some 60 pixels wide: what motion is judged by, before all else."""
        height, width = self._source.shape[:2]
        share = GLANCE_WIDTH / width
        size = GLANCE_WIDTH, max(1, round(height * share))
        # Linear, then 2x2 means: every cell averages sixteen pixels, at a third of the full price.
        twice = cv2.resize(self._source, (2 * size[0], 2 * size[1]))
        grey = to_grey(np.asarray(twice, np.uint8))
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)

    def patch(self, box: Box, size: tuple[int, int], angle: float = 0.0) -> Picture:
        """`box` turned upright by `angle` degrees, at `size` (width, height), grey; black outside."""
        wanted = math.floor(math.log2(max(box.w * self._scale / size[0], 1.0)))
        octave = min(wanted, self._last_octave)
        return turned(self._octave(octave), box.scale(self._scale / 2**octave), size, angle)

    @property
    def _last_octave(self) -> int:
        """The one whose shorter side is a single pixel."""
        height, width = self._source.shape[:2]
        return int(math.log2(min(width, height)))

    def _octave(self, index: int) -> Picture:
        if not self._octaves:
            self._octaves.append(self._brightened(to_grey(self._source)))
        while len(self._octaves) <= index:
            self._octaves.append(_halve(self._octaves[-1]))
        return self._octaves[index]

    def _brightened(self, grey: Picture) -> Picture:
        """The picture made brighter if all but a hundredth of it is dim."""
        rank = self.glance.size - 1 - self.glance.size // 100
        brightest = float(np.partition(self.glance, rank, axis=None)[rank])
        if brightest >= DIM:
            return grey
        gain = min(BRIGHT / max(brightest, 1.0), MAX_GAIN)
        return np.asarray(cv2.convertScaleAbs(grey, alpha=gain), np.uint8)


def turned(
    picture: Picture,
    box: Box,
    size: tuple[int, int],
    angle: float,
    border: int = cv2.BORDER_CONSTANT,
) -> Picture:
    """`box` of a grey picture, turned upright by `angle` degrees, at `size` (width, height).

    `border` is OpenCV's code for what lies outside of the picture; black if not said otherwise.
    """
    if angle == 0.0 and (part := _inside(picture, box)) is not None:
        return np.asarray(cv2.resize(part, size), np.uint8)  # a third of the price of a warp
    fx, fy = box.w / size[0], box.h / size[1]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = box.center
    across, down = size[0] / 2, size[1] / 2
    to_picture = np.array(
        [
            [fx * cos, -fy * sin, x - fx * cos * across + fy * sin * down],
            [fx * sin, fy * cos, y - fx * sin * across - fy * cos * down],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, to_picture, size, flags=flags, borderMode=border), np.uint8
    )


def _inside(picture: Picture, box: Box) -> Picture | None:
    """The pixels of a box, rounded to whole ones; None if it reaches out of the picture."""
    left, top, right, bottom = map(round, (box.x, box.y, box.right, box.bottom))
    if left < 0 or top < 0 or right > picture.shape[1] or bottom > picture.shape[0]:
        return None
    part = picture[top:bottom, left:right]
    return part if part.size else None


def _halve(picture: Picture) -> Picture:
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    even = picture[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
