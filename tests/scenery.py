"""Scenes with the demo's average faces in them, and a classifier that knows those faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.preprocess import crop, to_grey
from edgeemo.sources.demo import EMOTIONS, TILE_PX, load_faces, outline, wall
from edgeemo.types import Box, Frame, Picture, Scores

SIZE = (480, 270)
TILES = load_faces()
OUTLINE = outline()
AROUND_PX = 62
"""A box and its surroundings, in which a face of TILE_SIDES is looked for."""
TILE_SIDES = (40, 44, 48, 52)


class Actor(NamedTuple):
    """A face in a scene: its middle and side in pixels, what it expresses, its tilt in degrees."""

    x: float
    y: float
    side: float = 96.0
    emotion: str = "neutral"
    tilt: float = 0.0

    @property
    def box(self) -> Box:
        """Where it is, as Haar frames a face: a little inside of the tile."""
        side = 0.9 * self.side
        return Box(self.x - side / 2, self.y - side / 2, side, side)


def paint(actors: Iterable[Actor], size: tuple[int, int] = SIZE, light: float = 1.0) -> Picture:
    """A wall with faces before it, uint8 (height, width, 3); `light` 1 is day, 0.1 a dark night."""
    picture: NDArray[np.float32] = wall(size).astype(np.float32)
    for actor in actors:
        scale = actor.side / TILE_PX
        turn = cv2.getRotationMatrix2D((TILE_PX / 2, TILE_PX / 2), -actor.tilt, scale)
        turn[0, 2] += actor.x - TILE_PX / 2
        turn[1, 2] += actor.y - TILE_PX / 2
        face = cv2.warpAffine(TILES[actor.emotion], turn, size, flags=cv2.INTER_CUBIC)
        cover = cv2.warpAffine(OUTLINE, turn, size)
        there = np.asarray(cover, np.float32)[:, :, np.newaxis]
        picture = picture * (1 - there) + np.asarray(face, np.float32)[:, :, np.newaxis] * there
    return np.asarray(np.clip(picture * light, 0, 255), np.uint8)


def play(
    script: Callable[[float], Sequence[Actor]],
    seconds: float,
    fps: float = 12.5,
    size: tuple[int, int] = SIZE,
    light: float = 1.0,
) -> Iterator[Frame]:
    """The frames of a scene whose actors are given by the time."""
    for index in range(round(seconds * fps)):
        at = index / fps
        yield Frame(paint(script(at), size, light), at, index)


class TileClassifier:
    """Tells by correlation which of the average faces a face is most like."""

    labels = EMOTIONS

    def __init__(self) -> None:
        self.runs = 0
        self._tiles = [
            np.asarray(cv2.resize(TILES[emotion], (side, side))[4:-4, 4:-4], np.uint8)
            for emotion in EMOTIONS
            for side in TILE_SIDES
        ]

    def classify(self, picture: Picture, faces: Iterable[tuple[Box, float]]) -> list[Scores]:
        """Scores over EMOTIONS, the most alike far ahead."""
        return [self._one(picture, box, angle) for box, angle in faces]

    def _one(self, picture: Picture, box: Box, angle: float) -> Scores:
        self.runs += 1
        face = crop(to_grey(picture), box.grow(0.15), (AROUND_PX, AROUND_PX), angle)
        hits = [cv2.matchTemplate(face, tile, cv2.TM_CCOEFF_NORMED).max() for tile in self._tiles]
        alike = np.array(hits).reshape(len(EMOTIONS), -1).max(axis=1)
        odds = np.exp(60 * (alike - alike.max()))
        return Scores(self.labels, tuple((odds / odds.sum()).tolist()))
