"""A run that begins with what another one learned, instead of with chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from edgeemo.errors import InputError
from edgeemo.sidecar import Sidecar
from learning.finished import finished_network


def begin_with(path: Path, model: keras.Model, labels: Sequence[str]) -> str:
    """Give a new network the weights of a trained one: the trunk, and the labels that a head of both knows.

    `model` and the Keras 3 file at `path` have outputs by head; `labels` are the new network's. Returns
    what was carried over, for people to read.

    Raises:
        EdgeemoError: the file is missing or no Keras 3 network, has no description beside it, or another shape.
    """
    trained = finished_network(path)
    theirs, ours = _trunk(trained), _trunk(model)
    if [_shapes(layer) for layer in theirs] != [_shapes(layer) for layer in ours]:
        raise InputError(f"{path}: another network than the one to train; give one of its recipe")
    for new, old in zip(ours, theirs, strict=True):
        new.set_weights(old.get_weights())
    known = Sidecar.beside(path).labels
    common = [(labels.index(label), known.index(label)) for label in labels if label in known]
    heads = sorted(model.output.keys() & trained.output.keys())
    for head in heads:
        _carry(trained.get_layer(head), model.get_layer(head), common)
    if not heads or not common:
        return "trunk"
    return f"trunk, {' and '.join(heads)} ({', '.join(labels[place] for place, _ in common)})"


def _carry(old: keras.layers.Dense, new: keras.layers.Dense, common: list[tuple[int, int]]) -> None:
    """Copy the outputs at (place in the new, place in the old) from one head to another."""
    weights = new.get_weights()
    for fresh, trained in zip(weights, old.get_weights(), strict=True):
        for place, source in common:
            fresh[..., place] = trained[..., source]
    new.set_weights(weights)


def _trunk(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers with weights that every head shares, in order."""
    return [layer for layer in model.layers if layer.weights and layer.name not in model.output]


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [np.shape(weights) for weights in layer.get_weights()]
