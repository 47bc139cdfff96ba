"""Faces in one picture by OpenCV's Haar cascades: cheap proposals anywhere, a close look in one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edgeemo.errors import RuntimeMissingError
from edgeemo.search import STEP, Share
from edgeemo.types import Box, Detection
from edgeemo.verifier import FaceVerifier
from edgeemo.view import View

CASCADE_DIRS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades"))
"""Where Debian's opencv-data puts what the wheels carry inside."""

AROUND = 0.35
"""What a close look sees around a face on every side, as a share of its side."""

NEAR = 0.4
"""How far from the middle of a close look its face may be found, as a share of its side."""


class Effort(NamedTuple):
    """How closely one cascade looks: the face's side in pixels, and the ratio between two sizes."""

    side: int
    step: float


GLIMPSES = (Effort(22, 1.15), Effort(26, 1.15))
"""Of the quick and the fine cascade: two sizes, 0.1 to 0.2 ms."""

LIKELY = 0.5
"""Likelihood from which a place counts as a face."""


def load_cascade(name: str) -> cv2.CascadeClassifier:
    """Load one of OpenCV's own cascades, such as `frontalface_default`.

    Raises:
        RuntimeMissingError: this OpenCV has no cascades, or a damaged one.
    """
    packaged = getattr(cv2, "data", None)
    folders = [Path(packaged.haarcascades)] if packaged else []
    for folder in (*folders, *CASCADE_DIRS):
        path = folder / f"haarcascade_{name}.xml"
        if path.is_file():
            return _load(path)
    raise RuntimeMissingError(
        f"OpenCV {cv2.__version__} comes without haarcascade_{name}.xml: install "
        f"'opencv-python-headless<5' with pip, or opencv-data with apt"
    )


def _load(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise RuntimeMissingError(f"{path} is no cascade that OpenCV can read: reinstall OpenCV")
    return cascade


class HaarDetector:
    """Finds faces, upright or tilted. Not for use from several threads at once."""

    def __init__(self, verifier: FaceVerifier) -> None:
        # One thread for all of OpenCV: its pool costs more than it brings on pictures this small,
        # and would fight with the interpreter's.
        cv2.setNumThreads(1)
        self._verifier = verifier
        self._cascades = load_cascade("frontalface_alt2"), load_cascade("frontalface_default")

    def propose(self, view: View, share: Share) -> list[Box]:
        """Places in a share of the picture that may hold a face: every raw hit, those of one merged."""
        region, side, angle, is_fine = share
        cascade = self._cascades[is_fine]
        window = cascade.getOriginalWindowSize()[0]
        around = _around(region, angle)
        size = (round(around.w * window / side), round(around.h * window / side))
        if min(size) < window:
            return []
        patch = view.patch(around, size, angle)
        hits = cascade.detectMultiScale(
            patch, scaleFactor=2.0, minNeighbors=0, minSize=(window,) * 2, maxSize=(window,) * 2
        )
        boxes = [_place(Box(*map(float, hit)), size, around, angle) for hit in hits]
        return [box for box in _merge(boxes) if _holds(region, box)]

    def examine(self, view: View, box: Box, angle: float) -> Detection | None:
        """Look closely for one face near `box`, tilted by about `angle` degrees.

        Where a cascade sees it, its box is taken over; whether it is a face is up to the verifier,
        whose likelihood is the detection's `score`. So a face that is turned too far for the
        cascades stays in sight, in the box that it was followed to.
        """
        box = self._centred(view, box, angle)
        likelihood = self._verifier.likelihood(view, box, angle)
        return Detection(box, likelihood, angle) if likelihood >= LIKELY else None

    def refind(self, view: View, box: Box, angle: float) -> Detection | None:
        """Look for a known face that was lost near `box`, which may be a side's length away by now."""
        for factor in (1.0, 1 / STEP, STEP):
            share = Share(box.grow(1.0).clip(*view.size), box.w * factor, angle, is_fine=False)
            for place in self.propose(view, share):
                if found := self.examine(view, place, angle):
                    return found
        return None

    def _centred(self, view: View, box: Box, angle: float) -> Box:
        """The box as the first cascade that sees a face in it would draw it; else as it is."""
        for cascade, glimpse in zip(self._cascades, GLIMPSES, strict=True):
            if hits := self._look(cascade, view, box, angle, glimpse):
                return _mean(hits)
        return box

    def _look(
        self, cascade: cv2.CascadeClassifier, view: View, box: Box, angle: float, effort: Effort
    ) -> list[Box]:
        """Every window near the middle of `box` in which a cascade sees a face, in the frame."""
        window = cascade.getOriginalWindowSize()[0]
        smallest, largest = max(window, round(effort.side * 0.8)), round(effort.side * 1.35)
        side = round(effort.side * (1 + 2 * AROUND))
        around = box.grow(AROUND)
        patch = view.patch(around, (side, side), angle)
        hits = cascade.detectMultiScale(
            patch,
            scaleFactor=effort.step,
            minNeighbors=0,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        far = effort.side * NEAR
        near = [
            (x, y, w, h)
            for x, y, w, h in hits
            if abs(x + w / 2 - side / 2) < far and abs(y + h / 2 - side / 2) < far
        ]
        return [_place(Box(*map(float, hit)), (side, side), around, angle) for hit in near]


def _around(region: Box, angle: float) -> Box:
    """What has to be seen, turned by `angle`, so that all of `region` is in it."""
    turn = math.radians(angle)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    width, height = region.w * cos + region.h * sin, region.w * sin + region.h * cos
    x, y = region.center
    return Box(x - width / 2, y - height / 2, width, height)


def _place(box: Box, size: tuple[int, int], around: Box, angle: float) -> Box:
    """A box of a patch of `around`, turned by `angle`, as an upright box in the frame."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    scale_x, scale_y = around.w / size[0], around.h / size[1]
    dx = (box.center[0] - size[0] / 2) * scale_x
    dy = (box.center[1] - size[1] / 2) * scale_y
    x = around.center[0] + dx * cos - dy * sin
    y = around.center[1] + dx * sin + dy * cos
    width, height = box.w * scale_x, box.h * scale_y
    return Box(x - width / 2, y - height / 2, width, height)


def _holds(region: Box, box: Box) -> bool:
    x, y = box.center
    return region.x <= x <= region.right and region.y <= y <= region.bottom


def _merge(boxes: Sequence[Box]) -> list[Box]:
    """One box for each heap of overlapping ones: their mean."""
    heaps: list[list[Box]] = []
    for box in boxes:
        near = next((heap for heap in heaps if heap[0].iou(box) > 0.3), None)
        if near is None:
            heaps.append([box])
        else:
            near.append(box)
    return [_mean(heap) for heap in heaps]


def _mean(boxes: Sequence[Box]) -> Box:
    return Box(*np.mean(boxes, axis=0).tolist())
