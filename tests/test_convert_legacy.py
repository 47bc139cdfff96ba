"""Old models from end to end: as downloaded, without being told what they were trained for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest

import facedata
from facedata import LABELS

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import convert
import oldkeras
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from labelled.dataset import load

SIDE = 64


def xception(keras2: Any, side: int) -> Any:
    """The public style: separable convolutions, batch norm, strided residuals, global average."""
    layers = keras2.layers
    entry = keras2.Input((side, side, 1))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False)(entry)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.5)(x))
    for width in (8, 12):
        short = layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False)(x)
        short = layers.BatchNormalization(momentum=0.5)(short)
        x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.5)(x))
        x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.5)(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Add()([x, short])
    x = layers.Conv2D(len(LABELS), 3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras2.Model(entry, layers.Activation("softmax")(x))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of each label, smaller than the network's input."""
    return facedata.write_faces(tmp_path_factory.mktemp("data") / "faces", per_label=60)


@pytest.fixture(scope="module")
def trained(faces: Path) -> Any:
    """An `xception` of Keras 2 that learned the three labels from pixels in -1..1."""
    keras2 = pytest.importorskip("tf_keras", reason="Keras 2 itself: pip install edgeemo[keras2]")
    keras2.utils.set_random_seed(0)
    data = load(faces)
    pixels = data.stack((SIDE, SIDE), 1).astype(np.float32) / 127.5 - 1
    model = xception(keras2, SIDE)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.01
    model.fit(pixels, data.labels, batch_size=30, epochs=6, verbose=0)
    assert (model.predict(pixels, verbose=0).argmax(1) == data.labels).mean() > 0.95
    return model


def test_convert_carries_over_a_public_style_model(
    tmp_path: Path, faces: Path, trained: Any
) -> None:
    """A 64x64 .hdf5 of Keras 2 for -1..1: the range is found, int8 answers as float does."""
    path = tmp_path / "mini.hdf5"
    trained.save(path)
    options = ["--labels", ",".join(LABELS), "--data", str(faces), "--out", str(tmp_path / "mini")]
    result = click.testing.CliRunner().invoke(convert.main, [str(path), *options])
    assert result.exit_code == 0, result.output
    sidecar = TFLiteClassifier(ModelConfig(path=tmp_path / "mini.tflite")).sidecar
    assert (sidecar.value_range, sidecar.width, sidecar.channels) == ((-1.0, 1.0), SIDE, 1)
    (accuracy,) = sidecar.accuracy
    assert accuracy.float_ > 0.95
    assert abs(accuracy.float_ - accuracy.int8) <= 0.01


def test_convert_carries_over_a_keras1_model(tmp_path: Path, faces: Path) -> None:
    """Channels-first Keras 1 on Theano, architecture and weights apart, to a working int8 model."""
    brightness = facedata.brightness_network(0.0, 1.0)
    kernel, dense, bias = brightness.get_weights()
    convolution = {
        "name": "c", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "same",
        "subsample": [1, 1], "dim_ordering": "th", "activation": "linear", "bias": False,
        "batch_input_shape": [None, 1, 24, 24],
    }  # fmt: skip
    layers = [
        ("Convolution2D", convolution),
        ("GlobalAveragePooling2D", {"name": "g", "dim_ordering": "th"}),
        ("Dense", {"name": "d", "output_dim": 3, "activation": "softmax", "bias": True}),
    ]
    root = {
        "class_name": "Sequential",
        "keras_version": "1.2.2",
        "config": [{"class_name": kind, "config": config} for kind, config in layers],
    }
    (tmp_path / "m.json").write_text(json.dumps(root))
    weights = {
        "c": {"c_W": kernel.transpose(3, 2, 0, 1)},
        "g": {},
        "d": {"d_W": dense, "d_b": bias},
    }
    stored = oldkeras.write_weight_file(tmp_path / "w.h5", weights, backend="theano")
    arguments = [
        tmp_path / "m.json",
        "--weights",
        stored,
        "--data",
        faces,
        "--out",
        tmp_path / "new",
    ]
    result = click.testing.CliRunner().invoke(
        convert.main, [*map(str, arguments), "--labels", ",".join(LABELS)]
    )
    assert result.exit_code == 0, result.output
    assert "channels-first turned into channels-last, equal on random inputs" in result.output
    assert "value range found: 0..1" in result.output
    (accuracy,) = TFLiteClassifier(ModelConfig(path=tmp_path / "new.tflite")).sidecar.accuracy
    assert accuracy.int8 > 0.95
