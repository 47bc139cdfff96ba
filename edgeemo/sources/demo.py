"""A camera that needs none: average faces that come, change and leave, for ever.

The faces are averages over hundreds of pictures each (`tools/make_demo.py`): they are nobody's.
What is shown is a function of the frame's index alone.
"""

from __future__ import annotations

import itertools
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import InputError, SourceError
from edgeemo.sources.source import Clock
from edgeemo.types import Frame, Picture

ASSET = Path(__file__).with_name("demo_faces.png")
EMOTIONS = ("neutral", "happiness", "surprise")
"""The tiles of the asset, from left to right."""
TILE_PX = 48
LOOP_S = 36.0
"""The play begins again after this long."""

SKIN = np.array([0.78, 0.88, 1.0], np.float32)
"""What grey is multiplied by, blue first, to look lit by a lamp."""
WALL_TOP = np.array([118, 108, 98], np.float32)
WALL_BOTTOM = np.array([70, 66, 62], np.float32)
EDGE_SOFTNESS = 5.0
"""How fast a face fades at its outline: the fade takes 1/5 of half its side."""

Float = NDArray[np.float32]


class Key(NamedTuple):
    """What a face is like at one instant; between two keys it glides from one to the other.

    `at` is in seconds from the loop's start; `x` and `y` are the centre as shares of the
    picture's width and height; `side` is the tile's side as a share of the height.
    """

    at: float
    x: float
    y: float
    side: float
    emotion: str


PLAY: tuple[tuple[Key, ...], ...] = (
    (  # comes from the left, calm; smiles and steps closer; is surprised; smiles and goes
        Key(0.8, -0.20, 0.50, 0.36, "neutral"),
        Key(2.2, 0.28, 0.48, 0.36, "neutral"),
        Key(4.6, 0.30, 0.50, 0.36, "neutral"),
        Key(5.4, 0.30, 0.50, 0.38, "happiness"),
        Key(8.6, 0.32, 0.52, 0.52, "happiness"),
        Key(9.4, 0.32, 0.52, 0.52, "surprise"),
        Key(12.0, 0.30, 0.48, 0.50, "surprise"),
        Key(12.8, 0.28, 0.48, 0.50, "happiness"),
        Key(14.6, 0.26, 0.50, 0.48, "happiness"),
        Key(16.0, -0.25, 0.52, 0.46, "happiness"),
    ),
    (  # joins from the right, surprised; calms down; leaves after the first
        Key(6.6, 1.20, 0.42, 0.40, "surprise"),
        Key(8.0, 0.72, 0.45, 0.40, "surprise"),
        Key(10.6, 0.70, 0.45, 0.42, "surprise"),
        Key(11.4, 0.70, 0.46, 0.42, "neutral"),
        Key(16.2, 0.66, 0.48, 0.40, "neutral"),
        Key(17.8, 1.20, 0.45, 0.40, "neutral"),
    ),
    (  # after a while another: startled, then glad, then calm
        Key(20.6, 1.20, 0.55, 0.44, "surprise"),
        Key(22.0, 0.66, 0.50, 0.44, "surprise"),
        Key(24.6, 0.64, 0.50, 0.46, "surprise"),
        Key(25.4, 0.64, 0.50, 0.46, "happiness"),
        Key(28.2, 0.66, 0.52, 0.48, "happiness"),
        Key(29.0, 0.66, 0.52, 0.46, "neutral"),
        Key(31.6, 0.68, 0.50, 0.44, "neutral"),
        Key(33.0, 1.25, 0.50, 0.44, "neutral"),
    ),
    (  # meanwhile one comes nearer from the back, smiling, and turns away
        Key(23.5, -0.20, 0.40, 0.30, "happiness"),
        Key(25.5, 0.14, 0.40, 0.32, "happiness"),
        Key(30.0, 0.36, 0.44, 0.44, "happiness"),
        Key(32.0, 0.30, 0.42, 0.42, "happiness"),
        Key(33.6, -0.25, 0.42, 0.42, "happiness"),
    ),
)


