"""Drawing what was seen onto a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.annotate import PALETTE, annotated, open_canvas
from edgeemo.errors import InputError
from edgeemo.types import UNCERTAIN, Box, Face, Picture, Scores, Track

SCORES = Scores(("happy", "sad"), (0.75, 0.25))


def face(box: Box, label: str = "happy") -> Face:
    """A face in a box."""
    return Face(Track(7, box, 0.0, 0.0), label, 0.75, SCORES)


def blank(*shape: int) -> Picture:
    """A black picture."""
    return np.zeros(shape, np.uint8)


def test_annotated_draws_on_a_copy() -> None:
    """The box has its label's colour, the bar each score's share; the picture itself is untouched."""
    picture = blank(200, 200, 3)
    drawn = annotated(picture, [face(Box(40, 60, 80, 80))])
    assert not picture.any()
    assert tuple(drawn[100, 40]) == PALETTE[0]
    bar = drawn[60 + 80 + 3, 40:120]
    assert (bar == PALETTE[0]).all(axis=1).sum() == pytest.approx(60, abs=2)
    assert (bar == PALETTE[1]).all(axis=1).sum() == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 80, 80), Box(180, 180, 80, 80), Box(300, 300, 9, 9), Box(0, 0, 1, 1)]
)
def test_annotated_draws_faces_at_the_border(box: Box) -> None:
    """A box that reaches out of the picture, or lies outside, is no error."""
    assert annotated(blank(200, 200, 3), [face(box, UNCERTAIN)]).shape == (200, 200, 3)


def test_annotated_gives_colour_to_a_grey_picture() -> None:
    """Colours need three channels."""
    assert annotated(blank(50, 60), []).shape == (50, 60, 3)


def test_picture_canvas_writes_what_it_is_given(tmp_path: Path) -> None:
    """A picture comes back from a lossless format as it was."""
    picture = np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)
    canvas = open_canvas(tmp_path / "p.png", None)
    canvas.add(picture)
    canvas.close()
    assert np.array_equal(np.asarray(cv2.imread(str(tmp_path / "p.png"))), picture)


@pytest.mark.parametrize(("suffix", "count"), [(".avi", 5), (".mp4", 5), (".avi", 1)])
def test_clip_canvas_keeps_rate_and_count(tmp_path: Path, suffix: str, count: int) -> None:
    """A clip has the rate that is asked for, and every picture; a clip of one is a clip too."""
    path = tmp_path / f"c{suffix}"
    canvas = open_canvas(path, 8.0)
    for _ in range(count):
        canvas.add(blank(48, 64, 3))
    canvas.close()
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == count
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(8.0)


@pytest.mark.parametrize(("name", "fps"), [("x.txt", None), ("x.gif", 8.0), ("x", 8.0)])
def test_canvas_refuses_formats_it_cannot_write(
    tmp_path: Path, name: str, fps: float | None
) -> None:
    """Said before any work is done, with what is possible."""
    with pytest.raises(InputError, match="its name should end in one of"):
        open_canvas(tmp_path / name, fps)


@pytest.mark.parametrize(("name", "fps"), [("no/x.png", None), ("no/x.avi", 8.0)])
def test_canvas_names_a_place_it_cannot_write(tmp_path: Path, name: str, fps: float | None) -> None:
    """A folder that is not there is named in one line."""
    canvas = open_canvas(tmp_path / name, fps)
    with pytest.raises(InputError, match="does its folder exist"):
        canvas.add(blank(48, 64, 3))
