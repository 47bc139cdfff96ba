"""Which faces the network that tells faces from the rest learns from."""

from __future__ import annotations

from pathlib import Path

import pytest

import toyfaces
from edgeemo.errors import InputError
from train_face import faces


def test_faces_are_those_of_the_training_split(tmp_path: Path) -> None:
    """Rows that others measure with are neither learned from nor watched."""
    rows = [("happy", "Training")] * 9 + [("happy", "PublicTest"), ("sad", "PrivateTest")]
    learn, watch = faces(toyfaces.kaggle(tmp_path / "fer.csv", rows), seed=1)
    assert sorted(map(int, learn.keys + watch.keys)) == list(range(9))


def test_faces_of_folders_are_all(tmp_path: Path) -> None:
    """A folder has no splits: every picture is used."""
    learn, watch = faces(toyfaces.folders(tmp_path, 6, ("happy", "sad")), seed=1)
    assert len(learn) + len(watch) == 12


def test_faces_refuses_a_csv_without_training_rows(tmp_path: Path) -> None:
    """Only the rows of another split: the missing one is named."""
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "PublicTest")] * 3)
    with pytest.raises(InputError, match="no row of the split Training"):
        faces(path, seed=1)
