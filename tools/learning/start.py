"""A run that begins with what another one learned, instead of with chance."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np

from edgeemo.errors import InputError


def begin_with(path: Path, model: keras.Model) -> list[str]:
    """Give a new network the weights of a trained one: the trunk, and each head of the same name and size.

    `model` and the Keras 3 file at `path` have outputs by head. Returns the names of the
    heads that were carried over.

    Raises:
        InputError: the file is no Keras 3 network, or one of another shape.
    """
    trained = _read(path)
    if not isinstance(trained.output, dict):
        raise InputError(f"{path}: has no heads by name; give the network.keras of a finished run")
    theirs, ours = _trunk(trained), _trunk(model)
    if [_shapes(layer) for layer in theirs] != [_shapes(layer) for layer in ours]:
        raise InputError(f"{path}: another network than the one to train; give one of its recipe")
    heads = [
        name
        for name in model.output.keys() & trained.output.keys()
        if _shapes(trained.get_layer(name)) == _shapes(model.get_layer(name))
    ]
    pairs = [(model.get_layer(name), trained.get_layer(name)) for name in heads]
    for new, old in (*zip(ours, theirs, strict=True), *pairs):
        new.set_weights(old.get_weights())
    return sorted(heads)


def _read(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a Keras 3 network to start from: {reason}") from error


def _trunk(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers with weights that every head shares, in order."""
    return [layer for layer in model.layers if layer.weights and layer.name not in model.output]


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [np.shape(weights) for weights in layer.get_weights()]
