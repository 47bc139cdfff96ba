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
            head: np.mean([_answer(network, inputs) for network in several], axis=0)
            for head, several in networks.items()
        }

    return teach


def _answer(network: keras.Model, inputs: Float) -> Float:
    """The network's probabilities, asked at its own size whatever that of the inputs."""
    size = network.input_shape[1:3]
    if inputs.shape[1:3] != size:
        inputs = keras.ops.image.resize(inputs, size)
    return np.asarray(keras.ops.convert_to_numpy(network(inputs)), np.float32)
