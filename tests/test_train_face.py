"""Which faces the network that tells faces from the rest learns from."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import toyfaces
from edgeemo.errors import InputError
from edgeemo.sidecar import Sidecar
from edgeemo.sources.demo import ASSET
from labelled.dataset import load
from train_face import LABELS, faces, main, places


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


def test_places_lists_what_cannot_be_read(tmp_path: Path) -> None:
    """One file that is no picture costs nothing but itself."""
    cv2.imwrite(str(tmp_path / "room.png"), np.full((60, 80), 90, np.uint8))
    (tmp_path / "note.txt").write_text("no picture", "utf-8")
    found, problems = places(tmp_path)
    assert [picture.shape for picture in found] == [(60, 80)]
    assert problems == [
        f"{tmp_path / 'note.txt'} is neither a picture nor a video that can be read"
    ]


def test_places_refuses_a_folder_of_nothing(tmp_path: Path) -> None:
    """A picture that nothing can be cut from is none."""
    cv2.imwrite(str(tmp_path / "small.png"), np.full((20, 20), 90, np.uint8))
    with pytest.raises(InputError, match="holds no clip or picture of 48 pixels"):
        places(tmp_path)


def test_places_shows_no_known_face(tmp_path: Path) -> None:
    """Of a face that faces.json knows no more than three by three fields are left."""
    chequered = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((4, 4))) * 255
    cv2.imwrite(str(tmp_path / "a.png"), chequered.astype(np.uint8))
    (tmp_path / "faces.json").write_text('{"a.png": [[[20, 20, 24, 24]]]}', "utf-8")
    ((picture,), _) = places(tmp_path)
    assert picture[20:44, 20:44].std() < 0.2 * chequered.std()
    assert np.array_equal(picture[:12], chequered[:12])


def test_train_face_leaves_what_convert_wants(tmp_path: Path) -> None:
    """A network, its description and held-out samples under its labels, from one command."""
    pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")
    (tmp_path / "places").mkdir()
    shutil.copy(ASSET, tmp_path / "places" / "faces.png")  # the cascade is to find something
    data = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training")] * 20)
    out = tmp_path / "run"
    options = ["--faces", data, "--places", tmp_path / "places", "--out", out]
    done = CliRunner().invoke(main, [*map(str, options), "--samples", "512", "--epochs", "1"])
    assert done.exit_code == 0, done.output
    told = Sidecar.beside(out / "face.keras")
    assert (told.labels, told.width, told.standardize) == (LABELS, 24, True)
    held = load(out / "held")
    assert sorted(held.names) == sorted(LABELS)
    assert len(held) == 4000
