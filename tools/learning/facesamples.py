"""Pictures to learn from what a face is: faces as a detector frames them, and what is none.

Pure numpy and OpenCV on grey uint8 pictures; the random generator is passed in. Faces are FER2013's:
48 x 48, framed as Haar frames them. What is no face comes from places without people and most of
all from what looks like a face to the cascade there, from faces cut, turned and shuffled until they
are none, and from patterns of blobs and stripes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.sight.view import turned
from edgeemo.types import Box, Picture

Random = np.random.Generator
Pictures = Sequence[Picture]


class Material(NamedTuple):
    """Grey pictures that samples are cut from: faces, places without any, and what looks like one."""

    faces: Pictures
    places: Pictures
    lookalikes: Pictures


SIDE = 24
"""Pixels along a side of a sample, and of the network's input: a small face has no more."""
FACE = 48
"""Pixels along a side of the faces."""
SCENE = 2 * FACE
"""... and of a scene with one in its middle."""
UPRIGHT = 20.0
"""Degrees by which an upright face may be tilted: the search tries every 30."""

ROWS, COLUMNS = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)


def sample(material: Material, random: Random) -> tuple[Picture, bool]:
    """One sample (SIDE, SIDE) and whether it shows a face: every second one does."""
    is_face = bool(random.random() < 0.5)
    picture = _face(material, random) if is_face else _other(material, random)
    return _light(picture, random), is_face


def samples(count: int, material: Material, seed: int) -> tuple[Picture, NDArray[np.bool_]]:
    """`count` samples (count, SIDE, SIDE) and whether they show a face; the seed decides which."""
    random = np.random.default_rng(seed)
    made = [sample(material, random) for _ in range(count)]
    return np.stack([picture for picture, _ in made]), np.array([is_face for _, is_face in made])


def _face(material: Material, random: Random) -> Picture:
    """A face as it may be framed: a little off, too near or too far, tilted, before something."""
    face = _pick(material.faces, random)
    if random.random() < 0.5:
        face = np.ascontiguousarray(face[:, ::-1])
    is_wide = random.random() < 0.45
    picture = _scene(face, material.places, random) if is_wide else face
    side = FACE * random.uniform(0.85, 1.3 if is_wide else 1.1)
    dx, dy = random.uniform(-0.11, 0.11, 2) * side
    return _cut(picture, dx, dy, side, random.uniform(-UPRIGHT, UPRIGHT))


def _other(material: Material, random: Random) -> Picture:
    faces, places, lookalikes = material
    kinds: list[Callable[[], Picture]] = [
        lambda: _lookalike(lookalikes, random),
        lambda: _part_of_place(places, random),
        lambda: _part_of_face(faces, places, random),
        lambda: _shuffled(_pick(faces, random), random),
        lambda: _pattern(random),
    ]
    return kinds[random.choice(len(kinds), p=[0.3, 0.25, 0.27, 0.08, 0.1])]()


def _lookalike(lookalikes: Pictures, random: Random) -> Picture:
    picture = _pick(lookalikes, random)
    if random.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
    # A look-alike comes with half of its side around it.
    side = picture.shape[0] / 2 * random.uniform(0.8, 1.25)
    dx, dy = random.uniform(-0.15, 0.15, 2) * side
    return _cut(picture, dx, dy, side, random.uniform(-UPRIGHT, UPRIGHT))


def _part_of_place(places: Pictures, random: Random) -> Picture:
    place = _pick(places, random)
    x, y = random.uniform(-0.5, 0.5, 2) * place.shape[1::-1]
    cut = _cut(place, x, y, random.uniform(24, 140), random.uniform(-180, 180))
    return np.ascontiguousarray(cut[:, ::-1]) if random.random() < 0.5 else cut


def _part_of_face(faces: Pictures, places: Pictures, random: Random) -> Picture:
    """A face far off the middle, an eye or a mouth alone, a whole head too small, one on its side."""
    scene = _scene(_pick(faces, random), places, random)
    away = random.uniform(0, 2 * np.pi)
    far = random.uniform(0.42, 0.9) * FACE
    near = random.uniform(-FACE / 3, FACE / 3, 2)
    tilt = random.uniform(-30, 30)
    lying = random.choice([-1, 1]) * random.uniform(75, 180)
    kinds: list[tuple[float, float, float, float]] = [
        (far * np.cos(away), far * np.sin(away), random.uniform(0.7, 1.3), tilt),
        (near[0], near[1], random.uniform(0.25, 0.5), tilt),
        (0.0, 0.0, random.uniform(1.75, 2.6), tilt),
        (near[0] / 3, near[1] / 3, random.uniform(0.8, 1.3), lying),
    ]
    x, y, size, angle = kinds[random.choice(len(kinds), p=[0.35, 0.25, 0.15, 0.25])]
    return _cut(scene, x, y, FACE * size, angle)


