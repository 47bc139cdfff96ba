"""From a face in a picture to the network's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeemo import preprocess
from edgeemo.sidecar import Sidecar
from edgeemo.types import Box, Picture


def sidecar(**fields: Any) -> Sidecar:
    """A sidecar of a grey 8x8 network."""
    given = {"name": "t", "labels": ("a", "b"), "width": 8, "height": 8, "channels": 1}
    return Sidecar(**{**given, "sha256": "0" * 64, **fields})


def ramp(width: int, height: int) -> Picture:
    """A grey picture whose value is its column."""
    return np.tile(np.arange(width, dtype=np.uint8), (height, 1))


def test_to_grey_weighs_by_bt601() -> None:
    """Blue, green and red weigh 0.114, 0.587 and 0.299; grey stays as it is."""
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert preprocess.to_grey(colours).tolist() == [[29, 150, 76]]
    grey = ramp(4, 4)
    assert preprocess.to_grey(grey) is grey


def test_to_channels_gives_red_first() -> None:
    """Networks see red-green-blue; OpenCV has blue first."""
    assert preprocess.to_channels(np.array([[[1, 2, 3]]], np.uint8), 3).tolist() == [[[3, 2, 1]]]


def test_square_takes_the_longer_side_and_the_margin() -> None:
    """A margin of 0.25 adds a quarter on every side of the square."""
    assert preprocess.square(Box(10, 10, 20, 40), 0.25) == Box(-10, 0, 60, 60).shift(0, 0)


def test_crop_of_whole_pixels_is_the_picture_itself() -> None:
    """A box of the wanted size at whole pixels is cut, not resampled."""
    picture = ramp(32, 32)
    assert (preprocess.crop(picture, Box(5, 6, 8, 8), (8, 8)) == picture[6:14, 5:13]).all()


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_crop_of_a_larger_face_keeps_the_place(factor: int) -> None:
    """Shrinking keeps a gradient where it is: each pixel is the mean of what it covers."""
    picture = ramp(120, 120)
    face = preprocess.crop(picture, Box(20, 20, 8 * factor, 8 * factor), (8, 8))
    expected = 20 + factor * np.arange(8) + (factor - 1) / 2
    assert np.abs(face.astype(float) - expected).max() <= 1.0


def test_crop_repeats_the_edge_outside_the_picture() -> None:
    """A face at the border is completed, not refused."""
    face = preprocess.crop(ramp(16, 16), Box(-4, 0, 8, 8), (8, 8))
    assert face[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]


def test_crop_turns_a_tilted_face_upright() -> None:
    """A head tilted by 90 degrees clockwise is turned back."""
    upright = np.zeros((32, 32), np.uint8)
    upright[8:12, 12:20] = 200  # a bar near the top
    tilted = np.ascontiguousarray(np.rot90(upright, -1))
    face = preprocess.crop(tilted, Box(8, 8, 16, 16), (16, 16), angle=90.0)
    assert np.abs(face.astype(int) - upright[8:24, 8:24]).max() <= 1


@pytest.mark.parametrize(
    ("fields", "low", "high"),
    [
        ({}, 0.0, 1.0),
        ({"value_range": (-1.0, 1.0)}, -1.0, 1.0),
        ({"value_range": (0, 255)}, 0, 255),
    ],
)
def test_normalize_maps_to_the_range(fields: dict[str, Any], low: float, high: float) -> None:
    """0 and 255 become the ends of the range that the network was trained on."""
    values = preprocess.normalize(np.array([0, 255], np.uint8), sidecar(**fields))
    assert values.dtype == np.float32
    assert values.tolist() == pytest.approx([low, high])


def test_normalize_standardizes_each_picture() -> None:
    """Mean 0 and deviation 1; a picture of one tone becomes 0, neither NaN nor blown-up noise."""
    values = preprocess.normalize(ramp(8, 8), sidecar(standardize=True))
    assert (values.mean(), values.std()) == pytest.approx((0.0, 1.0), abs=1e-5)
    flat = preprocess.normalize(np.full((8, 8), 7, np.uint8), sidecar(standardize=True))
    assert np.abs(flat).max() < 1e-5


@pytest.mark.parametrize("channels", [1, 3])
def test_face_input_has_the_networks_shape(channels: int) -> None:
    """(height, width, channels) of float32, from a grey and from a colour picture."""
    network = sidecar(width=10, height=12, channels=channels)
    for picture in (ramp(40, 40), np.zeros((40, 40, 3), np.uint8)):
        face = preprocess.face_input(picture, Box(5, 5, 20, 20), network)
        assert face.shape == (12, 10, channels)
        assert face.dtype == np.float32


def test_picture_input_takes_the_whole_picture() -> None:
    """A data set's picture is a face already, edge to edge."""
    values = preprocess.picture_input(ramp(8, 8), sidecar(value_range=(0.0, 255.0)))
    assert values[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
