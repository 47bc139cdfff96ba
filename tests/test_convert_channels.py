"""Channels-first networks of every Keras, by the way that they end, compute after reading what they computed before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras
from keras import layers

import oldkeras
from networks.channels import prove_equal, to_channels_last
from networks.reading import read_network
from networks.refusal import NotEqualError, ShapeError, UnsupportedLayerError
from oldkeras import Array, relu, softmax

ROWS, COLUMNS = 12, 10
FILTERS = 4
FIRST = "channels_first"
FLAT = FILTERS * (ROWS - 2) * (COLUMNS - 2)
"""How many values a convolution of 3x3 leaves of a picture."""

Ending = Callable[[Any], Any]


def pictures(channels: int = 1) -> NDArray[np.float32]:
    """Random channels-first inputs in -1..1."""
    shape = (6, channels, ROWS, COLUMNS)
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def channels_last(batch: Array) -> NDArray[np.float32]:
    """(n, channels, rows, columns) as (n, rows, columns, channels)."""
    return np.ascontiguousarray(np.moveaxis(batch, 1, 3), np.float32)


def network(ending: Ending) -> Any:
    """A channels-first convolution with random weights, and what comes after it."""
    keras.utils.set_random_seed(3)
    entry = keras.Input((1, ROWS, COLUMNS))
    x = layers.Conv2D(FILTERS, 3, data_format=FIRST, activation="relu")(entry)
    return keras.Model(entry, ending(x))


def straight(x: Any) -> Any:
    """Flatten with the last layer directly behind it, as most small networks end."""
    return layers.Dense(3, activation="softmax")(layers.Flatten()(x))


def assert_reads_as(model: Any, source: Path) -> None:
    """The network in the file computes on channels-last pictures what the model does on channels-first ones."""
    expected = np.asarray(model(pictures(), training=False))
    found = read_network(source).predict(channels_last(pictures()))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_read_network_reads_flatten_and_dense_of_keras3(tmp_path: Path, kind: str) -> None:
    """What enters the last layer is listed otherwise then, and that is no difference."""
    model = network(straight)
    model.save(tmp_path / f"m{kind}")
    assert_reads_as(model, tmp_path / f"m{kind}")


def test_read_network_reads_flatten_and_dense_of_keras2(tmp_path: Path) -> None:
    """An .h5 as Keras 2 wrote it."""
    model = network(straight)
    path = oldkeras.write_keras2(tmp_path / "m.h5", *oldkeras.keras2_of(model))
    assert_reads_as(model, path)


def two_branches(x: Any) -> Any:
    """Values of a Flatten and means of the channels in one row."""
    means = layers.GlobalAveragePooling2D(data_format=FIRST)(x)
    return layers.Dense(3)(layers.Concatenate()([layers.Flatten()(x), means]))


def two_flattens(x: Any) -> Any:
    """Two Flattens in one row, the second of smaller pictures."""
    small = layers.MaxPooling2D(2, data_format=FIRST)(x)
    rows = [layers.Flatten()(x), layers.ReLU()(layers.Flatten()(small))]
    return layers.Dense(3)(layers.BatchNormalization()(layers.Concatenate()(rows)))


def one_pixel(x: Any) -> Any:
    """Fully convolutional: a Flatten of single pixels has nothing to reorder, whatever follows."""
    pixel = layers.Conv2D(3, (ROWS - 2, COLUMNS - 2), data_format=FIRST)(x)
    return layers.Softmax()(layers.Flatten()(pixel))


def one_channel(x: Any) -> Any:
    """A Flatten of a single channel has nothing to reorder either."""
    channel = layers.Conv2D(1, 1, data_format=FIRST)(x)
    return layers.Dense(3)(layers.UnitNormalization()(layers.Flatten()(channel)))


def reshaped(x: Any) -> Any:
    """A Reshape to one row is a Flatten."""
    return layers.Dense(3, activation="softmax")(layers.Reshape((-1,))(x))


@pytest.mark.parametrize("ending", [two_branches, two_flattens, one_pixel, one_channel, reshaped])
def test_read_network_reads_what_ends_otherwise(tmp_path: Path, ending: Ending) -> None:
    """The rows are put in order where that is known, and left alone where there is no order to change."""
    model = network(ending)
    model.save(tmp_path / "m.keras")
    assert_reads_as(model, tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (lambda x: layers.Dense(3)(layers.UnitNormalization()(layers.Flatten()(x))), "after Flat"),
        (lambda x: layers.Dense(3)(layers.Flatten()(layers.Reshape((-1, 8))(x))), "of a channels-"),
        (lambda x: layers.Dense(3)(layers.Flatten()(layers.Permute((3, 1, 2))(x))), "of a chann"),
    ],
)
def test_read_network_refuses_what_it_does_not_know_in_another_order(
    tmp_path: Path, ending: Ending, message: str
) -> None:
    """Layers of which it is not written here how they take values in another order."""
    network(ending).save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedLayerError, match=f"{message}.* can't be rearranged"):
        read_network(tmp_path / "m.keras")


@pytest.mark.parametrize("index", [1, -1])
def test_prove_equal_sees_what_a_sure_softmax_hides(index: int) -> None:
    """Weights of the convolution or of the last layer that differ a little behind a Flatten, all answers being 0 or 1."""
    model = network(straight)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, np.add(bias, [1000, 0, 0])])
    last = to_channels_last(model)
    changed = last.layers[index]
    changed.set_weights([w + 0.1 for w in changed.get_weights()])
    np.testing.assert_array_equal(last(channels_last(pictures())), model(pictures()))
    with pytest.raises(NotEqualError, match="gives other outputs than channels-first"):
        prove_equal(model, last)


def test_prove_equal_refuses_a_last_layer_in_the_old_order() -> None:
    """Its weights have to be reordered as what enters it."""
    model = network(straight)
    last = to_channels_last(model)
    last.layers[-1].set_weights(model.layers[-1].get_weights())
    with pytest.raises(NotEqualError, match="gives other outputs than channels-first"):
        prove_equal(model, last)


@pytest.mark.parametrize("shape", [(1, 16, 16), (16, 16, 1)])
def test_read_network_refuses_whole_numbers(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Pixels in 0..1 would all become 0, and the value range be found by that."""
    entry = keras.Input(shape, dtype="uint8")
    data_format = FIRST if shape[0] == 1 else "channels_last"
    x = layers.Conv2D(2, 3, data_format=data_format)(layers.Rescaling(1 / 255)(entry))
    keras.Model(entry, layers.Dense(3)(layers.Flatten()(x))).save(tmp_path / "m.keras")
    with pytest.raises(ShapeError, match=r"takes uint8.*float32 input \(Keras: keras.Input"):
        read_network(tmp_path / "m.keras")


