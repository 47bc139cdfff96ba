"""What is measured of a model on labelled faces, and of two models against each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeemo.quant import Float
from labelled import ferplus
from labelled.dataset import Faces, canonical, truth_for
from measuring.metrics import Figures, figures
from measuring.predictor import Predictor
from networks.refusal import LabelsError, PicturesError

WARMUP, ROUNDS = 30, 300
"""Inferences before and during the measurement of latency."""


@dataclass(frozen=True)
class Copies:
    """How a model does on the `n` faces that stand byte for byte among those that it may have learned, and on the others.

    Shares of right answers by the data's own labels, None where there is no such face.
    """

    n: int
    accuracy: float | None
    others_accuracy: float | None


@dataclass(frozen=True)
class Evaluation:
    """One model on one set of faces.

    `own` are the figures by the data's labels, `voted` those by FER+'s majority, each None where no face
    has such a label. `left_out` counts the faces by the label that the model lacks. `without_majority`
    counts the faces on which the votes agree on no emotion, and with them the `without_votes`, on which
    nobody voted; both are None where no votes were given. `answers` are probabilities (all faces, labels).
    `copies` is None where nothing was said of what the model learned.
    """

    model: Predictor
    own: Figures | None
    voted: Figures | None
    left_out: Mapping[str, int]
    without_majority: int | None
    without_votes: int | None
    answers: Float
    copies: Copies | None = None

    def as_dict(self) -> dict[str, Any]:
        """For --json; `ferplus_without_votes` are among `ferplus_without_majority`."""
        found: dict[str, Any] = {
            "model": self.model.name,
            "temperature": self.model.sidecar.temperature,
            **_as_dict(self.own, ""),
        }
        if self.without_majority is not None:
            found |= _as_dict(self.voted, "ferplus_")
            found["ferplus_without_majority"] = self.without_majority
            found["ferplus_without_votes"] = self.without_votes
        if self.copies is not None:
            found["copies"] = asdict(self.copies)
        return found | {"left_out": dict(self.left_out)}


def _as_dict(found: Figures | None, prefix: str) -> dict[str, Any]:
    if found is None:
        return {f"{prefix}accuracy": None, f"{prefix}macro_f1": None, f"{prefix}n": 0}
    values = {
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "macro_f1": found.macro_f1,
        "n": found.n,
        "ece": found.ece,
        "nll": found.nll,
        "labels": list(found.labels),
        "per_label": {name: label._asdict() for name, label in found.by_label().items()},
        "confusion": found.confusion.tolist(),
    }
    return {prefix + name: value for name, value in values.items()}


def evaluate(model: Predictor, faces: Faces, copied: NDArray[np.bool_] | None = None) -> Evaluation:
    """Ask a model about every face and compare with the labels, and with the votes where there are any.

    Those that are `copied` (n,) from what it may have learned are looked at apart.

    Raises:
        PicturesError: the model has none of the data's labels.
    """
    labels = tuple(canonical(label) for label in model.labels)
    answers = model.predict(faces.pictures)
    left_out: dict[str, int] = {}
    own = _figures(answers, labels, faces.names, faces.labels, left_out, "")
    voted, undecided, unseen = None, None, None
    if faces.votes is not None:
        truth = ferplus.majority(faces.votes)
        undecided = int((truth == ferplus.NO_MAJORITY).sum())
        unseen = int((faces.votes.sum(1) == 0).sum())
        voted = _figures(answers, labels, ferplus.LABELS, truth, left_out, " (by votes)")
    if own is None and voted is None:
        raise PicturesError(
            f"{model.name} has none of the data's labels: {', '.join(labels)} against {', '.join(faces.names)}"
        )
    apart = None if copied is None else _copies(answers, labels, faces, copied)
    return Evaluation(model, own, voted, left_out, undecided, unseen, answers, apart)


def _copies(
    answers: Float, labels: Sequence[str], faces: Faces, copied: NDArray[np.bool_]
) -> Copies:
    truth = truth_for(labels, faces.names, faces.labels)
    known, right = truth >= 0, answers.argmax(1) == truth
    shares = [
        float(right[some].mean()) if some.any() else None
        for some in (known & copied, known & ~copied)
    ]
    return Copies(int((known & copied).sum()), *shares)


def _figures(
    answers: Float,
    labels: Sequence[str],
    names: Sequence[str],
    truth: NDArray[np.int64],
    left_out: dict[str, int],
    by: str,
) -> Figures | None:
    place = truth_for(labels, names, truth)
    for index, name in enumerate(names):
        count = int((truth == index).sum())
        if name not in labels and count:
            left_out[name + by] = count
    known = place >= 0
    return figures(answers[known], place[known], labels) if known.any() else None


@dataclass(frozen=True)
class Difference:
    """How two models answer the same faces, where both answer with a label that both know.

    `agreement` is a share of `n` faces, the comparable ones of `faces`. `pairs` counts faces by (answer of
    the first, answer of the second) where these differ, the most frequent first; `keys` are those faces.
    """

    agreement: float
    n: int
    faces: int
    pairs: Mapping[tuple[str, str], int]
    keys: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        pairs = [{"first": a, "second": b, "n": n} for (a, b), n in self.pairs.items()]
        return {
            "agreement": self.agreement,
            "agreement_n": self.n,
            "differences": pairs,
            "differing": list(self.keys),
        }


def compare(first: Evaluation, second: Evaluation, keys: Sequence[str]) -> Difference:
    """Agreement of two models on the faces `keys`.

    Raises:
        LabelsError: they never answer with labels that both know.
    """
    known, others = (
        np.array([canonical(name) for name in e.model.labels]) for e in (first, second)
    )
    ours, theirs = known[first.answers.argmax(1)], others[second.answers.argmax(1)]
    comparable = np.isin(ours, others) & np.isin(theirs, known)
    if not comparable.any():
        raise LabelsError(
            f"{first.model.name} and {second.model.name} give no answer that both know: "
            f"{', '.join(known)} against {', '.join(others)}"
        )
    apart = np.flatnonzero(comparable & (ours != theirs))
    pairs, counts = np.unique(
        np.column_stack([ours[apart], theirs[apart]]), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    return Difference(
        agreement=float(np.mean((ours == theirs)[comparable])),
        n=int(comparable.sum()),
        faces=len(comparable),
        pairs={(str(pairs[i][0]), str(pairs[i][1])): int(counts[i]) for i in order},
        keys=tuple(keys[int(i)] for i in apart),
    )


def latency_ms(models: Sequence[Predictor], faces: Faces) -> list[float]:
    """Median milliseconds a face of each model, a .tflite file's on one thread, measured in turns so that they share the machine's moods."""
    inputs = [model.inputs(faces.pictures[:1]) for model in models]
    taken = np.zeros((WARMUP + ROUNDS, len(models)))
    for turn in range(len(taken)):
        for column, (model, one) in enumerate(zip(models, inputs, strict=True)):
            began = time.perf_counter()
            model.infer(one)
            taken[turn, column] = time.perf_counter() - began
    return [float(ms) for ms in 1000 * np.median(taken[WARMUP:], axis=0)]
