"""Batches for `model.fit`: each depends on the seeds, the epoch and its place, and on nothing else.

So a run that was killed goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgeemo.types import Picture
from learning.augment import Augmentation, mix

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """What one head is to learn: `shares` (n, classes) sum to 1, `weights` (n,) of each example."""

    shares: Float
    weights: Float

    def smoothed(self, amount: float) -> Targets:
        """With `amount` of the certainty spread over all classes."""
        shares = self.shares * (1 - amount) + amount / self.shares.shape[1]
        return Targets(shares.astype(np.float32), self.weights)

    def taught(self, answers: Float, trust: float) -> Targets:
        """With a teacher's answers (n, classes) for `trust` of the shares; for all where nothing is known."""
        part = np.where(self.weights > 0, trust, 1.0)[:, None]
        shares = self.shares * (1 - part) + answers * part
        return Targets(shares.astype(np.float32), np.ones_like(self.weights))


def one_hot(labels: NDArray[np.int64], count: int) -> Targets:
    """Targets of single labels; a label of -1 weighs nothing."""
    known = labels >= 0
    shares = np.eye(count, dtype=np.float32)[np.where(known, labels, 0)]
    return Targets(shares, known.astype(np.float32))


@dataclass(frozen=True)
class Drill:
    """How examples become batches.

    `seeds` decide every draw; a run that goes on from another one has others, or it would see the same
    pictures in the same order changed in the same way, and learn those by heart.
    `normalize` maps uint8 pictures to the network's inputs, `size_at` and `augmentation_at` an epoch
    to the (width, height) of its pictures and the changes to them. `mixup` is alpha of the blending, 0
    for none.
    """

    batch: int
    seeds: tuple[int, ...]
    augmentation_at: Callable[[int], Augmentation]
    normalize: Callable[[Picture], Float]
    size_at: Callable[[int], tuple[int, int]]
    mixup: float = 0.0


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras is untyped
    """Shuffled, augmented batches: inputs (n, height, width, channels), targets and weights by head.

    The last, smaller batch of an epoch is left out; set `epoch` before each.
    """

    def __init__(self, pictures: Picture, targets: Mapping[str, Targets], drill: Drill) -> None:
        super().__init__()
        self.pictures, self.targets, self.drill = pictures, targets, drill
        self.batch = min(drill.batch, len(pictures))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.pictures) // self.batch

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        drill = self.drill
        order = np.random.default_rng([*drill.seeds, self.epoch]).permutation(len(self.pictures))
        chosen = order[index * self.batch : (index + 1) * self.batch]
        random = np.random.default_rng([*drill.seeds, self.epoch, index])
        width, height = drill.size_at(self.epoch)
        augment = drill.augmentation_at(self.epoch)
        changed = augment(self.pictures[chosen], random, (width, height))
        inputs = drill.normalize(changed.reshape(len(chosen), height, width, -1))
        shares = {head: t.shares[chosen] for head, t in self.targets.items()}
        weights = {head: t.weights[chosen] for head, t in self.targets.items()}
        if drill.mixup:
            inputs, shares, weights = mix(inputs, shares, weights, drill.mixup, random)
        return inputs, shares, weights
