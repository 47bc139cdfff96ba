"""Weights put into a Keras 3 model, layer by layer, from the .h5 files of Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from networks import keras1
from networks.refusal import SourceModelError

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class WeightFile:
    """The arrays of each layer that has any, in the file's order, and who wrote them.

    `backend` is None where the file does not say; `likely_backend` goes by the variables' names.
    """

    layers: tuple[tuple[str, Arrays], ...]
    backend: str | None
    likely_backend: str

    @classmethod
    def read(cls, file: h5py.File) -> WeightFile:
        """Read an open file of `Model.save_weights()` or `Model.save()`.

        Raises:
            SourceModelError: no weights are in it.
        """
        group = file.get("model_weights", file)
        if "layer_names" not in group.attrs:
            raise SourceModelError(f"{file.filename}: no Keras weights in it")
        names = [_text(name) for name in _attribute(group, "layer_names")]
        layers = [(name, _arrays(group[name])) for name in names]
        backend = _text(group.attrs.get("backend", file.attrs.get("backend")))
        stored = tuple((name, arrays) for name, arrays in layers if arrays)
        return cls(stored, backend or None, _likely_backend(group, names))

    def load_into(self, model: Any, keras1_layout: bool) -> None:
        """Set a model's weights; layers are matched in their order, as Keras does.

        Raises:
            SourceModelError: the file belongs to another architecture.
        """
        targets = [layer for layer in model.layers if layer.weights]
        if len(targets) != len(self.layers):
            raise SourceModelError(
                f"the weights are of {len(self.layers)} layers, the architecture has {len(targets)} with any"
            )
        for layer, (name, arrays) in zip(targets, self.layers, strict=True):
            fitting = keras1.kernels_of_today(arrays, layer) if keras1_layout else arrays
            _assign(layer, name, fitting)
        put_into_use(model)


def put_into_use(model: Any) -> None:
    """Have every layer in a model take up the weights that it was given: a Normalization computes with copies."""
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _assign(layer: Any, name: str, arrays: Sequence[NDArray[Any]]) -> None:
    # Keras 2 stored the trainable ones first; with frozen parts that differs from layer.weights.
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    expected = [tuple(variable.shape) for variable in variables]
    found = [array.shape for array in arrays]
    if expected != found:
        raise SourceModelError(
            f"the weights of {name} have shapes {_shapes(found)}, layer {layer.name} of the architecture "
            f"takes {_shapes(expected)}: they belong to another model"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes) or "none"


def _arrays(group: h5py.Group) -> Arrays:
    return [np.asarray(group[_text(name)]) for name in _attribute(group, "weight_names")]


def _attribute(group: h5py.Group, name: str) -> Iterator[Any]:
    """An attribute's items; Keras 2 spread a list over 64 kB to `name0`, `name1`, ..."""
    if name in group.attrs:
        yield from group.attrs[name]
    number = 0
    while f"{name}{number}" in group.attrs:
        yield from group.attrs[f"{name}{number}"]
        number += 1


def _likely_backend(group: h5py.Group, names: Sequence[str]) -> str:
    """Files of early Keras do not name their backend, but TensorFlow's variables are `NAME:0`."""
    stored = [_text(w) for name in names for w in _attribute(group[name], "weight_names")]
    return "tensorflow" if any(w.endswith(":0") for w in stored) else "theano"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
