"""The crop margin measured with the daemon's detector, on real faces where they are at hand."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import toyfaces
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from edgeemo.errors import InputError
from labelled.dataset import FER2013, Faces, load
from margin import MARGINS, rate, table
from realfaces import real_faces

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def classifier() -> TFLiteClassifier:
    """The shipped model."""
    return TFLiteClassifier(ModelConfig(path=ROOT / "models" / "emotion.tflite"))


def happy_faces(count: int) -> Faces:
    """The first faces that all ten raters found happy; skips without the data."""
    happy = (face for row, face in real_faces("publictest") if row["happiness"] == "10")
    pictures = list(islice(happy, count))
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
