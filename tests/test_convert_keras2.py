"""Networks as Keras 2 itself writes them, in every form that it has, compute after reading what they did there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")
pytest.importorskip("tf_keras", reason="Keras 2 writes what is read: pip install edgeemo[keras2]")

import tf_keras
from tf_keras import layers

from networks.reading import read_network
from networks.refusal import UnsupportedLayerError

FORMS = ("m.h5", "m.keras", "m.json", "m.json of .weights.h5")
"""A whole model in one file, or its architecture with weights in one of two layouts."""
every_form = pytest.mark.parametrize("form", FORMS)


def saved(model: Any, folder: Path, form: str) -> tuple[Path, Path | None]:
    """Write a Keras 2 model in one of the FORMS; what `read_network` needs of it."""
    name, _, weights = form.partition(" of ")
    source = folder / name
    if source.suffix != ".json":
        model.save(source)
        return source, None
    source.write_text(model.to_json())
    model.save_weights(folder / f"w{weights or '.h5'}")
    return source, folder / f"w{weights or '.h5'}"


def shaken(model: Any) -> Any:
    """The model with other weights than it started with, so that none is 0 or 1 by default."""
    random = np.random.default_rng(4)
    for variable in model.weights:
        if variable.dtype.is_floating:
            variable.assign_add(random.uniform(0.05, 0.3, variable.shape))
    return model


def assert_reads_as(model: Any, source: Path, weights: Path | None = None) -> None:
    """The network in the files computes what the model does."""
    shape = (6, *model.input_shape[1:])
    pictures = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    expected = model(pictures, training=False).numpy()
    np.testing.assert_allclose(read_network(source, weights).predict(pictures), expected, atol=2e-5)


def ending(x: Any) -> Any:
    """What the networks here end with: an output for each of three labels, told apart by logits."""
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def around(layer: Any) -> Any:
    """A network of colour pictures that begins with a layer."""
    entry = layers.Input((16, 16, 3))
    return shaken(tf_keras.Model(entry, ending(layer(entry))))


def mini_xception() -> Any:
    """Separable convolutions with batch norm and a residual, regularised and constrained."""
    norm: Callable[[], Any] = layers.BatchNormalization
    entry = layers.Input((32, 32, 1))
    x = layers.Conv2D(4, 3, use_bias=False, kernel_regularizer="l2")(entry)
    x = layers.Activation("relu")(norm()(x))
    short = norm()(layers.Conv2D(6, 1, strides=2, padding="same", use_bias=False)(x))
    for _ in range(2):
        x = layers.SeparableConv2D(6, 3, padding="same", depthwise_constraint="max_norm")(x)
        x = layers.Activation("relu")(norm()(x))
    x = layers.Add()([layers.MaxPooling2D(3, strides=2, padding="same")(x), short])
    return shaken(tf_keras.Model(entry, ending(x)))


def base() -> Any:
    """A network of features, as transfer learning starts from, half of it frozen."""
    entry = layers.Input((16, 16, 3))
    x = layers.BatchNormalization(trainable=False)(layers.Conv2D(4, 3, trainable=False)(entry))
    return tf_keras.Model(entry, layers.BatchNormalization()(layers.Conv2D(5, 3)(x)), name="base")


@every_form
def test_read_network_reads_a_mini_xception(tmp_path: Path, form: str) -> None:
    """The usual small network for emotions: Keras 2.3 and later note groups in its separable layers."""
    model = mini_xception()
    assert_reads_as(model, *saved(model, tmp_path, form))


@every_form
def test_read_network_reads_a_base_in_a_sequential(tmp_path: Path, form: str) -> None:
    """The usual form of transfer learning, augmentation in front: a model between layers."""
    stack = [layers.RandomFlip(), base(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = shaken(tf_keras.Sequential([layers.Input((16, 16, 3)), *stack]))
    assert_reads_as(model, *saved(model, tmp_path, form))


@every_form
def test_read_network_reads_a_sequential_that_begins_with_a_base(tmp_path: Path, form: str) -> None:
    """Its input is that of the base."""
    model = shaken(tf_keras.Sequential([base(), layers.GlobalAveragePooling2D(), layers.Dense(3)]))
    assert_reads_as(model, *saved(model, tmp_path, form))


@every_form
def test_read_network_reads_a_base_in_a_graph(tmp_path: Path, form: str) -> None:
    """The other usual form: a model called on a tensor."""
    model = around(base())
    assert_reads_as(model, *saved(model, tmp_path, form))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (layers.Conv2DTranspose, (4, 3)),
        (layers.DepthwiseConv2D, (3,)),
        (layers.SeparableConv2D, (4, 3)),
        (layers.SpatialDropout2D, (0.2,)),
        (layers.Dropout, (0.2, (None, 1, 1, 3))),
        (layers.RandomFlip, ()),
        (layers.RandomRotation, (0.1,)),
        (layers.RandomZoom, (0.1,)),
        (layers.RandomContrast, (0.1,)),
        (layers.RandomBrightness, (0.1,)),
        (layers.RandomTranslation, (0.1, 0.1)),
        (layers.RandomCrop, (16, 16)),
    ],
)
def test_read_network_reads_settings_that_keras3_lacks(
    tmp_path: Path, kind: Any, settings: tuple[Any, ...]
) -> None:
    """None of them changes an output."""
    model = around(kind(*settings))
    assert_reads_as(model, *saved(model, tmp_path, "m.h5"))


@every_form
def test_read_network_refuses_hard_sigmoid_of_keras2(tmp_path: Path, form: str) -> None:
    """Its slope was 1/5 and is 1/6 today, which no other figure would show."""
    model = around(layers.Conv2D(4, 3, activation="hard_sigmoid"))
    with pytest.raises(UnsupportedLayerError, match="hard_sigmoid, which meant another slope"):
        read_network(*saved(model, tmp_path, form))


@every_form
def test_read_network_reads_what_normalization_learned(tmp_path: Path, form: str) -> None:
    """Mean and variance of the training pictures, in a model of their own."""
    norm = layers.Normalization()
    model = around(tf_keras.Sequential([layers.Input((16, 16, 3)), norm]))
    norm.adapt(np.random.default_rng(2).normal((0.1, 0.5, 2.0), 3.0, (50, 16, 16, 3)))
    assert_reads_as(model, *saved(model, tmp_path, form))


class GroupNormalization(layers.Layer):  # type: ignore[misc]  # tf_keras has no types
    """Somebody's layer that has the name of one of Keras'."""


@pytest.mark.parametrize("form", FORMS[1:])
def test_read_network_refuses_layers_of_others_by_whatever_name(tmp_path: Path, form: str) -> None:
    """What such a layer computes is not in the file, and not what Keras' own does."""
    model = around(tf_keras.Sequential([layers.Input((16, 16, 3)), GroupNormalization()]))
    with pytest.raises(UnsupportedLayerError, match=f"is a GroupNormalization of {__name__}"):
        read_network(*saved(model, tmp_path, form))


def test_read_network_goes_by_the_version_in_the_architecture(tmp_path: Path) -> None:
    """A .json that was written without its version is of Keras 2 where it names no module for the whole."""
    model = mini_xception()
    source, weights = saved(model, tmp_path, "m.json")
    root = json.loads(source.read_text())
    del root["keras_version"]
    source.write_text(json.dumps(root))
    assert_reads_as(model, source, weights)
