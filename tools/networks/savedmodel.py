"""Networks from TensorFlow's SavedModel folders, by the signature that serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from networks.description import CHANNELS, picture_shape, refuse_integers
from networks.floatnetwork import FloatNetwork, batch_of, row_length
from networks.refusal import ShapeError, SourceModelError

SIGNATURE = "serving_default"


def read(folder: Path) -> FloatNetwork:
    """The network that a SavedModel serves: by its signature `serving_default`, or the only one it has.

    Raises:
        SourceModelError: the folder is no SavedModel, or serves nothing, or several things by other names.
        ShapeError: it takes or gives something else than a picture and a row; channels first too.
    """
    if not (folder / "saved_model.pb").exists():
        raise SourceModelError(f"{folder}: no saved_model.pb in it, so no SavedModel")
    model = tf.saved_model.load(str(folder))
    name = _signature(folder, sorted(model.signatures))
    serve = model.signatures[name]
    entry, spec = _only(serve.structured_input_signature[1], "inputs")
    result, row = _only(serve.structured_outputs, "outputs")

    def function(batch: tf.Tensor) -> tf.Tensor:
        return serve(**{entry: tf.cast(batch, spec.dtype)})[result]

    refuse_integers(spec.dtype.name)
    shape = picture_shape(tuple(spec.shape))
    _refuse_channels_first(folder, shape)
    outputs, batch = row_length(tuple(row.shape)), batch_of(spec.shape[0])
    notes = () if name == SIGNATURE else (f"taken by its only signature, {name}",)
    return FloatNetwork(tf.function(function), shape, outputs, model, notes, batch)


def _signature(folder: Path, names: list[str]) -> str:
    if SIGNATURE in names:
        return SIGNATURE
    if len(names) != 1:
        there = f"several signatures ({', '.join(names)})" if names else "no signatures"
        raise SourceModelError(
            f"{folder}: has {there}, none of them {SIGNATURE}: export it again with one of that name"
        )
    return names[0]


def _only(named: dict[str, Any], what: str) -> tuple[str, Any]:
    if len(named) != 1:
        raise ShapeError(f"the SavedModel has {len(named)} {what}; allowed: one")
    return next(iter(named.items()))


def _refuse_channels_first(folder: Path, shape: tuple[int, int, int]) -> None:
    if shape[0] in CHANNELS and shape[2] not in CHANNELS:
        raise ShapeError(
            f"{folder} takes channels first {shape}, and a SavedModel can't be rearranged: convert the "
            "Keras file that it was made from"
        )
