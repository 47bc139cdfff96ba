"""Following a face from one picture to the next by optical flow, checked forward and backward.

The scheme is that of the median flow tracker (Kalal, Mikolajczyk and Matas 2010, "Forward-Backward
Error: Automatic Detection of Tracking Failures"): points on a grid are followed there and back;
those that return to where they started tell how the face moved, grew and turned.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.sight.tracker import Place
from edgeemo.sight.view import View
from edgeemo.types import Box, Picture

Points = NDArray[np.float32]
Mask = NDArray[np.bool_]

FACE = 28
"""Side in pixels at which a face is followed."""
AROUND = 0.5
"""What is seen around it on every side, as a share of its side: it may move half of that at once."""
PATCH = round(FACE * (1 + 2 * AROUND))
GRID = 4
"""Points along a side."""
RETURNED = 0.8
"""Pixels (of the patch) within which a point has to come back to count."""
ENOUGH = 0.4
"""Share of points that have to come back; with fewer the face is lost."""
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 8, 0.03)


def _grid() -> Points:
    """Points over the inner face, where there is face even when the box sits a little off."""
    inner = np.linspace(0.15, 0.85, GRID, dtype=np.float32) * FACE + FACE * AROUND
    x, y = np.meshgrid(inner, inner)
    return np.stack([x.ravel(), y.ravel()], axis=1)[:, np.newaxis, :]


STARTS = _grid()


def follow(before: View, now: View, box: Box, angle: float) -> Place | None:
    """Where the face in `box` of `before` is in `now`; None if it can't be said."""
    around = box.grow(AROUND)
    first, second = (view.patch(around, (PATCH, PATCH)) for view in (before, now))
    there, found = _flow(first, second, STARTS)
    back, refound = _flow(second, first, there)
    away = np.abs(back - STARTS).max(axis=2).ravel()
    good = (away < RETURNED) & found & refound
    if good.mean() < ENOUGH:
        return None
    shift, growth, turn = _similarity(STARTS[good, 0], there[good, 0])
    scale = box.w / FACE
    moved = box.shift(shift[0] * scale, shift[1] * scale).grow((growth - 1) / 2)
    return Place(moved, angle + turn)


def _flow(first: Picture, second: Picture, points: Points) -> tuple[Points, Mask]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, points.copy(), winSize=(9, 9), maxLevel=2, criteria=CRITERIA
    )
    return np.asarray(moved, np.float32), np.asarray(found).ravel() == 1


def _similarity(a: Points, b: Points) -> tuple[tuple[float, float], float, float]:
    """The shift of the middle (pixels), growth and turn (degrees clockwise) that take a to b."""
    # The grid is symmetric about the middle of the face, but the good points need not be: what
    # they say of growth and turn moves their own centre, which is not the face's.
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    p, q = a - centre_a, b - centre_b
    norm = float((p * p).sum())
    cos = float((p * q).sum()) / norm
    sin = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / norm
    x, y = (PATCH / 2 - centre_a).tolist()
    dx, dy = (centre_b - PATCH / 2).tolist()
    shift = dx + cos * x - sin * y, dy + sin * x + cos * y
    return shift, math.hypot(cos, sin), math.degrees(math.atan2(sin, cos))
