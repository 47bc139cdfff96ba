"""The network that training begins with: the one that the default model was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.sources.demo import load_faces

keras = pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

from learning.network import one_head  # noqa: E402 - a tool
from measuring.metrics import tempered  # noqa: E402 - a tool
from measuring.predictor import Description, load_predictor  # noqa: E402 - a tool

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.1
"""How far a probability of the int8 model may be from the float one's."""


def test_pretrained_network_is_the_one_that_ships() -> None:
    """It and the int8 model say the same of average faces."""
    shipped = load_predictor(ROOT / "models" / "emotion.tflite", Description())
    faces = [face.astype(np.uint8) for face in load_faces().values()]
    inputs = shipped.inputs(faces)
    whole = keras.models.load_model(ROOT / "tools" / "pretrained" / "edgeemo.keras", compile=False)
    answers = keras.ops.convert_to_numpy(one_head(whole, "emotion")(inputs))
    expected = tempered(answers, shipped.sidecar.temperature)
    assert np.abs(shipped.infer(inputs) - expected).max() < TOLERANCE
