"""Which pictures calibrate and which judge: disjoint, stratified by class, the same for a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from dataset import Faces, canonical
from ferplus import LABELS as FERPLUS_LABELS
from ferplus import majority
from floatnetwork import Float, FloatNetwork
from numpy.typing import NDArray
from refusal import PicturesError

from edgeemo.preprocess import normalize
from edgeemo.sidecar import Sidecar
from edgeemo.types import Picture

CALIBRATION_SHARE = 0.3
"""At most this share of each label's pictures calibrates, so that enough are left to judge by."""


@dataclass(frozen=True)
class Sample:
    """Faces as uint8 `pixels` (n, height, width, channels), and the index of each one's label."""

    pixels: Picture
    truth: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)

    def inputs(self, sidecar: Sidecar) -> Float:
        """What the network is fed: float32 (n, height, width, channels)."""
        return np.stack([normalize(one, sidecar) for one in self.pixels])

    def part(self, where: NDArray[np.int64]) -> Sample:
        """The faces at some positions."""
        return Sample(self.pixels[where], self.truth[where])


def labelled(
    faces: Faces, labels: Sequence[str], network: FloatNetwork
) -> tuple[Sample, tuple[str, ...]]:
    """The faces that have one of `labels`, and a line for each thing that was left out.

    With FER+ votes their majority is the label, else the one that came with the picture.

    Raises:
        PicturesError: no picture is left.
    """
    names, given = (faces.names, faces.labels) if faces.votes is None else _votes(faces)
    spelt = [canonical(label) for label in labels]
    # The last place catches -1, which stands for "no majority".
    place = np.array([*(spelt.index(n) if n in spelt else -1 for n in names), -1])
    truth = place[given]
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise PicturesError(
            f"none of the pictures' labels ({', '.join(names)}) is one of the model's ({', '.join(labels)})"
        )
    height, width, channels = network.shape
    pixels = faces.pick(known).stack((width, height), channels)
    return Sample(pixels, truth[known]), _left_out(names, given, labels, truth)


def _votes(faces: Faces) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    assert faces.votes is not None
    return FERPLUS_LABELS, majority(faces.votes)


def _left_out(
    names: Sequence[str],
    given: NDArray[np.int64],
    labels: Sequence[str],
    truth: NDArray[np.int64],
) -> tuple[str, ...]:
    dropped = given[truth < 0]
    counts = {name: int((dropped == i).sum()) for i, name in enumerate(names)}
    notes = [f"{n} pictures of {name} left out: no such label" for name, n in counts.items() if n]
    if undecided := int((dropped < 0).sum()):
        notes.append(f"{undecided} pictures left out: the votes have no majority")
    absent = [label for i, label in enumerate(labels) if i not in truth]
    return (*notes, *(f"no picture of {label}" for label in absent))


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
