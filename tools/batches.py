"""Batches for `model.fit`: each depends on the seed, the epoch and its place, and on nothing else.

So a run that was killed goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from augment import Augmentation
from numpy.typing import NDArray

from edgeemo.types import Picture

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """What one head is to learn: `shares` (n, classes) sum to 1, `weights` (n,) of each example."""

    shares: Float
    weights: Float

    def smoothed(self, amount: float) -> Targets:
        """With `amount` of the certainty spread over all classes."""
        even = amount / self.shares.shape[1]
        return Targets((self.shares * (1 - amount) + even).astype(np.float32), self.weights)


def one_hot(labels: NDArray[np.int64], count: int) -> Targets:
    """Targets of single labels; a label of -1 weighs nothing."""
    known = labels >= 0
    shares = np.eye(count, dtype=np.float32)[np.where(known, labels, 0)]
    return Targets(shares, known.astype(np.float32))


def to_range(pictures: Picture, value_range: tuple[float, float]) -> Float:
    """uint8 pictures of any shape in the network's range, as `edgeemo.preprocess.normalize` does."""
    low, high = value_range
    return pictures.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras is untyped
    """Shuffled, augmented training batches: inputs (n, height, width, channels), targets and weights by head.

    The last, smaller batch of an epoch is left out; set `epoch` before each.
    """

    def __init__(
        self,
        pictures: Picture,
        targets: dict[str, Targets],
        *,
        batch: int,
        seed: int,
        augmentation: Augmentation,
        value_range: tuple[float, float],
    ) -> None:
        super().__init__()
        self.pictures, self.targets = pictures, targets
        self.batch, self.seed = min(batch, len(pictures)), seed
        self.augmentation, self.value_range = augmentation, value_range
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.pictures) // self.batch

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.pictures))
        chosen = order[index * self.batch : (index + 1) * self.batch]
        random = np.random.default_rng([self.seed, self.epoch, index])
        changed = self.augmentation(self.pictures[chosen], random)
        inputs = to_range(changed.reshape(len(chosen), *self.pictures.shape[1:]), self.value_range)
        shares = {head: t.shares[chosen] for head, t in self.targets.items()}
        weights = {head: t.weights[chosen] for head, t in self.targets.items()}
        return inputs, shares, weights
