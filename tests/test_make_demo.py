"""The demo's faces come from the data by the script that says so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import make_demo
from edgeemo.errors import InputError
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


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("happiness\n9\n", "columns sheet, cell and happiness: 'sheet'"),
        ("sheet,cell,happiness\na.png,x,9\n", "columns sheet, cell and happiness: invalid literal"),
        ("sheet,cell,happiness\na.png,9,9\n", r"a\.png has no cell 9"),
        ("sheet,cell,happiness\nb.png,0,9\n", r"b\.png is not a picture"),
        ("sheet,cell,happiness\na.png,0,7\n", "8 annotators call no picture happiness"),
    ],
)
def test_make_demo_says_what_is_wrong_with_its_data(
    tmp_path: Path, table: str, message: str
) -> None:
    """One line for a table or a sheet that can't be used."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((TILE_PX, 2 * TILE_PX), np.uint8))
    (tmp_path / "training.csv").write_text(table, "utf-8")
    with pytest.raises(InputError, match=message):
        make_demo.read_agreed(tmp_path, "happiness")
