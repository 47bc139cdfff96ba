"""What happens around `model.fit`: learning rate, averaged weights, checkpoints, log.

A checkpoint is one file, replaced in one step after each epoch: a kill at any moment leaves either
the one before or the one after.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from batches import Batches
from numpy.typing import NDArray

Weights = list[NDArray[Any]]


def cosine(peak: float, steps: int, warmup: int, floor: float = 0.01) -> Callable[[int], float]:
    """Learning rate by step: a linear rise over `warmup` steps, then half a cosine down to `floor` * peak."""

    def rate(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, steps - warmup))
        return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)

    return rate


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Sets the learning rate before every step, from the step's number in the whole run."""

    def __init__(self, rate: Callable[[int], float], steps_per_epoch: int) -> None:
        super().__init__()
        self.rate, self.steps_per_epoch = rate, steps_per_epoch
        self.start = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Remember where the epoch starts."""
        self.start = epoch * self.steps_per_epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Set the rate."""
        self.model.optimizer.learning_rate = self.rate(self.start + batch)


class NextEpoch(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Tells the batches which epoch they are for."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Set it."""
        self.batches.epoch = epoch


class Average(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """An exponential moving average of all weights, BatchNorm's statistics included.

    It is what is tested and kept in the end: smoother than any single step's weights. Early on it
    forgets faster, so that the random start does not linger.
    """

    EVERY = 4
    """Steps between updates: fewer copies, the same average within a fraction of a percent."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.weights: Weights = []
        self.updates = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Start from the weights as they are, unless a checkpoint brought an average."""
        if not self.weights:
            self.weights = [np.array(w) for w in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Move the average a little toward the present weights."""
        if batch % self.EVERY:
            return
        self.updates += 1
        decay = min(self.decay**self.EVERY, (1 + self.updates) / (10 + self.updates))
        for mean, now in zip(self.weights, self.model.get_weights(), strict=True):
            mean += (1 - decay) * (now - mean)


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Writes everything a run needs to go on, after every epoch."""

    def __init__(self, path: Path, average: Average) -> None:
        super().__init__()
        self.path, self.average = path, average

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Write it beside its place, then move it there."""
        model = self.model
        state: dict[str, Any] = {"epoch": epoch + 1, "updates": self.average.updates}
        state |= _named("variable", [np.array(v) for v in model.get_weights()])
        state |= _named("optimizer", [_numpy(v) for v in model.optimizer.variables])
        state |= _named("average", self.average.weights)
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez(file, **state)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)

    def restore(self, model: keras.Model) -> int:
        """Bring model, optimizer and average back; returns the number of epochs that are done."""
        with np.load(self.path) as state:
            model.optimizer.build(model.trainable_variables)
            model.set_weights(_read(state, "variable"))
            stored = _read(state, "optimizer")
            for variable, value in zip(model.optimizer.variables, stored, strict=True):
                variable.assign(value)
            self.average.weights = _read(state, "average")
            self.average.updates = int(state["updates"])
            return int(state["epoch"])


def _numpy(variable: Any) -> NDArray[Any]:
    return np.array(keras.ops.convert_to_numpy(variable))


def _named(kind: str, arrays: Weights) -> dict[str, NDArray[Any]]:
    return {f"{kind}{i:04d}": array for i, array in enumerate(arrays)}


def _read(state: Any, kind: str) -> Weights:
    return [state[name] for name in sorted(state.files) if name.startswith(kind)]


class Log(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """One row an epoch in a csv: losses, accuracy of the averaged weights on `held`, rate, seconds."""

    def __init__(
        self, path: Path, average: Average, held: tuple[Any, dict[str, NDArray[np.int64]]] | None
    ) -> None:
        super().__init__()
        self.path, self.average, self.held = path, average, held
        self.began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # keras' signature
        """Start the clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure and append."""
        row: dict[str, Any] = {"epoch": epoch + 1, **(logs or {}), **self.held_accuracy()}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        row["seconds"] = round(time.monotonic() - self.began, 1)
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})

    def held_accuracy(self) -> dict[str, float]:
        """Share of right answers of each head on the held-out faces, with the averaged weights."""
        if self.held is None:
            return {}
        inputs, labels = self.held
        present = self.model.get_weights()
        self.model.set_weights(self.average.weights)
        logits = self.model.predict(inputs, batch_size=256, verbose=0)
        self.model.set_weights(present)
        return {f"held_{h}": _accuracy(logits[h], labels[h]) for h in labels}


def _accuracy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    known = labels >= 0
    return float(np.mean(np.argmax(logits, 1)[known] == labels[known]))
