"""Clips of which it is known where the faces are, and the tools that read them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

import clips
import vary_clips
from edgeemo.errors import InputError
from edgeemo.types import Box
from labelled.clips import FILE, truths, watched

FACE = [16.0, 8.0, 24.0, 24.0]


def folder_with(root: Path, truth: object) -> Path:
    """A clip of three frames and a faces.json with what is said to be true."""
    clips.write_clip(root / "a.avi", [60, 90, 120], fps=10)
    (root / FILE).write_text(json.dumps(truth), "utf-8")
    return root


def test_watched_gives_frames_and_faces(tmp_path: Path) -> None:
    """Every frame comes with the boxes of the faces in it."""
    folder = folder_with(tmp_path, {"a.avi": [[FACE], [], [FACE, FACE]]})
    seen, truth = watched(folder, "a.avi", truths(folder))
    assert [frame.index for frame in seen] == [0, 1, 2]
    assert truth == [[Box(*FACE)], [], [Box(*FACE), Box(*FACE)]]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ([], r"faces\.json: Input should be an object; needed: for each file"),
        ({"a.avi": [FACE]}, r"faces\.json: a\.avi: 0: .* boxes \[x, y, w, h\]"),
        ({"a.avi": [[FACE[:3]]]}, r"faces\.json: a\.avi: 0: .* boxes \[x, y, w, h\]"),
    ],
)
def test_truths_refuses_another_layout(tmp_path: Path, truth: object, message: str) -> None:
    """Where the first fault lies is said, and what is needed."""
    with pytest.raises(InputError, match=message):
        truths(folder_with(tmp_path, truth))


def test_truths_refuses_a_folder_without_a_file(tmp_path: Path) -> None:
    """The file that is missing is named."""
    with pytest.raises(InputError, match=r"can't read .*faces\.json: No such file"):
        truths(tmp_path)


def test_watched_refuses_the_truth_of_another_clip(tmp_path: Path) -> None:
    """A list of another length belongs to something else."""
    folder = folder_with(tmp_path, {"a.avi": [[FACE]]})
    with pytest.raises(InputError, match=r"has 3 frames, .* knows 1"):
        watched(folder, "a.avi", truths(folder))


def test_vary_clips_tells_where_the_face_went(tmp_path: Path) -> None:
    """Each variation has as many frames as its list of faces."""
    folder = folder_with(tmp_path, {"a.avi": [[FACE]] * 3})
    done = CliRunner().invoke(vary_clips.main, [str(folder / "a.avi"), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    known = truths(tmp_path / "out")
    assert len(known) == 10
    for name, truth in known.items():
        capture = cv2.VideoCapture(str(tmp_path / "out" / name))
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(truth)


def test_vary_clips_wants_one_face_in_each_frame(tmp_path: Path) -> None:
    """The frame with another number is named; one line, and nothing is written."""
    folder = folder_with(tmp_path, {"a.avi": [[FACE], [], [FACE]]})
    done = CliRunner().invoke(vary_clips.main, [str(folder / "a.avi"), str(tmp_path / "out")])
    assert done.exit_code == InputError.exit_code
    assert done.stderr == f"error: {folder / 'a.avi'}: frame 1 has 0 faces: needed is one in each\n"
    assert not (tmp_path / "out").exists()
