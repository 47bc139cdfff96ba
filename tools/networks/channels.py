"""Channels-first models made channels-last: layers exchanged, weights moved, and the proof of it.

TFLite runs channels-last only. A value that stood at (channel, row, column) stands at (row,
column, channel) afterwards; what comes after a Flatten is reordered to match.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from networks.description import refuse_integers
from networks.flattening import (
    PICTURE_RANK,
    ROW_RANK,
    TO_LAST,
    Order,
    flat_orders,
    inputs_of,
    lists_by_channel,
    reorder,
)
from networks.rebuild import rebuild
from networks.refusal import NotEqualError, UnsupportedLayerError

AXES = {0: 0, 1: 3, 2: 1, 3: 2}
"""Where an axis of (batch, channel, row, column) goes in (batch, row, column, channel)."""
TOLERANCE = 1e-4
"""Float32 sums in another order differ by less, relative to the greatest output."""
PROOF_INPUTS = 8
UNKNOWN = (keras.layers.Reshape, keras.layers.Permute, keras.Model)
"""Layers that move pixels about, and models as layers: what they are in channels last is not known here."""

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
    """Whether any layer of a model, or of one in it, works on channels-first pictures."""
    return any(
        is_channels_first(layer)
        if isinstance(layer, keras.Model)
        else getattr(layer, "data_format", None) == "channels_first"
        for layer in model.layers
        if not isinstance(layer, keras.layers.Flatten)
    )


def to_channels_last(model: Any) -> Any:
    """A channels-last model that computes the same, proved on random inputs.

    Raises:
        UnsupportedLayerError: a layer can't be rearranged.
        NotEqualError: the result computes something else.
        ShapeError: it takes whole numbers, which the random inputs are not.
    """
    refuse_integers(model.inputs[0].dtype)
    _, channels, height, width = model.inputs[0].shape
    orders = flat_orders(model)
    picture = keras.Input((height, width, channels))
    inputs = picture if isinstance(model, keras.Sequential) else _like(model.input, picture)
    last = rebuild(model, lambda layer: _layer(layer, orders), inputs)
    prove_equal(model, last)
    return last


def _like(structure: Any, picture: Any) -> Any:
    return [picture] if isinstance(structure, list) else picture


def prove_equal(first: Any, last: Any, seed: int = 0) -> None:
    """Run both on the same random pictures, and compare logits and outputs.

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
    """The model with what enters its last activation as a further output: a softmax hides differences."""
    last = model.layers[-1]
    if "activation" in last.get_config():
        wanted = [_before_activation(last)]
    else:
        wanted = [tensor for tensor in inputs_of(last) if len(tensor.shape) == ROW_RANK]
    return keras.Model(model.inputs, [*wanted, model.outputs[0]])


def _before_activation(layer: Any) -> Any:
    # Not what enters the layer: behind a Flatten that is listed otherwise, as the layer's weights are.
    changes = {"activation": "linear", "name": f"{layer.name}_before_activation"}
    copy = type(layer).from_config(layer.get_config() | changes)
    values = copy(layer.input)
    copy.set_weights(layer.get_weights())
    return values


def _layer(layer: Any, orders: dict[str, Order]) -> Any:
    """(The layer for channels-last, its weights)."""
    config, weights = layer.get_config(), layer.get_weights()
    if _holds_pictures(layer):
        _rearrange(layer, config)
    order = orders.get(layer.name)
    if order is not None:
        weights = reorder(layer, weights, order)
    elif isinstance(layer, keras.layers.PReLU) and weights[0].ndim == len(TO_LAST):
        weights = [np.transpose(weights[0], TO_LAST)]
    return type(layer).from_config(config), weights


def _holds_pictures(layer: Any) -> bool:
    return PICTURE_RANK in {len(tensor.shape) for tensor in (*inputs_of(layer), layer.output)}


def _rearrange(layer: Any, config: dict[str, Any]) -> None:
    """Change a layer's settings to those for channels-last; refuse those that can't be."""
    if isinstance(layer, keras.layers.Reshape) and config["target_shape"][1:] == (1, 1):
        # What gives every channel a weight (squeeze and excitation): one pixel, no order to change.
        config["target_shape"] = (1, 1, config["target_shape"][0])
    elif isinstance(layer, UNKNOWN) and not lists_by_channel(layer):
        raise UnsupportedLayerError(
            f"layer {layer.name} ({type(layer).__name__}) of a channels-first network can't be rearranged"
        )
    if config.get("data_format") == "channels_first":
        config["data_format"] = "channels_last"
    for key in ("axis", "shared_axes"):
        if config.get(key):
            config[key] = _moved(config[key])


def _moved(axes: Any) -> Any:
    """An axis of channels first, or several, where they are in channels last."""
    if isinstance(axes, int):
        return AXES[axes % PICTURE_RANK]
    return [AXES[axis % PICTURE_RANK] for axis in axes]
