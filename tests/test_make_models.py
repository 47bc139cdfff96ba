"""Both shipped models from real faces by one command."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import toyfaces
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from edgeemo.errors import EdgeemoError, InputError
from labelled.ferplus import COLUMNS
from make_models import Plan, make
from networks.refusal import ExistsError
from realfaces import real_faces

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras


def unpack(split: str, usage: str, count: int) -> list[tuple[list[object], list[str]]]:
    """The first faces of a split as (row of Kaggle's csv, votes); skips without the data."""
    return [
        ([row["emotion"], " ".join(map(str, face.ravel())), usage], [row[c] for c in COLUMNS])
        for row, face in islice(real_faces(split), count)
    ]


@pytest.mark.slow
@pytest.mark.timeout(1200)  # three trainings, on whatever machine
def test_make_trains_converts_and_measures_both(tmp_path: Path) -> None:
    """After one epoch on few faces: two models that load, with their margin, accuracy and origin noted."""
    rows = unpack("training", "Training", 6000) + unpack("publictest", "PublicTest", 100)
    with (tmp_path / "fer.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["emotion", "pixels", "Usage"], *(row for row, _ in rows)])
    with (tmp_path / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(votes for _, votes in rows)])
    work, out = tmp_path / "work", tmp_path / "models"
    make(
        Plan(tmp_path / "fer.csv", tmp_path / "votes.csv", work, out, epochs=1, precision="float32")
    )
    told = [
        TFLiteClassifier(ModelConfig(path=out / f"{n}.tflite")).sidecar
        for n in ("emotion", "fer2013")
    ]
    assert told[0].margin == told[1].margin
    assert [a.data for a in told[0].accuracy][1:] == ["FER+ majority, PublicTest"]
    assert [(a.data, a.n) for a in told[1].accuracy][1:] == [("FER2013, PublicTest", 100)]
    trained = [t.provenance["training"] for t in told]
    assert [t["epochs"] for t in trained] == [1, 1]
    assert [t["teachers"] for t in trained] == [["first"], ["work", "first"]]
    assert [t["recipe"] for t in trained] == ["edgeemo", "fer2013"]
    assert (work / "emotion.md").read_text().startswith("# ")


@pytest.mark.parametrize("name", ["fer2013.tflite", "emotion.json", "emotion.report.html"])
def test_make_does_not_replace_models_unasked(tmp_path: Path, name: str) -> None:
    """It says so before hours of training, not after, of every file that belongs to them."""
    (tmp_path / name).write_bytes(b"shipped")
    plan = Plan(tmp_path / "fer.csv", tmp_path / "votes.csv", tmp_path / "work", tmp_path)
    with pytest.raises(ExistsError, match=f"{name} exists"):
        make(plan)


def test_make_asks_for_the_test_faces_first(tmp_path: Path) -> None:
    """Without the split that measures, hours of training would end in nothing."""
    data = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training")])
    votes = toyfaces.votes(tmp_path / "votes.csv", [("", {"happiness": 9})])
    with pytest.raises(InputError, match="no split PublicTest; there are Training"):
        make(Plan(data, votes, tmp_path / "work", tmp_path / "out"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"out": Path("/proc/nowhere")}, "can't write /proc/nowhere"),
        ({"work": Path("/proc/nowhere")}, "can't write /proc/nowhere"),
        ({"pythons": (Path("/nowhere/python"),)}, "can't check with /nowhere/python"),
    ],
)
def test_make_looks_first_at_what_it_needs_last(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    """A place that can't be written or a Python that can't be called is said before hours of training."""
    data = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training"), ("sad", "PublicTest")])
    votes = toyfaces.votes(tmp_path / "votes.csv", [("", {"happiness": 9})] * 2)
    plan = Plan(data, votes, tmp_path / "work", tmp_path / "out")
    with pytest.raises(EdgeemoError, match=message):
        make(replace(plan, **given))


def test_make_refuses_another_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained on PyTorch in the same process, the networks could not be converted."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    plan = Plan(tmp_path / "fer.csv", tmp_path / "votes.csv", tmp_path / "work", tmp_path / "out")
    with pytest.raises(InputError, match="unset KERAS_BACKEND"):
        make(plan)
