"""Random changes to training faces: what a Haar box, a lamp and a tilted head do to a face in life.

Pure numpy and OpenCV on uint8 batches, before normalisation; the random generator is passed in, so
that a batch depends on nothing but its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.types import Picture


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the changes; the default changes nothing.

    Lengths are shares of the side, angles degrees, chances 0..1.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    """Side of the crop relative to the picture; below 1 the face gets larger."""
    stretch: float = 0.0
    """How much taller or flatter the crop may be than square."""
    shift: float = 0.0
    rotation: float = 0.0
    shear: float = 0.0
    """A slope: how far a row moves sideways for each row below the middle."""
    flip: float = 0.0
    brightness: float = 0.0
    """Share of the full scale that is added or taken away at most."""
    contrast: tuple[float, float] = (1.0, 1.0)
    blur: float = 0.0
    """Chance to lose detail, as a small face in a camera picture has."""
    erase: float = 0.0
    """Chance that a rectangle is painted over with noise (Zhong et al. 2020, "Random Erasing")."""
    erase_area: tuple[float, float] = (0.02, 0.15)

    def __call__(
        self, pictures: Picture, random: np.random.Generator, size: tuple[int, int] | None = None
    ) -> Picture:
        """Changed copies of uint8 pictures (n, height, width[, channels]), at `size` (width, height).

        Without a size they keep their shape.
        """
        size = size or (pictures.shape[2], pictures.shape[1])
        changed = [self._one(picture, random, size) for picture in pictures]
        return np.stack(changed)

    def _one(self, picture: Picture, random: np.random.Generator, size: tuple[int, int]) -> Picture:
        moved = self._light(self._move(picture, random, size), random)
        if random.random() < self.blur:
            moved = _lose_detail(moved, random.uniform(0.4, 0.8))
        if random.random() < self.erase:
            _erase(moved, self.erase_area, random)
        return moved

    def _move(
        self, picture: Picture, random: np.random.Generator, size: tuple[int, int]
    ) -> Picture:
        """Zoom, turn, shear, shift, flip and resize in a single resampling."""
        height, width = picture.shape[:2]
        side = random.uniform(*self.zoom)
        zoom = side, side * random.uniform(1 - self.stretch, 1 + self.stretch)
        turn = np.deg2rad(random.uniform(-self.rotation, self.rotation))
        shear = random.uniform(-self.shear, self.shear)
        shift = random.uniform(-self.shift, self.shift, 2) * (width, height)
        mirror = -1.0 if random.random() < self.flip else 1.0
        turning = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        linear = turning @ np.array([[zoom[0] * mirror, shear], [0.0, zoom[1]]])
        linear *= (width / size[0], height / size[1])
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        target = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
        to_source = np.column_stack([linear, middle + shift - linear @ target])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(
            picture, to_source, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, np.uint8)

    def _light(self, picture: Picture, random: np.random.Generator) -> Picture:
        gain = random.uniform(*self.contrast)
        offset = 255.0 * random.uniform(-self.brightness, self.brightness)
        middle = float(picture.mean())
        table = (np.arange(256.0) - middle) * gain + middle + offset
        return np.asarray(cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8)), np.uint8)


def _lose_detail(picture: Picture, share: float) -> Picture:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _erase(picture: Picture, area: tuple[float, float], random: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    share, aspect = random.uniform(*area), np.exp(random.uniform(-1.0, 1.0))
    h = min(height, max(1, round(height * np.sqrt(share * aspect))))
    w = min(width, max(1, round(width * np.sqrt(share / aspect))))
    y, x = random.integers(height - h + 1), random.integers(width - w + 1)
    noise = random.integers(0, 256, (h, w, *picture.shape[2:]), dtype=np.uint8)
    picture[y : y + h, x : x + w] = noise


Arrays = dict[str, NDArray[np.float32]]


def mix(
    inputs: NDArray[np.float32],
    shares: Arrays,
    weights: Arrays,
    alpha: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], Arrays, Arrays]:
    """Blend each example with another of the batch (Zhang et al. 2018, "mixup").

    `inputs` is (n, ...), `shares` (n, classes) and `weights` (n,) by head; the part of the first is
    drawn from Beta(alpha, alpha) once a batch. A side that weighs nothing adds nothing to a target.
    """
    part = np.float32(random.beta(alpha, alpha))
    other = random.permutation(len(inputs))
    blended = part * inputs + (1 - part) * inputs[other]
    mixed, mass = {}, {}
    for head, values in shares.items():
        first, second = part * weights[head], (1 - part) * weights[head][other]
        mass[head] = first + second
        total = np.maximum(mass[head], np.float32(1e-6))[:, None]
        both = first[:, None] * values + second[:, None] * values[other]
        mixed[head] = (both / total).astype(np.float32)
    return blended, mixed, mass
