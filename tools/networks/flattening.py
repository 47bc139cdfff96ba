"""What follows a Flatten when channels-first becomes channels-last: the same values, listed otherwise."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from networks.refusal import UnsupportedLayerError

TO_LAST = (1, 2, 0)
"""(channel, row, column) transposed to (row, column, channel)."""
PICTURE_RANK = 4
ROW_RANK = 2

Order = NDArray[np.int64]
"""Where each value of the new list stood in the old one."""

ORDERED = (
    keras.layers.Dense,
    keras.layers.BatchNormalization,
    keras.layers.PReLU,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
"""Layers that take a row of values one by one, or as Dense weigh them one by one."""


def flat_orders(model: Any) -> dict[str, Order]:
    """By layer name: how the flattened values that enter it have to be reordered.

    A Flatten of channels-first values lists them by channel; afterwards they are listed by row.
    One that was told `channels_first` moved the channels last itself, and needs no reordering, nor
    does one of a single pixel or a single channel.
    """
    orders: dict[str, Order] = {}
    leaving: dict[str, Order] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        order = _entering(layer, leaving)
        if order is not None:
            orders[layer.name] = order
        if lists_by_channel(layer):
            order = _by_row(layer.input.shape[1:])
        if order is not None and not isinstance(layer, keras.layers.Dense):
            leaving[layer.name] = order
    return orders


def _entering(layer: Any, leaving: dict[str, Order]) -> Order | None:
    # By the layer that made it: a Sequential that grew layer by layer has several tensors of each.
    makers = [tensor._keras_history.operation.name for tensor in inputs_of(layer)]
    found = [leaving.get(maker) for maker in makers]
    if all(order is None for order in found):
        return None
    if isinstance(layer, keras.layers.Concatenate):
        return _joined([tensor.shape[-1] for tensor in inputs_of(layer)], found)
    if len(makers) > 1 or not isinstance(layer, ORDERED):
        raise UnsupportedLayerError(
            f"layer {layer.name} ({type(layer).__name__}) after Flatten can't be rearranged"
        )
    return found[0]


def _joined(lengths: list[int], orders: list[Order | None]) -> Order:
    """The order of rows one behind another, each of a length and with an order of its own, or none."""
    parts, start = [], 0
    for length, order in zip(lengths, orders, strict=True):
        parts.append(start + (np.arange(length) if order is None else order))
        start += length
    return np.concatenate(parts)


def lists_by_channel(layer: Any) -> bool:
    """Whether a layer makes a row of a picture, its values as they lie: Flatten, or Reshape to one row."""
    if isinstance(layer, keras.layers.Flatten):
        as_they_lie = layer.data_format == "channels_last"
    else:
        as_they_lie = isinstance(layer, keras.layers.Reshape)
    if not as_they_lie:
        return False
    return (len(layer.input.shape), len(layer.output.shape)) == (PICTURE_RANK, ROW_RANK)


def _by_row(shape: tuple[int, int, int]) -> Order | None:
    """Positions in a list by (channel, row, column), for each of a list by (row, column, channel).

    None where both are the same list.
    """
    positions = np.arange(np.prod(shape))
    order = positions.reshape(shape).transpose(TO_LAST).ravel()
    return None if np.array_equal(order, positions) else order


def reorder(layer: Any, weights: list[NDArray[Any]], order: Order) -> list[NDArray[Any]]:
    """A layer's weights for values that come in another order."""
    if isinstance(layer, keras.layers.Dense):
        kernel, *bias = weights
        return [kernel[order], *bias]
    return [values[order] for values in weights]


def inputs_of(layer: Any) -> list[Any]:
    """The tensors that enter a layer; UnsupportedLayerError when it is used more than once."""
    try:
        return layer.input if isinstance(layer.input, list) else [layer.input]
    except (AttributeError, ValueError) as error:
        raise UnsupportedLayerError(
            f"layer {layer.name} of a channels-first network is used more than once"
        ) from error
