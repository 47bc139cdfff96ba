"""The demo's faces come from the data by the script that says so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import make_demo
from edgeemo.sources.demo import ASSET, EMOTIONS, TILE_PX
from realfaces import FER2013


def test_average_face_is_even_from_left_to_right_and_evenly_lit() -> None:
    """Mirror images count too, and brightness and contrast are those of the finished tiles."""
    stack = np.random.default_rng(1).normal(100, 20, (30, TILE_PX, TILE_PX)).astype(np.float32)
    face = make_demo.average_face(stack)
    assert np.array_equal(face, face[:, ::-1])
    assert face.mean() == pytest.approx(make_demo.MEAN_LEVEL, abs=2)
    assert face.std() == pytest.approx(make_demo.CONTRAST, abs=3)


def test_average_face_does_not_hang_on_how_a_picture_is_lit() -> None:
    """A picture that is darker or flatter than the others counts as much as they do."""
    stack = np.random.default_rng(2).normal(100, 20, (30, TILE_PX, TILE_PX)).astype(np.float32)
    dimmed = stack.copy()
    dimmed[::2] = dimmed[::2] * 0.3 + 10
    difference = make_demo.average_face(stack).astype(int) - make_demo.average_face(dimmed)
    assert np.abs(difference).max() <= 1


def test_make_demo_gives_the_faces_that_are_committed(tmp_path: Path) -> None:
    """The asset can be made again from FER2013, to the pixel."""
    if not FER2013.is_dir():
        pytest.skip(
            f"no data in {FER2013.parent.name}/{FER2013.name}: the faces can't be made again"
        )
    out = tmp_path / "faces.png"
    make_demo.main([str(FER2013), "--out", str(out)], standalone_mode=False)
    made, committed = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (out, ASSET))
    assert made is not None
    assert committed is not None
    assert made.shape == (TILE_PX, TILE_PX * len(EMOTIONS))
    assert np.array_equal(made, committed)
