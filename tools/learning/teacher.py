"""Finished networks that another one learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from edgeemo.errors import InputError
from learning.batches import Float, Teacher


def teacher_of(runs: Sequence[Path], heads: Sequence[str]) -> Teacher:
    """The mean answer of finished runs' networks, for those of `heads` that they have.

    Raises:
        InputError: a run has no network for any of them.
    """
    networks: dict[str, list[keras.Model]] = {}
    for run in runs:
        found = [head for head in heads if (run / f"{head}.keras").exists()]
        if not found:
            raise InputError(f"{run}: no {' or '.join(heads)}.keras: is the run finished?")
        for head in found:
            network = keras.models.load_model(run / f"{head}.keras", compile=False)
            networks.setdefault(head, []).append(network)

    def teach(inputs: Float) -> Mapping[str, Float]:
        return {
            head: np.mean([keras.ops.convert_to_numpy(n(inputs)) for n in several], axis=0)
            for head, several in networks.items()
        }

    return teach
