"""What ten annotators say together."""

from __future__ import annotations

import numpy as np
import pytest

from labelled import ferplus
from labelled.ferplus import COLUMNS, LABELS, NO_MAJORITY


def votes(**given: int) -> np.ndarray:
    """One row of votes."""
    return np.array([[given.get(column, 0) for column in COLUMNS]])


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"happiness": 10}, "happy"),
        ({"happiness": 5, "neutral": 4, "fear": 1}, "happy"),  # 5 of 9: the slip does not count
        ({"happiness": 5, "neutral": 5}, None),
        ({"happiness": 4, "neutral": 3, "fear": 3}, None),
        ({"contempt": 6, "neutral": 4}, "contempt"),
        ({"NF": 9, "neutral": 1}, None),
        ({"unknown": 6, "sadness": 4}, None),
        ({"sadness": 5, "unknown": 5}, None),
        (dict.fromkeys(COLUMNS, 1), None),
        ({}, None),
    ],
)
def test_majority_follows_barsoum(given: dict[str, int], label: str | None) -> None:
    """A label needs more than half of the votes that are not alone, and to be an emotion."""
    expected = NO_MAJORITY if label is None else LABELS.index(label)
    assert ferplus.majority(votes(**given)).tolist() == [expected]


def test_distribution_shares_the_votes_among_the_labels() -> None:
    """Votes for what the network does not tell apart, and single votes, are left out."""
    given = votes(happiness=6, neutral=2, fear=1, contempt=1, unknown=3)
    shares, weights = ferplus.distribution(given, ("neutral", "happy", "fear"))
    assert shares.tolist() == [[0.25, 0.75, 0.0]]
    assert weights.tolist() == [1.0]


def test_distribution_weighs_nothing_without_votes() -> None:
    """A picture on which nobody voted for a label of the network teaches nothing."""
    shares, weights = ferplus.distribution(votes(NF=10), ("neutral", "happy"))
    assert shares.tolist() == [[0.5, 0.5]]
    assert weights.tolist() == [0.0]
