"""Channels-first models made channels-last: layers exchanged, weights moved, and the proof of it.

TFLite runs channels-last only. A value that stood at (channel, row, column) stands at (row,
column, channel) afterwards; what comes after a Flatten is reordered to match.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rebuild import rebuild
from refusal import NotEqualError, UnsupportedLayerError

AXES = {0: 0, 1: 3, 2: 1, 3: 2}
"""Where an axis of (batch, channel, row, column) goes in (batch, row, column, channel)."""
TO_LAST = (1, 2, 0)
"""(channel, row, column) transposed to (row, column, channel)."""
TOLERANCE = 1e-4
"""Float32 sums in another order differ by less, relative to the greatest output."""
PROOF_INPUTS = 8
PICTURE_RANK = 4

Order = NDArray[np.int64]
ReadModel = tuple[Any, tuple[str, ...]]
"""A channels-last Keras model, and a line for each thing that reading it changed."""


def arranged(model: Any) -> ReadModel:
    """The model itself, or a channels-last one that computes the same; errors as `to_channels_last`."""
    if not is_channels_first(model):
        return model, ()
    return to_channels_last(model), (
        "channels-first turned into channels-last, equal on random inputs",
    )


def is_channels_first(model: Any) -> bool:
    """Whether any layer of a model works on channels-first pictures."""
    working = [layer for layer in model.layers if not isinstance(layer, keras.layers.Flatten)]
    return any(getattr(layer, "data_format", None) == "channels_first" for layer in working)


def to_channels_last(model: Any) -> Any:
    """A channels-last model that computes the same, proved on random inputs.

    Raises:
        UnsupportedLayerError: a layer can't be rearranged.
        NotEqualError: the result computes something else.
    """
    _, channels, height, width = model.inputs[0].shape
    orders = _flat_orders(model)
    picture = keras.Input((height, width, channels))
    inputs = picture if isinstance(model, keras.Sequential) else _like(model.input, picture)
    last = rebuild(model, lambda layer: _layer(layer, orders), inputs)
    prove_equal(model, last)
    return last


def _like(structure: Any, picture: Any) -> Any:
    return [picture] if isinstance(structure, list) else picture


def prove_equal(first: Any, last: Any, seed: int = 0) -> None:
    """Run both on the same random pictures, and compare what enters the last layer and leaves it.

    Raises:
        NotEqualError: they differ by more than float32 rounding.
    """
    shape = (PROOF_INPUTS, *first.inputs[0].shape[1:])
    inputs = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    before = _observed(first)([inputs], training=False)
    after = _observed(last)([np.moveaxis(inputs, 1, 3)], training=False)
    for one, other in zip(before, after, strict=True):
        reference = np.asarray(one)
        error = float(np.abs(np.asarray(other) - reference).max())
        if not error <= TOLERANCE * max(1.0, float(np.abs(reference).max())):
            raise NotEqualError(
                f"channels-last gives other outputs than channels-first, by up to {error:.2g}: "
                "a layer in it can't be rearranged"
            )


def _observed(model: Any) -> Any:
    """The model with the input of its last layer as a further output: a softmax hides differences."""
    entering = model.layers[-1].input
    wanted = [entering] if len(entering.shape) == 2 else []
    return keras.Model(model.inputs, [*wanted, model.outputs[0]])


def _layer(layer: Any, orders: dict[str, Order]) -> Any:
    """(The layer for channels-last, its weights)."""
    config, weights = layer.get_config(), layer.get_weights()
    if _holds_pictures(layer):
        _rearrange(layer, config)
    order = orders.get(layer.name)
    if order is not None:
        weights = _reorder(layer, weights, order)
    elif isinstance(layer, keras.layers.PReLU) and weights[0].ndim == len(TO_LAST):
        weights = [np.transpose(weights[0], TO_LAST)]
    return type(layer).from_config(config), weights


def _reorder(layer: Any, weights: list[NDArray[Any]], order: Order) -> list[NDArray[Any]]:
    if isinstance(layer, keras.layers.Dense):
        kernel, *bias = weights
        return [kernel[order], *bias]
    return [values[order] for values in weights]


def _inputs(layer: Any) -> list[Any]:
    """The tensors that enter a layer."""
    try:
        return layer.input if isinstance(layer.input, list) else [layer.input]
    except (AttributeError, ValueError) as error:
        raise UnsupportedLayerError(
            f"layer {layer.name} of a channels-first network is used more than once"
        ) from error


def _holds_pictures(layer: Any) -> bool:
    return PICTURE_RANK in {len(tensor.shape) for tensor in (*_inputs(layer), layer.output)}


def _rearrange(layer: Any, config: dict[str, Any]) -> None:
    """Change a layer's settings to those for channels-last; refuse those that can't be."""
    if isinstance(layer, keras.layers.Reshape) and config["target_shape"][1:] == (1, 1):
        # What gives every channel a weight (squeeze and excitation): one pixel, no order to change.
        config["target_shape"] = (1, 1, config["target_shape"][0])
    elif isinstance(layer, (keras.layers.Reshape, keras.layers.Permute, keras.Model)):
        raise UnsupportedLayerError(
            f"layer {layer.name} ({type(layer).__name__}) of a channels-first network can't be rearranged"
        )
    if config.get("data_format") == "channels_first":
        config["data_format"] = "channels_last"
    if isinstance(config.get("axis"), int):
        config["axis"] = AXES[config["axis"] % PICTURE_RANK]
    if config.get("shared_axes"):
        config["shared_axes"] = [AXES[axis] for axis in config["shared_axes"]]


def _flat_orders(model: Any) -> dict[str, Order]:
    """By layer name: how the flattened values that enter it have to be reordered.

    A Flatten of channels-first values lists them by channel; afterwards they are listed by row.
    One that was told `channels_first` moved the channels last itself, and needs no reordering.
    """
    orders: dict[str, Order] = {}
    leaving: dict[str, Order] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        order = _entering(layer, leaving)
        if order is not None:
            orders[layer.name] = order
        if isinstance(layer, keras.layers.Flatten) and _lists_by_channel(layer):
            leaving[layer.name] = _by_row(layer.input.shape[1:])
        elif order is not None and not isinstance(layer, keras.layers.Dense):
            leaving[layer.name] = order
    return orders


def _entering(layer: Any, leaving: dict[str, Order]) -> Order | None:
    # By the layer that made it: a Sequential that grew layer by layer has several tensors of each.
    makers = [tensor._keras_history.operation.name for tensor in _inputs(layer)]
    found = [leaving[maker] for maker in makers if maker in leaving]
    if not found:
        return None
    if len(makers) > 1 or not isinstance(layer, _ORDERED):
        raise UnsupportedLayerError(
            f"layer {layer.name} ({type(layer).__name__}) after Flatten can't be rearranged"
        )
    return found[0]


_ORDERED = (
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


def _lists_by_channel(layer: Any) -> bool:
    return layer.data_format == "channels_last" and len(layer.input.shape) == PICTURE_RANK


def _by_row(shape: tuple[int, int, int]) -> Order:
    """Positions in a list by (channel, row, column), for each of a list by (row, column, channel)."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(TO_LAST).ravel()
