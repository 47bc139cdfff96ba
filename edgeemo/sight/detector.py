"""Faces in one picture: proposed by a shortened Haar cascade, decided on by a tiny network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np

from edgeemo.errors import RuntimeMissingError
from edgeemo.sight.search import STEP, Share
from edgeemo.sight.verifier import FaceVerifier
from edgeemo.sight.view import View
from edgeemo.types import Box, Detection

CASCADE_DIRS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades"))
"""Where Debian's opencv-data puts what the wheels carry inside."""

CASCADE = "frontalface_alt2"
STAGES = 15
"""Of the cascade's 20 stages. The last ones weed out what looks like a face, and throw the turned,
the tilted and the half lit faces out with it. A face in the shade was proposed in 1 of 11 pictures by
20 stages, in 6 by 15, in 9 by 13, at the same price; a busy picture without a face gave 0.1, 1.4 and
7 false proposals, which the network refuses for 0.06 ms each."""

AROUND = 0.35
"""What a close look sees around a face on every side, as a share of its side."""

CLOSE = 22
"""Side in pixels at which a face is looked at closely: the window of 20 fits at two sizes."""

CLOSE_STEP = 1.15
"""Ratio between those two."""

NEAR = 0.4
"""How far from the middle of a close look its face may be found, as a share of its side."""

LIKELY = 0.5
"""Likelihood from which a place counts as a face."""

HOPELESS = 0.2
"""Likelihood below which putting a proposal's box right would not help."""


def find_cascade(name: str) -> Path:
    """The file of one of OpenCV's own cascades, such as `frontalface_default`.

    Raises:
        RuntimeMissingError: this OpenCV comes without.
    """
    packaged = getattr(cv2, "data", None)
    folders = [Path(packaged.haarcascades)] if packaged else []
    for folder in (*folders, *CASCADE_DIRS):
        path = folder / f"haarcascade_{name}.xml"
        if path.is_file():
            return path
    raise RuntimeMissingError(
        f"OpenCV {cv2.__version__} comes without haarcascade_{name}.xml: install "
        f"'opencv-python-headless<5' with pip, or opencv-data with apt"
    )


def load_cascade(name: str, stages: int | None = None) -> cv2.CascadeClassifier:
    """Load one of OpenCV's own cascades, its first `stages` only if that is given.

    Raises:
        RuntimeMissingError: this OpenCV has no cascades, or a damaged one.
    """
    path = find_cascade(name)
    cascade = cv2.CascadeClassifier()
    try:
        is_read = _read_part(cascade, path, stages) if stages else cascade.load(str(path))
    except (ElementTree.ParseError, cv2.error):
        is_read = False
    if not is_read or cascade.empty():
        raise RuntimeMissingError(f"{path} is no cascade that OpenCV can read: reinstall OpenCV")
    return cascade


def _read_part(cascade: cv2.CascadeClassifier, path: Path, stages: int) -> bool:
    """Read the first `stages` of a cascade's file."""
    tree = ElementTree.parse(path)  # noqa: S314 - OpenCV's own file, no stranger's
    for parent in list(tree.iter("stages")):
        for stage in list(parent)[stages:]:
            parent.remove(stage)
    for count in tree.iter("stageNum"):
        count.text = str(stages)
    # OpenCV knows the format by the declaration, and wants it in the very first line.
    text = '<?xml version="1.0"?>\n' + ElementTree.tostring(tree.getroot(), encoding="unicode")
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    return bool(cascade.read(storage.getFirstTopLevelNode()))


class Proposal(NamedTuple):
    """A place that may hold a face tilted by `angle`, and how likely that is at first sight (0..1)."""

    box: Box
    angle: float
    likelihood: float


class HaarDetector:
    """Finds faces, upright or tilted. Not for use from several threads at once."""

    def __init__(self, verifier: FaceVerifier) -> None:
        # One thread for all of OpenCV: its pool costs more than it brings on pictures this small,
        # and would fight with the interpreter's.
        cv2.setNumThreads(1)
        self._verifier = verifier
        self._cascade = load_cascade(CASCADE, STAGES)
        self._window = int(self._cascade.getOriginalWindowSize()[0])

    def propose(self, view: View, share: Share) -> list[Proposal]:
        """Places in a share of the picture that may hold a face, the hits of one merged."""
        region, side, angle = share
        around = _around(region, angle)
        shrink = self._window / side
        size = (round(around.w * shrink), round(around.h * shrink))
        if min(size) < self._window:
            return []
        only = (self._window, self._window)
        patch = view.patch(around, size, angle)
        hits = self._cascade.detectMultiScale(
            patch, scaleFactor=2.0, minNeighbors=0, minSize=only, maxSize=only
        )
        boxes = [_place(Box(*map(float, hit)), size, around, angle) for hit in hits]
        places = [place for place in map(_mean, _heaps(boxes)) if _holds(region, place)]
        return [Proposal(p, angle, self._verifier.likelihood(view, p, angle)) for p in places]

    def examine(self, view: View, box: Box, angle: float) -> Detection | None:
        """Look closely for one face near `box`, tilted by about `angle` degrees.

        Where the cascade sees it, its box is taken over; whether it is a face is up to the
        network, whose likelihood is the detection's `score`. So a face that is turned too far for
        the cascade stays in sight, in the box that it was followed to.
        """
        box = self._centred(view, box, angle)
        likelihood = self._verifier.likelihood(view, box, angle)
        return Detection(box, likelihood, angle) if likelihood >= LIKELY else None

    def refind(self, view: View, box: Box, angle: float) -> Detection | None:
        """Look for a known face that was lost near `box`, which may be a side's length away by now."""
        for factor in (1.0, 1 / STEP, STEP):
            share = Share(box.grow(1.0).clip(*view.size), box.w * factor, angle)
            for proposal in self.propose(view, share):
                if found := self.examine(view, proposal.box, angle):
                    return found
        return None

    def _centred(self, view: View, box: Box, angle: float) -> Box:
        """The box as the cascade would draw it, where it sees a face near its middle; else as it is."""
        around = box.grow(AROUND)
        side = round(CLOSE * (1 + 2 * AROUND))
        hits = self._cascade.detectMultiScale(
            view.patch(around, (side, side), angle), scaleFactor=CLOSE_STEP, minNeighbors=0
        )
        far = CLOSE * NEAR
        near = [
            Box(*map(float, (x, y, w, h)))
            for x, y, w, h in hits
            if abs(x + w / 2 - side / 2) < far and abs(y + h / 2 - side / 2) < far
        ]
        return _place(_mean(near), (side, side), around, angle) if near else box


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


def _heaps(boxes: Sequence[Box]) -> list[list[Box]]:
    """The boxes in heaps of those that overlap."""
    heaps: list[list[Box]] = []
    for box in boxes:
        near = next((heap for heap in heaps if heap[0].iou(box) > 0.3), None)
        if near is None:
            heaps.append([box])
        else:
            near.append(box)
    return heaps


def _mean(boxes: Sequence[Box]) -> Box:
    return Box(*np.mean(boxes, axis=0).tolist())
