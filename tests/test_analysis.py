"""Analysis: what of an input is looked at how."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from clips import SIZE, plain, write_grey_gif
from edgeemo import analysis
from edgeemo.analysis import Analyzer
from edgeemo.config import Config
from edgeemo.errors import InputError
from edgeemo.preprocess import to_grey
from scenery import Actor, TileClassifier, paint


def test_analyzer_looks_at_a_gif_of_one_picture_as_at_any_still(tmp_path: Path) -> None:
    """There is no second look at it, so its face is believed at once."""
    grey = to_grey(paint([Actor(60, 60)], (120, 120)))
    path = write_grey_gif(tmp_path / "still.gif", [grey], [0.1])
    (seen,) = Analyzer(Config(), TileClassifier()).look(path)
    assert [face.label for face in seen.look.faces] == ["neutral"]


def test_analyzer_leaves_it_to_the_reader_to_say_why_a_file_can_not_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for it, and the next file is looked at: no error of the operating system gets out."""
    path = tmp_path / "closed.gif"
    path.write_bytes(b"")

    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(analysis, "is_still_gif", refuse)
    with pytest.raises(InputError, match=r"closed\.gif is empty"):
        next(Analyzer(Config(), TileClassifier()).look(path))


def test_analyzer_turns_pictures_as_the_settings_say(tmp_path: Path) -> None:
    """A recording of a camera that hangs sideways is seen as the daemon sees the camera."""
    cv2.imwrite(str(tmp_path / "p.png"), plain(60))
    config = Config.model_validate({"camera": {"rotate": 90}})
    (seen,) = Analyzer(config, TileClassifier()).look(tmp_path / "p.png")
    assert seen.frame.size == SIZE[::-1]
