"""A copy of a Keras model with some of its layers exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from networks.weights import put_into_use

Exchange = Callable[[Any], Any]


def rebuild(model: Any, exchange: Exchange, inputs: Any = None) -> Any:
    """Copy a Sequential or functional model, weights included.

    `exchange` gets each layer and returns None to keep it as it is, or (new layer, its weights).
    `inputs` are new input tensors where their shape changes.
    """
    made: dict[int, tuple[Any, Any]] = {}

    def clone(layer: Any) -> Any:
        if not isinstance(layer, keras.Layer):
            return layer
        if id(layer) not in made:
            made[id(layer)] = exchange(layer) or _copy(layer)
        return made[id(layer)][0]

    copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=clone)
    for new, weights in made.values():
        new.set_weights(weights)
    put_into_use(copy)
    return copy


def _copy(layer: Any) -> tuple[Any, Any]:
    return type(layer).from_config(layer.get_config()), layer.get_weights()
