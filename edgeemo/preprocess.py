"""From a face in a picture to the network's input: the one place where this is written.

Training, conversion, evaluation and the daemon all come through here.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.sidecar import Sidecar
from edgeemo.types import Box, Picture

LEVELS = 255.0
"""Greatest value of a uint8 pixel."""


def to_grey(picture: Picture) -> Picture:
    """A (height, width) grey picture of a grey or blue-green-red one; grey comes back as it is.

    Weights are those of ITU-R BT.601, as in OpenCV's COLOR_BGR2GRAY.
    """
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def to_channels(picture: Picture, channels: int) -> Picture:
    """A (height, width) picture for 1 channel, (height, width, 3) red-green-blue for 3."""
    if channels == 1:
        return to_grey(picture)
    code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)


def square(box: Box, margin: float) -> Box:
    """The square around a box's centre with its longer side, grown by `margin` on every side."""
    side = max(box.w, box.h)
    x, y = box.center
    return Box(x - side / 2, y - side / 2, side, side).grow(margin)


def crop(picture: Picture, box: Box, size: tuple[int, int], angle: float = 0.0) -> Picture:
    """Cut `box` out of a picture, turned upright by `angle` degrees, at `size` (width, height).

    Outside the picture its edge is repeated. Shrinking is done on an area basis first, so that a
    large face is not sampled sparsely. Keeps the number of channels.
    """
    width, height = size
    halvings = max(0, math.floor(math.log2(max(box.w / width, 1.0))))
    if halvings:
        picture, box = _reduce(picture, box, 2**halvings)
    x, y = box.center
    turn = math.radians(angle)
    fx, fy = box.w / width, box.h / height
    cos, sin = math.cos(turn), math.sin(turn)
    # Maps a point of the crop to a point of the picture (hence WARP_INVERSE_MAP); pixel centres meet.
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    to_picture = np.array(
        [
            [fx * cos, -fy * sin, x - 0.5 - fx * cos * middle_x + fy * sin * middle_y],
            [fx * sin, fy * cos, y - 0.5 - fx * sin * middle_x - fy * cos * middle_y],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, to_picture, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _reduce(picture: Picture, box: Box, factor: int) -> tuple[Picture, Box]:
    """The surroundings of a box at 1/factor of their size, and the box in them."""
    height, width = picture.shape[:2]
    # A turned crop reaches half a diagonal from the centre: 0.25 on every side covers any angle.
    around = box.grow(0.25).clip(width, height)
    left, top = math.floor(around.x), math.floor(around.y)
    part = picture[top : math.ceil(around.bottom), left : math.ceil(around.right)]
    if part.size == 0:
        return picture, box
    small = (max(1, part.shape[1] // factor), max(1, part.shape[0] // factor))
    shrunk = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
    scale_x, scale_y = small[0] / part.shape[1], small[1] / part.shape[0]
    return shrunk, box.shift(-left, -top).scale(scale_x, scale_y)


def normalize(pixels: Picture, sidecar: Sidecar) -> NDArray[np.float32]:
    """Map uint8 pixels of any shape to the range the network was trained on, as float32."""
    low, high = sidecar.value_range
    gain = np.float32((high - low) / LEVELS)
    values: NDArray[np.float32] = pixels.astype(np.float32) * gain + np.float32(low)
    if sidecar.standardize:
        values -= values.mean(dtype=np.float32)
        # A picture of one tone has rounding errors only: they are not blown up past a grey level.
        values /= max(values.std(), gain)
    return values


def face_input(
    picture: Picture, box: Box, sidecar: Sidecar, angle: float = 0.0
) -> NDArray[np.float32]:
    """The network's input for the face in `box`: float32 (height, width, channels), normalised."""
    size = (sidecar.width, sidecar.height)
    face = crop(picture, square(box, sidecar.margin), size, angle)
    return normalize(as_planes(to_channels(face, sidecar.channels)), sidecar)


def picture_input(picture: Picture, sidecar: Sidecar) -> NDArray[np.float32]:
    """The network's input for a picture that is a face already, edge to edge, as data sets have it."""
    fitted = fit(picture, (sidecar.width, sidecar.height))
    return normalize(as_planes(to_channels(fitted, sidecar.channels)), sidecar)


def fit(picture: Picture, size: tuple[int, int]) -> Picture:
    """The whole picture at `size` (width, height); as it is when it has that size already."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_planes(picture: Picture) -> Picture:
    """(height, width) as (height, width, 1); (height, width, channels) as it is."""
    return picture[:, :, np.newaxis] if picture.ndim == 2 else picture
