"""The networks that training begins with: those that the shipped models were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.sources.demo import load_faces

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras

from learning.network import one_head
from measuring.metrics import tempered
from measuring.predictor import Description, load_predictor

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.1
"""How far a probability of the int8 model may be from the float one's."""


@pytest.mark.parametrize(("name", "head"), [("edgeemo", "emotion"), ("fer2013", "fer2013")])
def test_pretrained_network_is_the_one_that_ships(name: str, head: str) -> None:
    """It and the int8 model say the same of average faces."""
    shipped = load_predictor(ROOT / "models" / f"{head}.tflite", Description())
    faces = [face.astype(np.uint8) for face in load_faces().values()]
    inputs = shipped.inputs(faces)
    whole = keras.models.load_model(ROOT / "tools" / "pretrained" / f"{name}.keras", compile=False)
    answers = keras.ops.convert_to_numpy(one_head(whole, head)(inputs))
    expected = tempered(answers, shipped.sidecar.temperature)
    assert np.abs(shipped.infer(inputs) - expected).max() < TOLERANCE


@pytest.mark.parametrize("name", ["emotion", "fer2013", "face"])
def test_model_that_ships_is_a_megabyte_at_most(name: str) -> None:
    """Of a million bytes, the smaller reading of the word."""
    assert (ROOT / "models" / f"{name}.tflite").stat().st_size <= 1_000_000
