"""Which faces calibrate and which judge: disjoint, stratified by label, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeemo.preprocess import picture_input
from edgeemo.quant import Float
from edgeemo.sidecar import Sidecar
from labelled import ferplus
from labelled.dataset import Faces, canonical, truth_for
from networks.refusal import PicturesError

BATCH = 256
CALIBRATION_SHARE = 0.3
"""At most this share of each label's faces calibrates, so that enough are left to judge by."""


@dataclass(frozen=True)
class Sample:
    """Faces, and the index of the model's label for each."""

    faces: Faces
    truth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def is_labelled(self) -> bool:
        """Whether `truth` came with the pictures; else it is what the float network says of them."""
        return self.faces.are_labelled

    def part(self, where: NDArray[np.int64]) -> Sample:
        """The faces at some positions."""
        return Sample(self.faces.pick(where), self.truth[where])

    def inputs(self, sidecar: Sidecar, start: int = 0, count: int | None = None) -> Float:
        """What the network is fed for `count` faces from `start` on: (n, height, width, channels)."""
        end = None if count is None else start + count
        return np.stack([picture_input(one, sidecar) for one in self.faces.pictures[start:end]])

    def batches(self, sidecar: Sidecar) -> Iterator[Float]:
        """All inputs, so many at a time that large ones fit into memory."""
        for start in range(0, len(self), BATCH):
            yield self.inputs(sidecar, start, BATCH)

    def answers(self, predict: Callable[[Float], Float], sidecar: Sidecar) -> Float:
        """The (n, outputs) outputs of a network for every face."""
        return np.concatenate([predict(batch) for batch in self.batches(sidecar)])


def labelled(faces: Faces, labels: Sequence[str]) -> tuple[Sample, tuple[str, ...]]:
    """The faces that have one of `labels`, and a line for each thing that was left out.

    With FER+ votes their majority is the label, else the one that came with the picture.

    Raises:
        PicturesError: no face is left.
    """
    names, given = faces.names, faces.labels
    if faces.votes is not None:
        names, given = ferplus.LABELS, ferplus.majority(faces.votes)
    truth = truth_for([canonical(label) for label in labels], names, given)
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise PicturesError(
            f"none of the pictures' labels ({', '.join(names)}) is one of the model's ({', '.join(labels)})"
        )
    left_out = (*_dropped(names, given[truth < 0]), *_absent(labels, truth))
    return Sample(faces.pick(known), truth[known]), left_out


def unlabelled(faces: Faces, predict: Callable[[Float], Float], drafted: Sidecar) -> Sample:
    """Faces of which nothing is known: what the network `predict`s for them stands for the truth."""
    sample = Sample(faces, faces.labels)
    return Sample(faces, sample.answers(predict, drafted).argmax(1))


def _dropped(names: Sequence[str], dropped: NDArray[np.int64]) -> Iterator[str]:
    for index, name in enumerate(names):
        if count := int((dropped == index).sum()):
            yield f"{count} pictures of {name} left out: the model has no such label"
    if undecided := int((dropped < 0).sum()):
        yield f"{undecided} pictures left out: the votes have no majority"


def _absent(labels: Sequence[str], truth: NDArray[np.int64]) -> Iterator[str]:
    for index, label in enumerate(labels):
        if index not in truth:
            yield f"no picture of {label}: nothing is known of how the model does on it"


def split(sample: Sample, calibration: int, held_out: int, seed: int) -> tuple[Sample, Sample]:
    """About `calibration` faces with the labels balanced, and at most `held_out` of the others.

    Rare labels take part in the calibration as far as `CALIBRATION_SHARE` of theirs allows. The
    held-out faces keep the shares of the labels as they are.

    Raises:
        PicturesError: too few faces for both.
    """
    chance = np.random.default_rng(seed)
    members = [
        chance.permutation(np.flatnonzero(sample.truth == c)) for c in np.unique(sample.truth)
    ]
    quota = -(-calibration // len(members))
    taken = [min(quota, int(len(of_one) * CALIBRATION_SHARE)) for of_one in members]
    feed = np.concatenate([m[:k] for m, k in zip(members, taken, strict=True)])
    rest = np.concatenate([m[k:] for m, k in zip(members, taken, strict=True)])
    if not len(feed):
        raise PicturesError(
            f"{len(sample)} pictures are too few to calibrate with some and judge by others; "
            "give at least 10 of each label"
        )
    return sample.part(chance.permutation(feed)), sample.part(chance.permutation(rest)[:held_out])
