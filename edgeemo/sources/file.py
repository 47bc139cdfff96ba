"""Frames from a video, an animated GIF, a picture or a folder of pictures."""

from __future__ import annotations

import dataclasses
import logging
import time
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from edgeemo.errors import EndOfSource, InputError, SourceError
from edgeemo.sources.container import is_cut_short, is_gif
from edgeemo.sources.source import Clock
from edgeemo.types import Frame, Picture

log = logging.getLogger(__name__)

MS_PER_S = 1000.0
CLEARLY_LESS = 0.9
"""A clip with less than this share of the frames that it announces is damaged."""
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class _Still(NamedTuple):
    """One decoded picture and its time stamp in seconds from the start."""

    image: Picture
    at: float


class _Reader(Protocol):
    """Decodes one input, in order; None at its end."""

    def read(self) -> _Still | None: ...
    def close(self) -> None: ...


class FileSource:
    """Every frame of a file or folder, in order, at its own time stamps.

    With `realtime` it behaves as a camera that sees the clip: frames are due by the clock and
    `live` is true. The pictures of a folder, taken in the order of their names, follow each other
    at `fps`.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float = 15.0,
        realtime: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = str(path)
        self.live = realtime
        self._path = path
        self._fps = fps
        self._clock = clock
        self._reader: _Reader | None = None
        self._opened_at = 0.0
        self._index = 0

    def open(self) -> None:
        """Start at the first frame. Raises InputError if there is nothing usable."""
        self.close()
        self._reader = _open_reader(self._path, self._fps)
        self._opened_at = self._clock()
        self._index = 0

    def read(self) -> Frame:
        """The next frame; at the end EndOfSource."""
        if self._reader is None:
            raise SourceError(f"{self.name} is not open")
        still = self._reader.read()
        if still is None:
            raise EndOfSource(f"{self.name} ended after {self._index} frames")
        frame = Frame(image=still.image, at=still.at, index=self._index)
        self._index += 1
        return dataclasses.replace(frame, at=self._opened_at + still.at) if self.live else frame

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _PictureReader:
    """Pictures at even intervals."""

    def __init__(self, paths: list[Path], fps: float) -> None:
        self._paths = paths
        self._fps = fps
        self._next = 0

    def read(self) -> _Still | None:
        if self._next == len(self._paths):
            return None
        still = _Still(read_picture(self._paths[self._next]), self._next / self._fps)
        self._next += 1
        return still

    def close(self) -> None:
        self._paths = []


class _ClipReader:
    """A video or animated GIF, through FFmpeg."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        self._previous_at = -1.0
        self._decoded = 0
        # FFmpeg takes nearly anything for a clip; only a decoded frame tells that it is one.
        self._first = self._decode()
        if self._first is None:
            raise InputError(f"{path} is neither a picture nor a video that can be read")

    def read(self) -> _Still | None:
        if self._first is not None:
            still, self._first = self._first, None
            return still
        return self._decode()

    def _decode(self) -> _Still | None:
        decoded, image = self._capture.read()
        if not decoded:
            self._say_missing()
            return None
        self._decoded += 1
        at = self._capture.get(cv2.CAP_PROP_POS_MSEC) / MS_PER_S
        if at <= self._previous_at:  # formats without time stamps of their own
            at = self._previous_at + self._interval_s()
        self._previous_at = at = max(at, 0.0)
        return _Still(np.asarray(image, np.uint8), at)

    def _say_missing(self) -> None:
        # Of some formats the number is an estimate: only what is clearly less is worth a word.
        announced = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if 0 < self._decoded < announced * CLEARLY_LESS:
            log.warning(
                "%s is damaged: %d of %d frames can be read", self._path, self._decoded, announced
            )

    def _interval_s(self) -> float:
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return 1.0 / fps if fps > 0 else 1.0 / 25

    def close(self) -> None:
        self._capture.release()


def read_picture(path: Path) -> Picture:
    """Decode a picture file to (height, width, 3), blue first, turned upright by its EXIF data.

    Raises:
        InputError: it is missing, no picture, or cut short.
    """
    _refuse_unusable(path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path} is not a picture that can be read")
    return np.asarray(image, np.uint8)


def _open_reader(path: Path, fps: float) -> _Reader:
    if path.is_dir():
        return _PictureReader(pictures_in(path), fps)
    _refuse_unusable(path)
    if is_picture(path):
        return _PictureReader([path], fps)
    return _ClipReader(path)


def is_picture(path: Path) -> bool:
    """Whether a file starts as a still picture does; an animated GIF is a clip. Raises OSError."""
    """Whether a file is a still picture by its content; an animated GIF is a clip."""
    # Newer OpenCV takes a GIF for a picture and would give its first frame only.
    return bool(cv2.haveImageReader(str(path))) and not is_gif(path)


def _refuse_unusable(path: Path) -> None:
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty")
        if is_cut_short(path):
            raise InputError(f"{path} is cut short: its end is missing; copy it again")
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder, by name. Raises InputError if it can't be read or holds none."""
    """The pictures of a folder, in the order of their names.

    Raises:
        InputError: there is none, or the folder can't be read.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.is_file())
    except OSError as error:
        raise InputError(f"can't read {folder}: {error.strerror or error}") from error
    # A broken picture is kept, to be named when its turn comes; other files are left out.
    pictures = [p for p in files if p.suffix.lower() in PICTURE_SUFFIXES or is_picture(p)]
    if not pictures:
        others = f"only {len(files)} other files" if files else "nothing at all"
        raise InputError(f"{folder} holds no picture, {others}")
    return pictures
