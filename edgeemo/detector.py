"""Faces in one grey picture, by OpenCV's Haar cascades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from edgeemo.config import DetectConfig
from edgeemo.errors import RuntimeMissingError
from edgeemo.types import Box, Detection, Picture

WINDOW = 24
"""Side in pixels of the smallest face that the frontal cascade can find."""

CASCADE_DIRS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades"))
"""Where Debian's opencv-data puts what the wheels carry inside."""


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
    """Finds upright frontal faces. Not for use from several threads at once.

    `refused` counts, by cause, what the last `detect` found and did not count as a face.
    """

    def __init__(self, config: DetectConfig) -> None:
        # One thread for all of OpenCV: its pool costs more than it brings on pictures this small,
        # and would fight with the interpreter's.
        cv2.setNumThreads(1)
        self._config = config
        self._cascade = load_cascade("frontalface_default")
        self.refused: Counter[str] = Counter()

    def detect(self, grey: Picture, frame_size: tuple[int, int]) -> list[Detection]:
        """The faces of a grey picture of any size, their boxes in pixels of `frame_size`."""
        width, height = frame_size
        self.refused.clear()
        smallest = max(self._config.min_face_px, self._config.min_face_share * height)
        small = _shrink(grey, round(width * WINDOW / smallest))
        found, weights = self._cascade.detectMultiScale2(
            small, scaleFactor=1.1, minNeighbors=5, minSize=(WINDOW, WINDOW)
        )
        scale_x, scale_y = width / small.shape[1], height / small.shape[0]
        faces = [
            Detection(Box(*map(float, rect)).scale(scale_x, scale_y), float(weight))
            for rect, weight in zip(found, weights, strict=True)
        ]
        return list(self._counting(faces, frame_size))

    def _counting(
        self, faces: Iterable[Detection], frame_size: tuple[int, int]
    ) -> Iterable[Detection]:
        for face in faces:
            if self._is_excluded(face.box, frame_size):
                self.refused["zone"] += 1
            else:
                yield face

    def _is_excluded(self, box: Box, frame_size: tuple[int, int]) -> bool:
        x, y = box.center[0] / frame_size[0], box.center[1] / frame_size[1]
        return any(
            left <= x <= left + width and top <= y <= top + height
            for left, top, width, height in self._config.exclude
        )


def _shrink(grey: Picture, width: int) -> Picture:
    """The picture at `width` pixels across, or as it is if it is no wider."""
    if width >= grey.shape[1]:
        return grey
    height = max(1, round(grey.shape[0] * width / grey.shape[1]))
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
