"""What a run learns from: faces turned into pixels, targets and true labels, head by head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import InputError
from edgeemo.types import Picture
from labelled import ferplus
from labelled.dataset import Faces, relabel, truth_for
from learning.batches import Targets, one_hot
from learning.recipes import Recipe


@dataclass(frozen=True)
class Examples:
    """uint8 `pictures` (n, height, width, channels); by head what to learn and what is true (-1: unknown)."""

    pictures: Picture
    labels: tuple[str, ...]
    targets: Mapping[str, Targets]
    truth: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.pictures)


def examples(faces: Faces, recipe: Recipe) -> Examples:
    """Prepare faces for a recipe.

    Raises:
        InputError: the recipe learns from votes and there are none.
    """
    labels = recipe.labels or faces.names
    targets, truth = {}, {}
    for head, source in recipe.heads.items():
        if source == "votes":
            targets[head], truth[head] = _by_votes(faces, labels)
        else:
            targets[head] = one_hot(faces.labels, len(labels)).smoothed(recipe.smoothing)
            truth[head] = faces.labels
    return Examples(faces.stack(recipe.size, recipe.channels), labels, targets, truth)


def _by_votes(faces: Faces, labels: tuple[str, ...]) -> tuple[Targets, NDArray[np.int64]]:
    if faces.votes is None:
        raise InputError("this recipe learns from FER+ votes: give them with --ferplus")
    truth = truth_for(labels, ferplus.LABELS, ferplus.majority(faces.votes))
    return Targets(*ferplus.distribution(faces.votes, labels)), truth


def named(faces: Faces, recipe: Recipe) -> Faces:
    """The faces under the recipe's labels, with a problem for each label without a picture."""
    return relabel(faces, recipe.labels, recipe.merge)
