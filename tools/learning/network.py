"""The shipped networks: a plain residual CNN that becomes convolutions, adds and ReLUs in int8.

70 million multiplications on a 48x48 face, most of them at 12x12 where the int8 kernels are at
their best; 0.82 million parameters. BatchNorm folds into the convolutions when converted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from networks.fused import FusedBatchNormalization

Size = tuple[int | None, int | None]
"""(width, height) in pixels; None for any."""

WIDTHS = (32, 96, 192)
"""Channels at 24x24, 12x12 and 6x6."""
DEPTHS = (1, 2, 1)
"""Residual blocks at each of them."""
SQUEEZE = 8
"""Channels for each one that a block weighs them by, where it does."""
MEMORY = 0.95
"""Share of the old in BatchNorm's running statistics, a batch."""


def residual_network(
    size: Size,
    channels: int,
    heads: Mapping[str, int],
    *,
    widths: Sequence[int] = WIDTHS,
    depths: Sequence[int] = DEPTHS,
    stem: int = 0,
    narrow: int | None = None,
    weighed: bool = False,
    dropout: float = 0.0,
    fused: bool = False,
) -> keras.Model:
    """A trunk with one linear head for each name in `heads` (name -> number of classes).

    Input (height, width, channels) for `size` (width, height), None for any; outputs are float32
    logits, a dict by head. `stem` is the number of channels at full size, 0 for halving it at once;
    `narrow` that inside the last level's blocks after its first, None for the level's own; with
    `weighed` every block weighs its channels. `fused` trains faster; weights are the same either way.
    """
    norm = FusedBatchNormalization if fused else keras.layers.BatchNormalization
    inputs = keras.Input((size[1], size[0], channels), name="face")
    x = _convolve(inputs, stem, norm) if stem else inputs
    x = _convolve(x, widths[0], norm, stride=2)
    for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        x = _residual(x, width, norm, stride=2 if level else 1, weighed=weighed)
        inner = narrow if level == len(widths) - 1 else None
        for _ in range(depth - 1):
            x = _residual(x, width, norm, inner=inner, weighed=weighed)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    outputs = {
        name: keras.layers.Dense(count, dtype="float32", name=name)(x)
        for name, count in heads.items()
    }
    return keras.Model(inputs, outputs)


def _convolve(x: Any, width: int, norm: Any, stride: int = 1, relu: bool = True) -> Any:
    x = keras.layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
    x = norm(momentum=MEMORY)(x)
    return keras.layers.ReLU()(x) if relu else x


def _residual(
    x: Any, width: int, norm: Any, stride: int = 1, inner: int | None = None, weighed: bool = False
) -> Any:
    """Two 3x3 convolutions around which the input is carried (He et al. 2016)."""
    y = _convolve(x, inner or width, norm, stride)
    y = _convolve(y, width, norm, relu=False)
    y = _weighed(y, width) if weighed else y
    if stride > 1 or x.shape[-1] != width:
        x = keras.layers.Conv2D(width, 1, strides=stride, use_bias=False)(x)
        x = norm(momentum=MEMORY)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _weighed(x: Any, width: int) -> Any:
    """Each channel times a weight in 0..1 that the picture as a whole decides (Hu et al. 2018)."""
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = keras.layers.Conv2D(max(8, width // SQUEEZE), 1, activation="relu")(weights)
    weights = keras.layers.Conv2D(width, 1, activation="sigmoid")(weights)
    return keras.layers.Multiply()([x, weights])


def one_head(network: keras.Model, head: str) -> keras.Model:
    """The part of a network that leads to one head, with a softmax: input -> probabilities."""
    logits = network.output[head] if isinstance(network.output, dict) else network.output
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(network.input, probabilities, name=head)


def plain(network: keras.Model) -> keras.Model:
    """The same network in float32 with Keras' own layers only, so that anything can load it."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = type(layer)
        kind = keras.layers.BatchNormalization if kind is FusedBatchNormalization else kind
        return kind.from_config(layer.get_config() | {"dtype": "float32"})

    copied = keras.models.clone_model(network, clone_function=copy)
    copied.set_weights(network.get_weights())
    return copied
