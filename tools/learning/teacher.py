"""Finished networks that another one learns from (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network").

They are asked once about every face: an answer costs a third of a training step, and the same answer
for a face however it is changed teaches what stays the same. A network may teach one of its own kind,
which then does better than it did (Furlanello et al. 2018, "Born-Again Neural Networks").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from edgeemo.errors import InputError
from edgeemo.preprocess import as_planes, fit, normalize
from edgeemo.sidecar import Sidecar
from edgeemo.types import Picture
from learning.batches import Float
from learning.finished import finished_network
from learning.material import Examples
from learning.training import predict

TRUST = 0.5
"""Part of a target that is the teachers' answer; the rest is what the data say."""


def taught(train: Examples, teachers: Sequence[Teacher]) -> Examples:
    """The same faces with the teachers' mean answer in their targets, head by head."""
    answers: dict[str, list[Float]] = {}
    for teacher in teachers:
        for head, answer in teacher.ask(train.pictures).items():
            answers.setdefault(head, []).append(answer)
    targets = {
        head: known.taught(np.mean(answers[head], axis=0), TRUST) if head in answers else known
        for head, known in train.targets.items()
    }
    return replace(train, targets=targets)


@dataclass(frozen=True)
class Teacher:
    """A finished run's network, with logits by head, and how it sees a face."""

    network: keras.Model
    sidecar: Sidecar

    @classmethod
    def of(cls, run: Path, train: Examples) -> Teacher:
        """The teacher that a run left, for these faces.

        Raises:
            EdgeemoError: the run has no sound network for any of the heads, or one with other labels.
        """
        path = run / "network.keras"
        if not path.exists():
            raise InputError(f"{run}: no {path.name}: is the run finished?")
        sidecar = Sidecar.beside(path)
        theirs, ours = (sidecar.labels, sidecar.channels), (train.labels, train.pictures.shape[3])
        if theirs != ours:
            raise InputError(
                f"{path}: a teacher of {len(theirs[0])} labels ({', '.join(theirs[0])}) and {theirs[1]} channels "
                f"for a run of {len(ours[0])} ({', '.join(ours[0])}) and {ours[1]}"
            )
        network = finished_network(path)
        if not network.output.keys() & train.targets.keys():
            heads, wanted = " and ".join(network.output), " or ".join(train.targets)
            raise InputError(f"{path}: answers {heads}, not {wanted}")
        return cls(network, sidecar)

    def ask(self, pictures: Picture) -> Mapping[str, Float]:
        """Mean probabilities (n, classes) by head for the faces (n, height, width, channels) and their mirror images."""
        seen = np.stack([_prepared(picture, self.sidecar) for picture in pictures])
        straight, mirrored = (predict(self.network, inputs) for inputs in (seen, seen[:, :, ::-1]))
        return {head: np.float32(0.5) * (straight[head] + mirrored[head]) for head in straight}


def _prepared(picture: Picture, sidecar: Sidecar) -> Float:
    return normalize(as_planes(fit(picture, (sidecar.width, sidecar.height))), sidecar)
