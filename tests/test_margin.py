"""The crop margin measured with the daemon's detector, on real faces where they are at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

import toyfaces
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from edgeemo.errors import InputError
from labelled.dataset import FER2013, Faces, load
from margin import MARGINS, rate, table

ROOT = Path(__file__).resolve().parent.parent
FER = ROOT.parent / "shared" / "data" / "fer2013"
SIDE = 48


@pytest.fixture
def classifier() -> TFLiteClassifier:
    """The shipped model."""
    return TFLiteClassifier(ModelConfig(path=ROOT / "models" / "emotion.tflite"))


def happy_faces(count: int) -> Faces:
    """The first happy faces of the packed data; skips without it."""
    if not FER.is_dir():
        pytest.skip("needs ../shared/data/fer2013")
    sheet = cv2.imread(str(FER / "publictest-0.webp"), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    across = sheet.shape[1] // SIDE
    with (FER / "publictest.csv").open(newline="") as file:
        cells = [int(row["cell"]) for row in csv.DictReader(file) if row["happiness"] == "10"]
    places = [divmod(cell, across) for cell in cells[:count]]
    pictures = [
        np.asarray(sheet[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE], np.uint8)
        for y, x in places
    ]
    labels = np.full(count, FER2013.index("happy"), np.int64)
    return Faces(pictures, labels, FER2013, tuple(map(str, range(count))))


def test_rate_measures_every_margin(classifier: TFLiteClassifier) -> None:
    """Most clear faces are found, a sensible margin reads them, and the model is left as it was."""
    before = classifier.sidecar
    rated = rate(classifier, happy_faces(30))
    assert rated.known == 30
    assert rated.found >= 20
    assert 0.6 < rated.side < 1.1
    assert len(rated.shares) == len(MARGINS)
    assert max(rated.shares) > 0.8
    assert classifier.sidecar is before
    assert list(table(rated))[1].startswith("margin -0.10: ")


def test_rate_says_when_nothing_is_found(classifier: TFLiteClassifier, tmp_path: Path) -> None:
    """Drawings that no detector takes for faces end in one line."""
    with pytest.raises(InputError, match="the detector finds none of these faces"):
        rate(classifier, load(toyfaces.folders(tmp_path, 1, ("happy",))))