class DemoSource:
    """The play, at `fps` frames a second of `size` (width, height), always the same."""

    live = True
    name = "the demo"

    def __init__(
        self, size: tuple[int, int], fps: float = 15.0, clock: Clock = time.monotonic
    ) -> None:
        self._size = size
        self._fps = fps
        self._clock = clock
        self._stage: Stage | None = None
        self._opened_at = 0.0
        self._next = 0

    def open(self) -> None:
        """Begin at the play's first frame."""
        self._stage = Stage(self._size)
        self._opened_at = self._clock()
        self._next = 0

    def read(self) -> Frame:
        """The next frame, before it is due; a reader that is late misses frames, as with a camera."""
        if self._stage is None:
            raise SourceError("the demo is not open")
        elapsed_s = self._clock() - self._opened_at
        index = max(self._next, math.floor(elapsed_s * self._fps))
        self._next = index + 1
        image = self._stage.draw(index / self._fps)
        return Frame(image=image, at=self._opened_at + index / self._fps, index=index)

    def close(self) -> None:
        """End the play."""
        self._stage = None


class Stage:
    """Draws the play into pictures of `size` (width, height)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._wall = wall(size)
        self._faces = load_faces()
        self._mask = outline()

    def draw(self, at: float) -> Picture:
        """The picture at `at` seconds: uint8 (height, width, 3), blue first."""
        picture = self._wall.copy()
        for keys in PLAY:
            if pose := pose_at(keys, at % LOOP_S):
                start, end, progress = pose
                self._paste(picture, start, end, progress)
        return picture

    def _paste(self, picture: Picture, start: Key, end: Key, progress: float) -> None:
        height, width = picture.shape[:2]
        x, y, side = (mix(start[i], end[i], progress) for i in (1, 2, 3))
        pixels = max(1, round(side * height))
        left, top = round(x * width - pixels / 2), round(y * height - pixels / 2)
        seen_x = slice(max(-left, 0), min(pixels, width - left))
        seen_y = slice(max(-top, 0), min(pixels, height - top))
        if seen_x.start >= seen_x.stop or seen_y.start >= seen_y.stop:
            return
        tile = mix(self._faces[start.emotion], self._faces[end.emotion], progress)
        face = _resize(tile, pixels)[seen_y, seen_x, np.newaxis] * SKIN
        cover = _resize(self._mask, pixels)[seen_y, seen_x, np.newaxis]
        there = picture[
            top + seen_y.start : top + seen_y.stop, left + seen_x.start : left + seen_x.stop
        ]
        there[:] = np.clip(mix(there.astype(np.float32), face, cover), 0, 255)


def pose_at(keys: tuple[Key, ...], at: float) -> tuple[Key, Key, float] | None:
    """The keys around `at` and how far it is from the first to the second, 0..1, gliding softly."""
    for start, end in itertools.pairwise(keys):
        if start.at <= at < end.at:
            t = (at - start.at) / (end.at - start.at)
            return start, end, t * t * (3 - 2 * t)
    return None


def mix(start: Any, end: Any, share: Any) -> Any:
    """The value `share` (0..1) of the way from `start` to `end`; numbers and arrays alike."""
    return start + (end - start) * share


def wall(size: tuple[int, int]) -> Picture:
    """An empty room: a wall that is lighter above, uint8 (height, width, 3)."""
    width, height = size
    fall = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, np.newaxis, np.newaxis]
    shade = mix(WALL_TOP, WALL_BOTTOM, fall)
    return np.asarray(np.repeat(shade, width, axis=1), np.uint8)


def outline() -> Float:
    """How much a face covers what is behind it: 1 inside an oval, 0 at the corners, soft between."""
    axis = np.linspace(-1.0, 1.0, TILE_PX, dtype=np.float32)
    distance = np.hypot(axis[np.newaxis, :] / 0.95, axis[:, np.newaxis] / 1.05)
    return np.asarray(np.clip((1.0 - distance) * EDGE_SOFTNESS, 0.0, 1.0), np.float32)


def load_faces(path: Path = ASSET) -> dict[str, Float]:
    """The tiles by emotion, float32 (TILE_PX, TILE_PX) of 0..255. Raises InputError."""
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if sheet is None or sheet.shape != (TILE_PX, TILE_PX * len(EMOTIONS)):
        raise InputError(f"{path} is missing or damaged: install edgeemo again")
    tiles = np.hsplit(np.asarray(sheet, np.float32), len(EMOTIONS))
    return dict(zip(EMOTIONS, tiles, strict=True))


def _resize(tile: Float, side: int) -> Float:
    return np.asarray(cv2.resize(tile, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
