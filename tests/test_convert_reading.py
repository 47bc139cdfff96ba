"""Every kind of model file that people have computes after reading what it computed before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import oldkeras
import pytest
from numpy.typing import NDArray
from oldkeras import Array, batch_norm, max_pool, relu, softmax

keras = pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

from reading import read_network  # noqa: E402 - imports TensorFlow

SIDE = 16
EPSILON = 1e-3


def pictures(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    """Random inputs in -1..1."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def channels_last(batch: Array) -> NDArray[np.float32]:
    """(n, channels, rows, columns) as (n, rows, columns, channels)."""
    return np.ascontiguousarray(np.moveaxis(batch, 1, 3), np.float32)


def keras1_layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 1.2 wrote it, training settings included."""
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def keras1_convolution(name: str, filters: int, side: int, **config: Any) -> dict[str, Any]:
    """A Convolution2D of Keras 1.2 with all its keys."""
    defaults = {
        "nb_filter": filters, "nb_row": side, "nb_col": side, "border_mode": "valid",
        "subsample": [1, 1], "dim_ordering": "th", "activation": "linear", "bias": True,
        "init": "glorot_uniform", "W_regularizer": None, "b_regularizer": None,
        "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
    }  # fmt: skip
    return keras1_layer("Convolution2D", name, **{**defaults, **config})


KERAS1_SEQUENTIAL = {
    "class_name": "Sequential",
    "keras_version": "1.2.2",
    "config": [
        keras1_convolution(
            "convolution2d_1", 4, 3, border_mode="same", activation="relu",
            batch_input_shape=[None, 1, SIDE, SIDE], input_dtype="float32",
        ),
        keras1_layer(
            "BatchNormalization", "batchnormalization_1", mode=0, axis=1, epsilon=EPSILON,
            momentum=0.99, gamma_regularizer=None, beta_regularizer=None,
        ),
        keras1_layer(
            "MaxPooling2D", "maxpooling2d_1", pool_size=[2, 2], strides=[2, 2],
            border_mode="valid", dim_ordering="th",
        ),
        keras1_convolution("convolution2d_2", 6, 3, border_mode="same", subsample=[2, 2]),
        keras1_layer("Activation", "activation_1", activation="relu"),
        keras1_layer("Dropout", "dropout_1", p=0.25),
        keras1_layer("Flatten", "flatten_1"),
        keras1_layer("Dense", "dense_1", output_dim=10, input_dim=None, activation="relu", bias=True,
                     init="glorot_uniform"),
        keras1_layer("Dense", "dense_2", output_dim=3, input_dim=10, activation="softmax", bias=True,
                     init="glorot_uniform"),
    ],
}  # fmt: skip


def keras1_weights(suffix: str = "") -> dict[str, dict[str, Array]]:
    """Random weights for KERAS1_SEQUENTIAL under the names that Keras 1 gave them."""
    random = np.random.default_rng(5)

    def values(*shape: int) -> Array:
        return random.normal(0, 0.3, shape).astype(np.float32)

    return {
        "convolution2d_1": {f"convolution2d_1_W{suffix}": values(4, 1, 3, 3),
                            f"convolution2d_1_b{suffix}": values(4)},
        "batchnormalization_1": {
            f"batchnormalization_1_gamma{suffix}": 1 + values(4),
            f"batchnormalization_1_beta{suffix}": values(4),
            f"batchnormalization_1_running_mean{suffix}": values(4),
            f"batchnormalization_1_running_std{suffix}": np.abs(values(4)) + 0.5},
        "maxpooling2d_1": {},
        "convolution2d_2": {f"convolution2d_2_W{suffix}": values(6, 4, 3, 3),
                            f"convolution2d_2_b{suffix}": values(6)},
        "activation_1": {}, "dropout_1": {}, "flatten_1": {},
        "dense_1": {f"dense_1_W{suffix}": values(6 * 4 * 4, 10), f"dense_1_b{suffix}": values(10)},
        "dense_2": {f"dense_2_W{suffix}": values(10, 3), f"dense_2_b{suffix}": values(3)},
    }  # fmt: skip


def keras1_forward(batch: Array, backend: str) -> Array:
    """KERAS1_SEQUENTIAL on (n, 1, SIDE, SIDE) pictures, as Keras 1 computed it on a backend."""
    by_layer = keras1_weights()
    first, norm, second, dense, last = (
        list(by_layer[name].values())
        for name in (
            "convolution2d_1",
            "batchnormalization_1",
            "convolution2d_2",
            "dense_1",
            "dense_2",
        )
    )
    if backend == "theano":
        x = relu(oldkeras.theano_convolution(batch, first[0], first[1], same=True))
    else:
        x = relu(oldkeras.correlation(batch, first[0], first[1], 1, (1, 1)))
    x = max_pool(batch_norm(x, norm, EPSILON), 2)
    if backend == "theano":
        x = oldkeras.theano_convolution(x, second[0], second[1], stride=2, same=True)
    else:
        x = oldkeras.correlation(x, second[0], second[1], 2, (0, 1))
    x = relu(x).reshape(len(x), -1)
    return softmax(relu(x @ dense[0] + dense[1]) @ last[0] + last[1])


def write_keras1(folder: Path, suffix: str = "", **attributes: str) -> tuple[Path, Path]:
    """The architecture and the weights of KERAS1_SEQUENTIAL as two files."""
    architecture = folder / "model.json"
    architecture.write_text(json.dumps(KERAS1_SEQUENTIAL))
    weights = oldkeras.write_weight_file(folder / "w.h5", keras1_weights(suffix), **attributes)
    return architecture, weights


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_read_network_reads_keras1_channels_first(tmp_path: Path, backend: str) -> None:
    """Kernels are turned where Theano trained them, and Theano's padding is kept at a stride."""
    source, weights = write_keras1(tmp_path, backend=backend, keras_version="1.2.2")
    network = read_network(source, weights)
    batch = pictures(5, 1, SIDE, SIDE)
    assert network.shape == (SIDE, SIDE, 1)
    expected = keras1_forward(batch, backend)
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)


@pytest.mark.parametrize(("suffix", "backend"), [("", "theano"), (":0", "tensorflow")])
def test_read_network_tells_keras1_backends_apart_by_names(
    tmp_path: Path, suffix: str, backend: str
) -> None:
    """Where the file does not name the backend, TensorFlow's variables end in :0."""
    network = read_network(*write_keras1(tmp_path, suffix))
    batch = pictures(3, 1, SIDE, SIDE)
    expected = keras1_forward(batch, backend)
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)


def test_read_network_lets_the_backend_be_overruled(tmp_path: Path) -> None:
    """What the user says of the backend goes before what the file says."""
    network = read_network(*write_keras1(tmp_path, backend="theano"), "tensorflow")
    batch = pictures(3, 1, SIDE, SIDE)
    expected = keras1_forward(batch, "tensorflow")
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)
