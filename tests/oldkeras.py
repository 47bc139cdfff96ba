"""Model files as Keras 1 and 2 wrote them, and what they computed, by hand in numpy.

Nothing here comes from the tools under test: the files are laid out from the formats' description,
and the forward pass follows the definitions of the operations, channels first, loop by loop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layer = dict[str, Any]
Weights = Mapping[str, Mapping[str, Array]]
"""Layer name -> weight name -> values, in the order of the layers and of their weights."""


def write_weights(group: h5py.Group, weights: Weights, **attributes: str) -> None:
    """Weights as `Model.save_weights` of Keras 1 and 2 stored them."""
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for key, value in attributes.items():
        group.attrs[key] = value.encode()
    for layer, arrays in weights.items():
        stored = group.create_group(layer)
        stored.attrs["weight_names"] = [name.encode() for name in arrays]
        for name, values in arrays.items():
            stored.create_dataset(name, data=values)


def write_weight_file(path: Path, weights: Weights, **attributes: str) -> Path:
    """A file of weights alone."""
    with h5py.File(path, "w") as file:
        write_weights(file, weights, **attributes)
    return path


def write_keras2(path: Path, model: Layer, weights: Weights, backend: str = "tensorflow") -> Path:
    """A whole model as Keras 2.2 saved it, with settings of an optimizer that no longer load."""
    training = {"optimizer_config": {"class_name": "Adam", "config": {"lr": 0.001, "decay": 0.0}}}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps(model).encode()
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        write_weights(group, weights, backend=backend, keras_version="2.2.4")
    return path


def keras2_of(model: Any) -> tuple[Layer, dict[str, dict[str, Array]]]:
    """A functional Keras 3 model in the JSON and under the weight names of Keras 2.2."""
    layers = [_keras2_layer(layer) for layer in model.layers]
    ends = {
        "input_layers": [[model.layers[0].name, 0, 0]],
        "output_layers": [[model.layers[-1].name, 0, 0]],
    }
    root = {
        "class_name": "Model",
        "config": {"name": "model_1", "layers": layers, **ends},
        "keras_version": "2.2.4",
        "backend": "tensorflow",
    }
    return root, keras2_weights(model)


def keras2_weights(model: Any) -> dict[str, dict[str, Array]]:
    """A model's weights under the names of Keras 2: trainable ones first, `:0` at the end."""
    return {
        layer.name: {
            f"{layer.name}/{variable.path.removeprefix(layer.name + '/')}:0": np.asarray(variable)
            for variable in (*layer.trainable_weights, *layer.non_trainable_weights)
        }
        for layer in model.layers
    }


def _keras2_layer(layer: Any) -> Layer:
    kind = type(layer).__name__
    config = {**layer.get_config(), "dtype": "float32"}
    for key in [key for key in config if key.endswith("_initializer")]:
        config[key] = {"class_name": "VarianceScaling", "config": {"distribution": "uniform"}}
    if kind == "InputLayer":
        config = {
            "batch_input_shape": config["batch_shape"],
            "dtype": "float32",
            "name": layer.name,
        }
    if kind == "BatchNormalization":
        config["axis"] = [config["axis"]]
    if kind == "DepthwiseConv2D":
        config["groups"] = 1
    if kind == "LeakyReLU":
        config["alpha"] = config.pop("negative_slope")
    return {
        "class_name": kind,
        "name": layer.name,
        "config": config,
        "inbound_nodes": [] if kind == "InputLayer" else [_inbound(layer)],
    }


def _inbound(layer: Any) -> list[list[Any]]:
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return [[tensor._keras_history.operation.name, 0, 0, {}] for tensor in tensors]


def theano_convolution(
    pictures: Array, kernel: Array, bias: Array, stride: int = 1, same: bool = False
) -> Array:
    """Theano's conv2d: the kernel is turned; `same` pads half a kernel on every side.

    `pictures` (n, channels, rows, columns); `kernel` (out, channels, rows, columns).
    """
    turned = kernel[:, :, ::-1, ::-1]
    half = kernel.shape[2] // 2 if same else 0
    return correlation(pictures, turned, bias, stride, (half, half))


def correlation(
    pictures: Array, kernel: Array, bias: Array, stride: int, padding: tuple[int, int]
) -> Array:
    """TensorFlow's conv2d, channels first; `padding` before and after, on both axes."""
    padded = np.pad(pictures, ((0, 0), (0, 0), padding, padding))
    side = kernel.shape[2]
    rows = (padded.shape[2] - side) // stride + 1
    columns = (padded.shape[3] - side) // stride + 1
    result = np.empty((len(pictures), len(kernel), rows, columns))
    for y in range(rows):
        for x in range(columns):
            window = padded[:, :, y * stride : y * stride + side, x * stride : x * stride + side]
            result[:, :, y, x] = np.einsum("ncij,ocij->no", window, kernel) + bias
    return result


def max_pool(pictures: Array, side: int) -> Array:
    """The greatest of every `side` x `side` pixels, without overlap, what is left over dropped."""
    n, channels, rows, columns = pictures.shape
    cut = pictures[:, :, : rows // side * side, : columns // side * side]
    blocks = cut.reshape(n, channels, rows // side, side, columns // side, side)
    return np.asarray(blocks.max((3, 5)))


def batch_norm(values: Array, weights: Sequence[Array], epsilon: float) -> Array:
    """Normalise axis 1 with (gamma, beta, mean, variance)."""
    shape = (1, -1, *(1,) * (values.ndim - 2))
    gamma, beta, mean, variance = (np.reshape(w, shape) for w in weights)
    return np.asarray(gamma * (values - mean) / np.sqrt(variance + epsilon) + beta)


def relu(values: Array) -> Array:
    """0 where negative."""
    return np.maximum(values, 0)


def softmax(values: Array) -> Array:
    """Probabilities of rows of logits."""
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
