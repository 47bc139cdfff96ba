"""FER+: ten annotators' votes a picture, and what they say together.

After Barsoum, Zhang, Canton Ferrer and Zhang 2016, "Training Deep Networks for Facial Expression
Recognition with Crowd-Sourced Label Distribution": a single vote for a label is taken for a slip.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""Columns of a FER+ csv, in the order of the votes."""

LABELS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""What we call the first eight; the last two, unknown and not a face, are no emotions."""

NO_MAJORITY = -1

Votes = NDArray[np.integer]


def without_slips(votes: Votes) -> NDArray[np.float32]:
    """Votes (n, 10) as float32 with those of one annotator alone removed."""
    return np.where(votes > 1, votes, 0).astype(np.float32)


def majority(votes: Votes) -> NDArray[np.int64]:
    """Index into `LABELS` for each of (n, 10) votes, or NO_MAJORITY.

    A label is kept when more than half of what is left after `without_slips` is for it.
    """
    left = without_slips(votes)
    best = left.argmax(1)
    clear = left.max(1) > left.sum(1) / 2
    return np.where(clear & (best < len(LABELS)), best, NO_MAJORITY)


def distribution(
    votes: Votes, labels: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Training targets (n, labels) that sum to 1, and a weight (n,): 0 where no vote is for a label.

    Votes for what the network has no label for (contempt, unknown, not a face) are left out.
    """
    columns = [LABELS.index(label) for label in labels]
    shares = without_slips(votes)[:, columns]
    total = shares.sum(1, keepdims=True)
    known = total[:, 0] > 0
    even = np.full_like(shares, 1 / len(columns))
    return np.where(known[:, None], shares / np.maximum(total, 1), even), known.astype(np.float32)