def _shuffled(face: Picture, random: Random) -> Picture:
    """The quarters, or ninths, of a face in another order."""
    parts = int(random.choice([2, 3]))
    tiles = [tile for row in np.vsplit(face, parts) for tile in np.hsplit(row, parts)]
    order = random.permutation(len(tiles))
    if (order == np.arange(len(tiles))).all():
        order = order[::-1]
    rows = [np.hstack([tiles[i] for i in row]) for row in order.reshape(parts, parts)]
    return _cut(np.vstack(rows), 0, 0, FACE * random.uniform(0.8, 1), random.uniform(-20, 20))


def _pattern(random: Random) -> Picture:
    """Blobs, stripes, or a heap of rectangles, ellipses or lines."""
    kind = int(random.integers(5))
    if kind == 0:
        levels = random.uniform(0, 255, (int(random.integers(3, 24)),) * 2).astype(np.float32)
        picture = cv2.resize(levels, (FACE, FACE), interpolation=cv2.INTER_CUBIC)
    elif kind == 1:
        turn, rows, columns = random.uniform(0, np.pi), *np.mgrid[:FACE, :FACE]
        wave = (columns * np.cos(turn) + rows * np.sin(turn)) * random.uniform(0.1, 0.9)
        picture = 127 + 120 * np.sign(np.sin(wave + random.uniform(0, 6)))
    else:
        picture = _heap(kind, random)
    grey = np.clip(picture, 0, 255).astype(np.uint8)
    return _cut(grey, 0, 0, random.uniform(16, 48), random.uniform(-180, 180))


def _heap(kind: int, random: Random) -> NDArray[np.float32]:
    picture = np.full((FACE, FACE), random.uniform(0, 255), np.float32)
    for _ in range(int(random.integers(2, 12))):
        level = float(random.uniform(0, 255))
        a, b, c, d = (int(n) for n in random.integers(0, FACE, 4))
        if kind == 2:
            cv2.rectangle(picture, (a, b), (c, d), level, -1)
        elif kind == 3:
            axes, turn = (c // 3 + 1, d // 3 + 1), float(random.uniform(0, 180))
            cv2.ellipse(picture, (a, b), axes, turn, 0, 360, level, -1)
        else:
            cv2.line(picture, (a, b), (c, d), level, int(random.integers(1, 6)))
    return _blurred(picture, random.uniform(0.5, 2))


def _scene(face: Picture, places: Pictures, random: Random) -> Picture:
    """A face in the middle of twice its size: hair, neck and a place behind it."""
    place = _pick(places, random)
    side = int(random.integers(40, min(place.shape)))
    y, x = (int(random.integers(0, n - side + 1)) for n in place.shape)
    behind = place[y : y + side, x : x + side]
    scene = cv2.resize(behind, (SCENE, SCENE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if random.random() < 0.7:
        hair = int(random.integers(22, 34)), int(random.integers(28, 40))
        cv2.ellipse(scene, (48, 40), hair, 0, 0, 360, float(random.uniform(0, 160)), -1)
        scene = _blurred(scene, 2)
    if random.random() < 0.5:
        skin = float(face[36:44, 18:30].mean())
        cv2.rectangle(scene, (34, 60), (62, 96), skin, -1)
    opaque = np.zeros((SCENE, SCENE), np.float32)
    cv2.ellipse(opaque, (48, 48), (21, 25), 0, 0, 360, 1.0, -1)
    opaque = _blurred(opaque, 2.5)
    front = np.zeros_like(opaque)
    front[24:72, 24:72] = face
    return np.asarray(scene * (1 - opaque) + front * opaque, np.uint8)


def _light(picture: Picture, random: Random) -> Picture:
    """What lenses, lamps, distance and sensors do to a picture."""
    pixels = picture.astype(np.float32)
    if random.random() < 0.35:
        few = int(random.integers(10, 22))
        small = cv2.resize(pixels, (few, few), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(small, (SIDE, SIDE)), np.float32)
    if random.random() < 0.3:
        pixels = _blurred(pixels, random.uniform(0.4, 1.3))
    if random.random() < 0.35:
        turn = random.uniform(0, 2 * np.pi)
        across = COLUMNS * np.cos(turn) + ROWS * np.sin(turn)
        pixels = pixels * (1 + random.uniform(0, 0.7) * across)
    pixels = 255 * (np.clip(pixels, 1, 255) / 255) ** np.exp(random.normal(0, 0.25))
    level = float(pixels.mean())
    contrast = np.exp(random.normal(-0.15, 0.4))
    pixels = (pixels - level) * contrast + level * np.exp(random.normal(0, 0.2))
    pixels = pixels + random.normal(0, random.choice([0, 2, 5, 9]), pixels.shape)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def _cut(picture: Picture, dx: float, dy: float, side: float, angle: float) -> Picture:
    """A square of `side` pixels, (dx, dy) off the middle, turned upright by `angle`, as a sample."""
    height, width = picture.shape
    box = Box(width / 2 + dx - side / 2, height / 2 + dy - side / 2, side, side)
    while box.w > 2 * SIDE:
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        picture = np.asarray(
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        box = box.scale(0.5)
    return turned(picture, box, (SIDE, SIDE), angle, border=cv2.BORDER_REPLICATE)


def _blurred(pixels: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), deviation), np.float32)


def _pick(pictures: Pictures, random: Random) -> Picture:
    return pictures[int(random.integers(len(pictures)))]
