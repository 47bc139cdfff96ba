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


class Keras2Graph:
    """A functional model of Keras 2, written down layer by layer with random weights."""

    def __init__(self, shape: Sequence[int], seed: int = 0) -> None:
        self.layers: list[Layer] = []
        self.weights: dict[str, dict[str, Array]] = {}
        self.random = np.random.default_rng(seed)
        entry = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False}
        self.last = self.add("InputLayer", entry, inbound=())

    def add(
        self,
        kind: str,
        config: Layer,
        inbound: Sequence[str] | None = None,
        **weights: Sequence[int],
    ) -> str:
        """Append a layer after `inbound`, the last one if not given; weights by name and shape."""
        name = f"{kind.lower()}_{len(self.layers)}"
        sources = [self.last] if inbound is None else inbound
        nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
        config = {"name": name, "trainable": True, **config}
        self.layers.append(
            {"class_name": kind, "config": config, "name": name, "inbound_nodes": nodes}
        )
        self.weights[name] = {
            f"{name}/{weight}:0": self._values(weight, tuple(shape))
            for weight, shape in weights.items()
        }
        self.last = name
        return name

    def _values(self, name: str, shape: tuple[int, ...]) -> Array:
        if name == "moving_variance":
            return self.random.uniform(0.5, 1.5, shape).astype(np.float32)
        spread = 1 / np.sqrt(max(1, np.prod(shape[:-1])))
        return self.random.normal(0, spread, shape).astype(np.float32)

    @property
    def model(self) -> Layer:
        """What `Model.to_json` gave."""
        ends = {
            "input_layers": [[self.layers[0]["name"], 0, 0]],
            "output_layers": [[self.last, 0, 0]],
        }
        config = {"name": "model_1", "layers": self.layers, **ends}
        return {
            "class_name": "Model",
            "config": config,
            "keras_version": "2.2.4",
            "backend": "tensorflow",
        }


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
    return cut.reshape(n, channels, rows // side, side, columns // side, side).max((3, 5))


def batch_norm(values: Array, weights: Sequence[Array], epsilon: float) -> Array:
    """Normalise axis 1 with (gamma, beta, mean, variance)."""
    shape = (1, -1, *(1,) * (values.ndim - 2))
    gamma, beta, mean, variance = (np.reshape(w, shape) for w in weights)
    return gamma * (values - mean) / np.sqrt(variance + epsilon) + beta


def relu(values: Array) -> Array:
    """0 where negative."""
    return np.maximum(values, 0)


def softmax(values: Array) -> Array:
    """Probabilities of rows of logits."""
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
