"""Which faces calibrate and which judge, and what is left out of both."""

from __future__ import annotations

import numpy as np
import pytest

from converting.samples import CALIBRATION_SHARE, Sample, labelled, split
from edgeemo.sidecar import Sidecar
from labelled.dataset import Faces
from labelled.ferplus import COLUMNS
from networks.refusal import PicturesError


def faces(counts: dict[str, int], votes: list[dict[str, int]] | None = None) -> Faces:
    """Faces whose pixels are all the same, the number of the face modulo 256."""
    truth = np.repeat(np.arange(len(counts)), list(counts.values()))
    pictures = [np.full((8, 8), number % 256, np.uint8) for number in range(len(truth))]
    keys = tuple(map(str, range(len(truth))))
    table = None
    if votes is not None:
        table = np.array([[one.get(column, 0) for column in COLUMNS] for one in votes])
    return Faces(pictures, truth, tuple(counts), keys, table)


def sample(counts: dict[str, int]) -> Sample:
    """A sample whose labels are those of the data."""
    return labelled(faces(counts), tuple(counts))[0]


def test_split_keeps_calibration_and_judgement_apart() -> None:
    """No face does both, and together they are all."""
    feed, judge = split(sample({"a": 50, "b": 30}), 20, 1000, seed=1)
    assert set(feed.faces.keys) & set(judge.faces.keys) == set()
    assert len(feed) + len(judge) == 80


def test_split_balances_labels_as_far_as_they_go() -> None:
    """A rare label gives its share, the others fill their quota."""
    feed, _ = split(sample({"common": 300, "rare": 20}), 100, 1000, seed=1)
    assert np.bincount(feed.truth).tolist() == [50, int(20 * CALIBRATION_SHARE)]


def test_split_judges_by_a_limited_number() -> None:
    """At most so many as asked for, in the proportions of the labels."""
    _, judge = split(sample({"a": 900, "b": 100}), 10, 400, seed=1)
    assert len(judge) == 400
    assert 20 <= int((judge.truth == 1).sum()) <= 60


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_split_depends_on_the_seed_alone(seed: int, same: bool) -> None:
    """The same seed chooses the same faces."""
    first, _ = split(sample({"a": 60, "b": 60}), 20, 50, seed=1)
    second, _ = split(sample({"a": 60, "b": 60}), 20, 50, seed=seed)
    assert (first.faces.keys == second.faces.keys) == same


def test_split_needs_enough_of_a_label() -> None:
    """With three of each, a third of which may calibrate, nothing could."""
    with pytest.raises(PicturesError, match="6 pictures are too few"):
        split(sample({"a": 3, "b": 3}), 20, 50, seed=1)


def test_labelled_says_what_it_leaves_out() -> None:
    """Pictures of a label that the model lacks, and a label without pictures."""
    found, left_out = labelled(faces({"a": 2, "odd": 3}), ("b", "a"))
    assert found.truth.tolist() == [1, 1]
    assert left_out == (
        "3 pictures of odd left out: the model has no such label",
        "no picture of b: nothing is known of how the model does on it",
    )


def test_labelled_goes_by_the_majority_of_votes() -> None:
    """FER+'s votes go before the label that came with the picture; no majority, no label."""
    votes = [{"anger": 8, "sadness": 2}, {"happiness": 4, "sadness": 4}, {"contempt": 9}]
    found, left_out = labelled(faces({"happy": 3}, votes), ("happy", "angry"))
    assert found.faces.keys == ("0",)
    assert found.truth.tolist() == [1]
    assert left_out[:2] == (
        "1 pictures of contempt left out: the model has no such label",
        "1 pictures left out: the votes have no majority",
    )


def test_sample_answers_in_order_over_batches() -> None:
    """More faces than one batch: every answer stands where its face does."""
    sidecar = Sidecar(
        name="m",
        labels=("a", "b"),
        width=8,
        height=8,
        channels=1,
        value_range=(0, 255),
        sha256="0" * 64,
    )
    many = sample({"a": 200, "b": 100})
    answers = many.answers(lambda batch: batch.mean((1, 2)), sidecar)
    expected = [float(picture[0, 0]) for picture in many.faces.pictures]
    np.testing.assert_allclose(answers[:, 0], expected, atol=1e-3)