def test_read_network_refuses_one_output(tmp_path: Path) -> None:
    """A sigmoid for yes or no: no labels fit it."""
    model = network(lambda x: layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
    model.save(tmp_path / "m.keras")
    with pytest.raises(ShapeError, match=r"one output: needed are two or more.*softmax over both"):
        read_network(tmp_path / "m.keras")


def keras1_layer(kind: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 1.2 wrote it, named after its kind."""
    return {"class_name": kind, "config": {"name": kind.lower(), "trainable": True, **config}}


CONVOLUTION = keras1_layer(
    "Convolution2D", nb_filter=FILTERS, nb_row=3, nb_col=3, border_mode="valid", subsample=[1, 1],
    dim_ordering="th", activation="relu", bias=True,
)  # fmt: skip
DENSE = keras1_layer("Dense", output_dim=3, activation="softmax", bias=True)
FLATTEN = keras1_layer("Flatten")


def keras1_weights(flat: int) -> dict[str, dict[str, Array]]:
    """Random weights of CONVOLUTION and of DENSE behind so many values."""
    shapes = {"convolution2d": (FILTERS, 1, 3, 3), "dense": (flat, 3)}
    random = np.random.default_rng(5)
    return {
        name: {f"{name}_W": random.normal(0, 0.3, shape), f"{name}_b": random.normal(0, 0.3, bias)}
        for (name, shape), bias in zip(shapes.items(), (FILTERS, 3), strict=True)
    }


def read_keras1(
    folder: Path, stack: list[dict[str, Any]], weights: dict[str, dict[str, Array]], backend: str
) -> Any:
    """Read a Sequential of Keras 1.2 for grey pictures, the backend noted with its weights."""
    first, *others = stack
    entry = {"batch_input_shape": [None, 1, ROWS, COLUMNS], "input_dtype": "float32"}
    told = [{**first, "config": first["config"] | entry}, *others]
    root = {"class_name": "Sequential", "keras_version": "1.2.2", "config": told}
    (folder / "m.json").write_text(json.dumps(root))
    stored = {name: weights.get(name, {}) for name in (one["config"]["name"] for one in stack)}
    path = oldkeras.write_weight_file(folder / "w.h5", stored, backend=backend)
    return read_network(folder / "m.json", path)


def keras1_forward(batch: Array, weights: dict[str, dict[str, Array]], backend: str) -> Array:
    """CONVOLUTION, the values as they lie and DENSE, as Keras 1 computed them on a backend."""
    (kernel, bias), (dense, shift) = (list(arrays.values()) for arrays in weights.values())
    if backend == "theano":
        x = oldkeras.theano_convolution(batch, kernel, bias)
    else:
        x = oldkeras.correlation(batch, kernel, bias, 1, (0, 0))
    return softmax(relu(x).reshape(len(x), -1) @ dense + shift)


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
@pytest.mark.parametrize("row", [FLATTEN, keras1_layer("Reshape", target_shape=[FLAT])])
def test_read_network_reads_flatten_and_dense_of_keras1(
    tmp_path: Path, row: dict[str, Any], backend: str
) -> None:
    """With the last layer directly behind the Flatten, or a Reshape in its place."""
    weights = keras1_weights(FLAT)
    found = read_keras1(tmp_path, [CONVOLUTION, row, DENSE], weights, backend)
    expected = keras1_forward(pictures(), weights, backend)
    np.testing.assert_allclose(found.predict(channels_last(pictures())), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("padding", "rows", "columns"),
    [
        ([1, 2], (1, 1), (2, 2)),
        ([1, 0, 2, 3], (1, 0), (2, 3)),
        ({"top_pad": 1, "bottom_pad": 0, "left_pad": 2, "right_pad": 3}, (1, 0), (2, 3)),
        ({"left_pad": 1}, (0, 0), (1, 0)),
    ],
)
def test_read_network_reads_every_padding_of_keras1(
    tmp_path: Path, padding: Any, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """The same on both ends, the four sides one by one, or by their names."""
    padded = np.pad(pictures(), ((0, 0), (0, 0), rows, columns))
    weights = keras1_weights(FILTERS * (padded.shape[2] - 2) * (padded.shape[3] - 2))
    pad = keras1_layer("ZeroPadding2D", padding=padding, dim_ordering="th")
    found = read_keras1(tmp_path, [pad, CONVOLUTION, FLATTEN, DENSE], weights, "tensorflow")
    expected = keras1_forward(padded, weights, "tensorflow")
    np.testing.assert_allclose(found.predict(channels_last(pictures())), expected, atol=1e-5)
