"""Analysis: what of an input is looked at how."""

from __future__ import annotations

from pathlib import Path

from clips import write_grey_gif
from edgeemo.analysis import Analyzer
from edgeemo.config import Config
from edgeemo.preprocess import to_grey
from scenery import Actor, TileClassifier, paint


def test_analyzer_looks_at_a_gif_of_one_picture_as_at_any_still(tmp_path: Path) -> None:
    """There is no second look at it, so its face is believed at once."""
    grey = to_grey(paint([Actor(60, 60)], (120, 120)))
    path = write_grey_gif(tmp_path / "still.gif", [grey], [0.1])
    (seen,) = Analyzer(Config(), TileClassifier()).look(path)
    assert [face.label for face in seen.look.faces] == ["neutral"]
