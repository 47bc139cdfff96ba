"""Drawing what edgeemo saw onto a picture; only ever on the user's request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edgeemo.errors import InputError
from edgeemo.filename import opencv_name
from edgeemo.types import UNCERTAIN, Box, Face, Picture

BLACK = (0, 0, 0)
WHITE = (255, 255, 255)
GREY = (160, 160, 160)
PALETTE = (
    *((60, 60, 220), (60, 160, 60), (160, 60, 160), (40, 190, 240)),
    *((200, 130, 40), (60, 130, 240), (190, 190, 190), (150, 150, 60)),
)
"""Colours (blue, green, red) of the labels, in their order."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT_HEIGHT = 22
"""Pixels that FONT's capitals are high at scale 1."""
CLIP_CODES = {".avi": "MJPG", ".mp4": "mp4v"}
"""The clips that OpenCV's wheels can write, and how."""
WRITABLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""Those of pictures."""


def annotated(picture: Picture, faces: Sequence[Face]) -> Picture:
    """A copy of a picture (grey or blue-green-red) with each face's box, label and a bar of scores."""
    canvas = picture.copy() if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    for face in faces:
        _draw_face(np.asarray(canvas, np.uint8), face)
    return np.asarray(canvas, np.uint8)


def _draw_face(canvas: Picture, face: Face) -> None:
    height, width = canvas.shape[:2]
    x, y, w, h = face.track.box.clip(width, height).rounded()
    labels = face.scores.labels
    colour = GREY if face.label == UNCERTAIN else PALETTE[labels.index(face.label) % len(PALETTE)]
    line = max(1, round(min(height, width) / 240))
    cv2.rectangle(canvas, (x, y), (x + w, y + h), colour, line)
    _draw_bar(canvas, Box(x, y + h, w, max(4, h // 12)), face)
    _draw_text(canvas, f"{face.track.id} {face.label} {face.confidence:.0%}", (x, y), w)


def _draw_bar(canvas: Picture, place: Box, face: Face) -> None:
    """Every label's share of the width, in its colour."""
    left = place.x
    for index, value in enumerate(face.scores.values):
        right = left + value * place.w
        corners = (round(left), round(place.y)), (round(right), round(place.bottom))
        cv2.rectangle(canvas, *corners, PALETTE[index % len(PALETTE)], cv2.FILLED)
        left = right


def _draw_text(canvas: Picture, text: str, above: tuple[int, int], width: int) -> None:
    (natural, _), _ = cv2.getTextSize(text, FONT, 1.0, 1)
    scale = min(max(width / natural, 0.35), 1.0)
    gap = 4
    baseline = above[1] - gap if above[1] > TEXT_HEIGHT * scale + gap else above[1] + TEXT_HEIGHT
    # Twice: a dark outline keeps it readable on a light ground.
    for colour, thickness in ((BLACK, 3), (WHITE, 1)):
        place = (above[0], round(baseline))
        cv2.putText(canvas, text, place, FONT, scale, colour, thickness, cv2.LINE_AA)


class Canvas(Protocol):
    """Where annotated pictures of one input go."""

    def add(self, picture: Picture) -> None:
        """Take the next picture. Raises InputError if it can't be written."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def open_canvas(path: Path, fps: float | None) -> Canvas:
    """A writer for a clip of `fps` pictures a second, or for a picture where that is None.

    The file's ending decides the format.

    Raises:
        InputError: nothing can be written in such a format.
    """
    known = WRITABLE_SUFFIXES if fps is None else CLIP_CODES
    if path.suffix.lower() not in known:
        raise InputError(f"can't write {path}: its name should end in one of {', '.join(known)}")
    return PictureCanvas(path) if fps is None else ClipCanvas(path, fps)


class PictureCanvas:
    """Writes one picture."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, picture: Picture) -> None:
        """Write the picture."""
        with opencv_name(self._path) as name:
            is_written = cv2.imwrite(name, picture)
        if not is_written:
            raise _unwritable(self._path)

    def close(self) -> None:
        """Nothing is open."""


class ClipCanvas:
    """Writes pictures of one size into a clip, `fps` a second."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None

    def add(self, picture: Picture) -> None:
        """Append a picture."""
        if self._writer is None:
            self._writer = self._open(picture)
        self._writer.write(picture)

    def _open(self, picture: Picture) -> cv2.VideoWriter:
        height, width = picture.shape[:2]
        code = cv2.VideoWriter.fourcc(*CLIP_CODES[self._path.suffix.lower()])
        with opencv_name(self._path) as name:
            writer = cv2.VideoWriter(name, code, self._fps, (width, height))
        if not writer.isOpened():
            raise _unwritable(self._path)
        return writer

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None


def _unwritable(path: Path) -> InputError:
    return InputError(f"can't write {path}: does its folder exist, and may you write there?")
