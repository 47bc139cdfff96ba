"""Decoding pictures and clips, one after the other, each with its time stamp."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from edgeemo.errors import InputError
from edgeemo.filename import opencv_name
from edgeemo.sources.container import is_cut_short, is_gif
from edgeemo.sources.opencv import frames_per_second
from edgeemo.types import Picture

log = logging.getLogger(__name__)

MS_PER_S = 1000.0
CLEARLY_LESS = 0.9
"""A clip with less than this share of the frames that it announces is damaged."""
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class Still(NamedTuple):
    """One decoded picture and its time stamp in seconds from the start."""

    image: Picture
    at: float


class Reader(Protocol):
    """Decodes one input, in order; None at its end."""

    def read(self) -> Still | None:
        """The next one. Raises InputError where it can't be decoded."""

    def close(self) -> None:
        """Let go of the file."""


class PictureReader:
    """Pictures at even intervals."""

    def __init__(self, paths: list[Path], fps: float) -> None:
        """Begin with the first of `paths`; `fps` follow each other in a second."""
        self._paths = paths
        self._fps = fps
        self._next = 0

    def read(self) -> Still | None:
        """The next picture; None after the last."""
        if self._next == len(self._paths):
            return None
        still = Still(read_picture(self._paths[self._next]), self._next / self._fps)
        self._next += 1
        return still

    def close(self) -> None:
        """Forget them."""
        self._paths = []


class ClipReader:
    """A video or animated GIF, through FFmpeg."""

    def __init__(self, path: Path) -> None:
        """Open it and decode the first frame. Raises InputError if there is none."""
        self._path = path
        self._capture = _open_capture(path)
        self._previous_at = -1.0
        self._decoded = 0
        # FFmpeg takes nearly anything for a clip; only a decoded frame tells that it is one.
        self._first = self._decode()
        if self._first is None:
            raise InputError(f"{path} is neither a picture nor a video that can be read")

    def read(self) -> Still | None:
        """The next frame; None after the last."""
        if self._first is not None:
            still, self._first = self._first, None
            return still
        return self._decode()

    def _decode(self) -> Still | None:
        decoded, image = self._capture.read()
        if not decoded:
            self._say_missing()
            return None
        self._decoded += 1
        at = self._capture.get(cv2.CAP_PROP_POS_MSEC) / MS_PER_S
        if at <= self._previous_at:  # formats without time stamps of their own
            at = self._previous_at + 1.0 / frames_per_second(self._capture)
        self._previous_at = at = max(at, 0.0)
        return Still(np.asarray(image, np.uint8), at)

    def _say_missing(self) -> None:
        # Of some formats the number is an estimate: only what is clearly less is worth a word.
        announced = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if 0 < self._decoded < announced * CLEARLY_LESS:
            log.warning(
                "%s is damaged: %d of %d frames can be read", self._path, self._decoded, announced
            )

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def clip_fps(path: Path) -> float:
    """How many frames a second a clip says that it has; a usual number where it does not."""
    capture = _open_capture(path)
    fps = frames_per_second(capture)
    capture.release()
    return fps


def _open_capture(path: Path) -> cv2.VideoCapture:
    with opencv_name(path) as name:
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG)


def read_picture(path: Path) -> Picture:
    """Decode a picture file to (height, width, 3), blue first, turned upright by its EXIF data.

    Raises:
        InputError: it is missing, no picture, cut short, or of more than 2^30 pixels.
    """
    _refuse_unusable(path)
    try:
        with opencv_name(path) as name:
            image = cv2.imread(name, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{path} can't be decoded: it is damaged, or too large") from error
    if image is None:
        raise InputError(f"{path} is not a picture that can be read")
    return np.asarray(image, np.uint8)


def open_reader(path: Path, fps: float) -> Reader:
    """The reader that fits what is at `path`; `fps` is for the pictures of a folder.

    Raises:
        InputError: there is nothing, or nothing usable.
    """
    if is_folder(path):
        return PictureReader(files_in(path, _may_be_picture, "picture"), fps)
    _refuse_unusable(path)
    if is_picture(path):
        return PictureReader([path], fps)
    return ClipReader(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, as far as this user can tell: what can't be looked at is none."""
    # Path.is_dir raises where a folder on the way is closed: who reads or writes there says it better.
    return os.path.isdir(path)  # noqa: PTH112


def is_picture(path: Path) -> bool:
    """Whether a file is decoded as a picture, by its content; a GIF is read as a clip. Raises OSError."""
    # Newer OpenCV takes a GIF for a picture, and would give the first frame only of an animated one.
    with opencv_name(path) as name:
        return bool(cv2.haveImageReader(name)) and not is_gif(path)


def _refuse_unusable(path: Path) -> None:
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty")
        if is_cut_short(path):
            raise InputError(f"{path} is cut short: its end is missing; copy it again")
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error


def files_in(folder: Path, is_wanted: Callable[[Path], bool], kind: str) -> list[Path]:
    """The files of a folder that are wanted, in the order of their names; `kind` is what they are.

    Raises:
        InputError: there is none, or the folder can't be read.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.is_file())
        wanted = [p for p in files if is_wanted(p)]
    except OSError as error:
        raise InputError(f"can't read {folder}: {error.strerror or error}") from error
    if not wanted:
        others = f"only {len(files)} other files" if files else "nothing at all"
        raise InputError(f"{folder} holds no {kind}, {others}")
    return wanted


def _may_be_picture(path: Path) -> bool:
    """Whether a file is a picture, or by its name a broken one: that is named when its turn comes."""
    return path.suffix.lower() in PICTURE_SUFFIXES or is_picture(path)
