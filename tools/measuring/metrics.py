"""Figures of a classifier: how often it is right, on which labels, and whether it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
Labels = NDArray[np.int64]

BINS = 15
"""Of the expected calibration error, as in Guo et al. 2017."""
TEMPERATURES = np.exp(np.linspace(np.log(0.25), np.log(4.0), 281))
"""Candidates for `best_temperature`, one per cent apart."""


class LabelFigures(NamedTuple):
    """One label: `n` pictures of it, and shares 0..1; None where there is nothing to divide by."""

    n: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Figures:
    """All figures of one model on one set of faces.

    `confusion` is int64 (labels, labels): row = true label, column = answer. Balanced accuracy and
    macro-F1 are means over the labels that have pictures. `ece` is the expected calibration error,
    `nll` the mean negative log-likelihood in nats.
    """

    labels: tuple[str, ...]
    confusion: Labels
    ece: float
    nll: float

    @property
    def n(self) -> int:
        """Number of faces."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(np.trace(self.confusion) / self.n)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall."""
        return float(np.mean([f.recall for f in self.by_label().values() if f.recall is not None]))

    @property
    def macro_f1(self) -> float:
        """Mean F1."""
        return float(np.mean([f.f1 or 0.0 for f in self.by_label().values() if f.n]))

    def by_label(self) -> dict[str, LabelFigures]:
        """Figures of each label."""
        return {name: self._label(i) for i, name in enumerate(self.labels)}

    def _label(self, index: int) -> LabelFigures:
        right = int(self.confusion[index, index])
        there, said = int(self.confusion[index].sum()), int(self.confusion[:, index].sum())
        return LabelFigures(
            there, _share(right, said), _share(right, there), _share(2 * right, said + there)
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def figures(probabilities: Float, truth: Labels, labels: Sequence[str]) -> Figures:
    """Figures of (n, labels) probabilities against true labels (n,), indices into `labels`; n > 0."""
    count = len(labels)
    pairs = truth * count + probabilities.argmax(1)
    confusion = np.bincount(pairs, minlength=count * count).reshape(count, count)
    return Figures(
        tuple(labels), confusion, calibration_error(probabilities, truth), nll(probabilities, truth)
    )


def calibration_error(probabilities: Float, truth: Labels, bins: int = BINS) -> float:
    """Mean distance of confidence and accuracy over equally wide bins of confidence, by their size."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def nll(probabilities: Float, truth: Labels) -> float:
    """Mean negative log-likelihood in nats; int8 outputs of exactly 0 count as half their step."""
    return float(-np.log(_positive(probabilities)[np.arange(len(truth)), truth]).mean())


def tempered(probabilities: Float, temperature: float) -> Float:
    """(n, labels) probabilities with their logarithms divided by `temperature`, summing to 1 again."""
    logits = np.log(_positive(probabilities)) / temperature
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def best_temperature(probabilities: Float, truth: Labels) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017)."""
    losses = [nll(tempered(probabilities, t), truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _positive(probabilities: Float) -> Float:
    # An int8 softmax has steps of 1/256: a 0 stands for anything below half of one.
    return np.maximum(probabilities, 1 / 512)
