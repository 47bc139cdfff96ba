"""What happens around `model.fit`: learning rate, chance, averaged weights, log."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import EdgeemoError, InputError
from learning.batches import Batches, Float
from measuring.metrics import nll

Weights = list[NDArray[Any]]
Rate = Callable[[int], float]


class DivergedError(EdgeemoError):
    """A run's weights have grown beyond all bounds."""

    exit_code = 21


def cosine(peak: float, steps: int, warmup: int, floor: float = 0.01) -> Rate:
    """Learning rate by step: a rise over `warmup` steps, then half a cosine down to `floor` * peak."""

    def rate(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, steps - warmup))
        return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)

    return rate


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Tells the batches their epoch, and sets the learning rate by the step in the whole run.

    Ends a fit where the next epoch has pictures of another size.
    """

    def __init__(self, batches: Batches, rate: Rate | None) -> None:
        super().__init__()
        self.batches, self.rate = batches, rate
        self.start = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Remember where the epoch starts."""
        self.batches.epoch = epoch
        self.start = epoch * len(self.batches)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """See whether the next is of the same size."""
        size_at = self.batches.drill.size_at
        if size_at(epoch + 1) != size_at(epoch):
            self.model.stop_training = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Set the rate."""
        if self.rate is not None:
            self.model.optimizer.learning_rate = self.rate(self.start + batch)


class Chance(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Begins every epoch with generators that follow from the seeds and the epoch, and from nothing else.

    So a run that was killed drops out what it would have dropped, whichever backend goes on with it.
    """

    def __init__(self, seeds: tuple[int, ...]) -> None:
        super().__init__()
        self.seeds = seeds

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Seed the layers' generators, and the backend's own, which Dropout draws from on PyTorch."""
        layers = _generators(self.model)
        # Of 31 bits: PyTorch keeps the state of a layer's generator as int32.
        seeds = np.random.SeedSequence((*self.seeds, epoch)).generate_state(1 + len(layers)) >> 1
        keras.utils.set_random_seed(int(seeds[0]))
        for state, seed in zip(layers, seeds[1:], strict=True):
            state.assign(np.array([seed, 0], np.int64))


def _generators(model: keras.Model) -> list[Any]:
    """The (seed, count) of every layer that draws: what keras counts among the variables, but not the weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


class Average(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """An exponential moving average of all weights, BatchNorm's statistics included.

    It is what is tested and kept in the end: smoother than any single step's weights. Early on it
    forgets faster, so that the random start does not linger. A decay of 0 keeps no average: then
    `weights` are the present ones.
    """

    EVERY = 4
    """Steps between updates: fewer copies, the same average within a fraction of a percent."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.weights: Weights = []
        self.updates = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Start from the weights as they are, unless a checkpoint brought an average."""
        if not self.weights:
            self.weights = [np.array(w) for w in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Move the average a little toward the present weights."""
        if batch % self.EVERY or not self.decay:
            return
        self.updates += 1
        decay = min(self.decay**self.EVERY, (1 + self.updates) / (10 + self.updates))
        for mean, now in zip(self.weights, self.model.get_weights(), strict=True):
            mean += (1 - decay) * (now - mean)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Without averaging, take the weights as they are."""
        if not self.decay:
            self.weights = [np.array(w) for w in self.model.get_weights()]


class Log(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """One row an epoch in a csv: losses, rate, seconds, and the averaged weights on held-out faces.

    `inputs` (n, height, width, channels) and `truth` (label indices by head, -1 for none) are the
    held-out faces; `held_loss` is the sum over the heads of the negative log-likelihood.
    """

    def __init__(
        self, path: Path, average: Average, inputs: Float, truth: dict[str, NDArray[np.int64]]
    ) -> None:
        super().__init__()
        self.path, self.average = path, average
        self.inputs, self.truth = inputs, truth
        self.rows: list[dict[str, Any]] = []
        self.began = 0.0

    @property
    def losses(self) -> list[float]:
        """`held_loss` of every epoch."""
        return [float(row["held_loss"]) for row in self.rows]

    def restore(self, epochs: int) -> None:
        """Read what the first `epochs` epochs wrote; one row more is of an epoch that was cut off.

        Raises:
            InputError: the log is missing, damaged, or of more or fewer epochs.
        """
        try:
            with self.path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            self.rows = rows[:epochs]
            is_whole = len(self.losses) == epochs  # also a row that was cut off has no loss
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise self._foreign() from error
        if not is_whole or len(rows) > epochs + 1:
            raise self._foreign()

    def _foreign(self) -> InputError:
        return InputError(f"{self.path} is not of this checkpoint: delete both to begin anew")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Start the clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure, and write the log anew."""
        values = {**(logs or {}), **self._held()}
        if not math.isfinite(values["held_loss"]):
            raise DivergedError(
                f"epoch {epoch + 1}: the network's answers are no numbers any more: begin anew with a "
                "smaller --rate, or with --precision float32"
            )
        values["learning_rate"] = float(self.model.optimizer.learning_rate)
        values["seconds"] = time.monotonic() - self.began
        self.rows.append({"epoch": epoch + 1, **{k: f"{v:.5g}" for k, v in values.items()}})
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        unfinished.replace(self.path)

    def _held(self) -> dict[str, float]:
        present = self.model.get_weights()
        self.model.set_weights(self.average.weights)
        probabilities = predict(self.model, self.inputs)
        self.model.set_weights(present)
        figures: dict[str, float] = {"held_loss": 0.0}
        for head, truth in self.truth.items():
            known = truth >= 0
            answers, right = probabilities[head][known], truth[known]
            figures["held_loss"] += nll(answers, right)
            figures[f"held_{head}"] = float(np.mean(answers.argmax(1) == right))
        return figures


def predict(model: keras.Model, inputs: Float) -> dict[str, Float]:
    """Probabilities (n, classes) by head of a network whose outputs are logits by head."""
    logits = model.predict(inputs, batch_size=256, verbose=0)
    return {head: _softmax(np.asarray(values, np.float32)) for head, values in logits.items()}


def _softmax(logits: Float) -> Float:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
