"""What Theano computed otherwise: convolutions with turned kernels, and its own `same` padding.

Keras stored kernels as the backend used them. Theano's convolution turns a kernel by 180 degrees
where the other backends correlate, and its `same` is half a kernel on every side, where
TensorFlow puts the smaller half first and only as much as the strides need.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from networks.rebuild import rebuild
from networks.refusal import UnsupportedLayerError

POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
UNKNOWN = (
    keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Conv2DTranspose,
    keras.Model,
)
"""Layers with kernels of which it is not known here how Theano used them, and models as layers."""


class Padding(NamedTuple):
    """Rows (columns) added before and after."""

    before: int
    after: int


def as_theano(model: Any) -> Any:
    """A model that computes what Theano did with the weights of this channels-last one.

    Raises:
        UnsupportedLayerError: Theano's form of a layer is not known here.
    """
    return rebuild(model, _layer)


def _layer(layer: Any) -> Any:
    if isinstance(layer, UNKNOWN):
        raise UnsupportedLayerError(
            f"layer {layer.name} is a {type(layer).__name__} trained on Theano, which is not supported"
        )
    if isinstance(layer, POOLS) and layer.padding == "same":
        _refuse_other_padding(layer)
    if not isinstance(layer, keras.layers.Conv2D):
        return None
    copy = type(layer).from_config(layer.get_config())
    weights = layer.get_weights()
    weights[0] = weights[0][::-1, ::-1]
    if layer.padding == "same" and (paddings := _differing(layer, layer.kernel_size)):
        copy = _padded(layer, paddings)
    return copy, weights


def _padded(layer: Any, paddings: tuple[Padding, Padding]) -> Any:
    config = {**layer.get_config(), "padding": "valid"}
    return keras.Sequential(
        [keras.layers.ZeroPadding2D(paddings), type(layer).from_config(config)],
        name=f"{layer.name}_padded",
    )


def _differing(layer: Any, window: tuple[int, int]) -> tuple[Padding, Padding] | None:
    """Theano's paddings of rows and columns where they differ from TensorFlow's."""
    sides = layer.input.shape[1:3]
    triples = list(zip(sides, window, layer.strides, strict=True))
    theirs = tuple(_theano(*triple) for triple in triples)
    ours = tuple(_tensorflow(*triple) for triple in triples)
    return None if theirs == ours else (theirs[0], theirs[1])


def _needed(side: int, window: int, stride: int) -> int:
    """Padding in all for ceil(side / stride) outputs."""
    return max((-(-side // stride) - 1) * stride + window - side, 0)


def _theano(side: int, window: int, stride: int) -> Padding:
    before = window // 2
    return Padding(before, max(_needed(side, window, stride) - before, 0))


def _tensorflow(side: int, window: int, stride: int) -> Padding:
    needed = _needed(side, window, stride)
    return Padding(needed // 2, needed - needed // 2)


def _refuse_other_padding(layer: Any) -> None:
    if layer.pool_size != (3, 3) or _differing(layer, layer.pool_size):
        raise UnsupportedLayerError(
            f"layer {layer.name} pools with padding 'same' on Theano, which is not supported"
        )
