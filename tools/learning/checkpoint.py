"""Everything that a training run needs to go on, in one file.

It is replaced in one step after each epoch: a kill at any moment leaves either the one before or
the one after.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import InputError
from learning.training import Average, Weights

FILE = "checkpoint.npz"
"""Its name in the folder of a run."""
BEGUN = "begun_"
"""Stands before the names of the options in it."""


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Writes everything a run needs to go on, after every epoch.

    `fingerprints` stand by name for what is learned from and in which order, and for what is watched: a run
    goes on with the same only, or faces that were held back would be learned from after all. `options` are
    what it was begun with besides, by name: it may go on with others, which `changes` tells.
    """

    def __init__(
        self,
        path: Path,
        average: Average,
        fingerprints: Mapping[str, str],
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.path, self.average, self.fingerprints = path, average, fingerprints
        self.options = self.begun_with = dict(options or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Write it beside its place, then move it there."""
        state: dict[str, Any] = {
            "epoch": epoch + 1,
            "updates": self.average.updates,
            **self.fingerprints,
            **{BEGUN + name: value for name, value in self.begun_with.items()},
        }
        state |= _named("variable", self.model.get_weights())
        state |= _named("optimizer", [_numpy(v) for v in _variables(self.model)])
        state |= _named("average", self.average.weights)
        save(self.path, state)

    def restore(self, model: keras.Model) -> int:
        """Bring model, optimizer and average back; returns the number of epochs that are done.

        Raises:
            InputError: the checkpoint is damaged, another network's, or of other faces.
        """
        with opened(self.path) as state:
            weights, stored = read(state, "variable"), read(state, "optimizer")
            self.average.weights = read(state, "average")
            self.average.updates = int(state["updates"])
            epoch = int(state["epoch"])
            # Nothing in those of earlier versions: nobody knows what such a run was begun with.
            noted = [name for name in state.files if name.startswith(BEGUN)]
            self.begun_with = {name.removeprefix(BEGUN): str(state[name]) for name in noted}
            # What runs of earlier versions did not note: on trust.
            known = self.fingerprints.keys() & set(state.files)
            is_other = any(str(state[name]) != self.fingerprints[name] for name in known)
        if is_other:
            raise InputError(
                f"{self.path}: of other faces: go on with the --data, --held, --size, --channels and --seed "
                "that began the run"
            )
        model.optimizer.build(model.trainable_variables)
        try:
            model.set_weights(weights)
            for variable, value in zip(_variables(model), stored, strict=True):
                variable.assign(value)
        except ValueError as error:
            raise InputError(
                f"{self.path}: of another network: go on with the recipe and the data that began the run"
            ) from error
        return epoch

    @property
    def changes(self) -> list[str]:
        """A line for each option that is another than when the restored run was begun."""
        return [
            f"goes on with {name} {self.options[name]}, begun with {begun}"
            for name, begun in self.begun_with.items()
            if self.options.get(name, begun) != begun
        ]


def save(path: Path, arrays: dict[str, Any]) -> None:
    """Write named arrays to an .npz that is there whole or not at all."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """What `save` wrote, by name.

    Raises:
        InputError: the file is damaged, or something else.
    """
    try:
        with np.load(path) as state:
            yield state
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a run's checkpoint: delete it to begin anew") from error


def _variables(model: keras.Model) -> list[Any]:
    """The optimizer's own: in float16 one is wrapped around it, which finds its loss scale anew."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return list(optimizer.variables)


def _numpy(variable: Any) -> NDArray[Any]:
    return np.array(keras.ops.convert_to_numpy(variable))


def _named(kind: str, arrays: Weights) -> dict[str, NDArray[Any]]:
    return {f"{kind}{i:04d}": np.asarray(array) for i, array in enumerate(arrays)}


def read(state: Any, kind: str) -> Weights:
    """The arrays of one kind from what `opened` gives, in order."""
    return [state[name] for name in sorted(state.files) if name.startswith(kind)]
