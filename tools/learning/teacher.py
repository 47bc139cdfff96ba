"""Finished networks that another one learns from (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network").

They are asked once about every face: an answer costs a third of a training step, and the same answer
for a face however it is changed teaches what stays the same. A network may teach one of its own kind,
which then does better than it did (Furlanello et al. 2018, "Born-Again Neural Networks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from edgeemo.errors import InputError
from edgeemo.preprocess import as_planes, fit, normalize
from edgeemo.sidecar import Sidecar
from edgeemo.types import Picture
from learning.batches import Float
from learning.material import Examples

TRUST = 0.5
"""Part of a target that is the teachers' answer; the rest is what the data say."""


def taught(train: Examples, runs: Sequence[Path]) -> Examples:
    """The same faces with the mean answer of finished runs' networks in their targets, head by head.

    Raises:
        EdgeemoError: a run has no network for any of the heads, or one with other labels.
    """
    answers: dict[str, list[Float]] = {}
    for run in runs:
        found = [head for head in train.targets if (run / f"{head}.keras").exists()]
        if not found:
            names = " or ".join(train.targets)
            raise InputError(f"{run}: no {names}.keras: is the run finished?")
        for head in found:
            path = run / f"{head}.keras"
            answers.setdefault(head, []).append(_ask(path, train))
    targets = dict(train.targets)
    for head, several in answers.items():
        targets[head] = targets[head].taught(np.mean(several, axis=0), TRUST)
    return replace(train, targets=targets)


def _ask(path: Path, train: Examples) -> Float:
    """A network's mean probabilities (n, classes) for the faces and their mirror images."""
    sidecar = Sidecar.beside(path)
    theirs, ours = (sidecar.labels, sidecar.channels), (train.labels, train.pictures.shape[3])
    if theirs != ours:
        raise InputError(
            f"{path}: a teacher of {len(theirs[0])} labels ({', '.join(theirs[0])}) and {theirs[1]} channels "
            f"for a run of {len(ours[0])} ({', '.join(ours[0])}) and {ours[1]}"
        )
    network = keras.models.load_model(path, compile=False)
    seen = np.stack([_prepared(picture, sidecar) for picture in train.pictures])
    both = [
        network.predict(inputs, batch_size=256, verbose=0) for inputs in (seen, seen[:, :, ::-1])
    ]
    return np.asarray(np.mean(both, axis=0), np.float32)


def _prepared(picture: Picture, sidecar: Sidecar) -> Float:
    return normalize(as_planes(fit(picture, (sidecar.width, sidecar.height))), sidecar)
