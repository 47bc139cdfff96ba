"""Training that watches the held-out loss: smaller steps when it stands still, an end when it rises.

Everything follows from the list of losses so far, so that a resumed run decides as the whole one would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from learning.checkpoint import opened, read, save
from learning.training import Log, Weights


@dataclass(frozen=True)
class Patience:
    """How long to wait for a lower held-out loss, in epochs.

    After `plateau` epochs without one the learning rate is multiplied by `factor`, after `stop` the
    run ends; the weights of the best epoch are kept. A gain below `least` does not count for the plateau.
    """

    plateau: int = 3
    factor: float = 0.2
    least: float = 1e-4
    stop: int = 9

    def reductions(self, losses: Sequence[float]) -> int:
        """How often the rate has been lowered after these losses."""
        best, waited, count = float("inf"), 0, 0
        for loss in losses:
            best, waited = (loss, 0) if loss < best - self.least else (best, waited + 1)
            if waited == self.plateau:
                waited, count = 0, count + 1
        return count

    def is_over(self, losses: Sequence[float]) -> bool:
        """Whether the best loss is `stop` epochs old."""
        return bool(losses) and len(losses) - int(np.argmin(losses)) > self.stop


class Watch(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Applies a `Patience` to a run and keeps its best weights in a file."""

    def __init__(self, patience: Patience, log: Log, best: Path) -> None:
        super().__init__()
        self.patience, self.log, self.best = patience, log, best
        self.rate = 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Find the rate at the start of the run, from the present one."""
        lowered = self.patience.factor ** self.patience.reductions(self.log.losses)
        self.rate = float(self.model.optimizer.learning_rate) / lowered

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - keras' signature
        """Keep, slow down, or stop."""
        losses = self.log.losses
        if losses[-1] == min(losses):
            weights = self.log.average.weights
            save(self.best, {f"average{i:04d}": w for i, w in enumerate(weights)})
        lowered = self.patience.factor ** self.patience.reductions(losses)
        self.model.optimizer.learning_rate = self.rate * lowered
        if self.patience.is_over(losses):
            self.model.stop_training = True

    def is_over(self) -> bool:
        """Whether the run that the log tells of has ended."""
        return self.patience.is_over(self.log.losses)

    def weights(self) -> Weights:
        """Those of the best epoch."""
        with opened(self.best) as state:
            return read(state, "average")
