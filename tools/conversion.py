"""The steps from a float network to a checked int8 model with its sidecar, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from comparison import Comparison, compare
from dataset import load
from files import refuse_existing, write_together
from floatnetwork import Float, FloatNetwork
from quantize import to_int8
from reading import read_network
from refusal import AccuracyLossError, LabelCountError
from samples import Sample, labelled, split
from value_range import Range
from verify import Int8Model, verify

from edgeemo.sidecar import Accuracy, Sidecar, sha256

UNKNOWN_DIGEST = "0" * 64
CHECKED_PICTURES = 64
"""How many held-out pictures every runtime has to run."""


@dataclass(frozen=True)
class Order:
    """What to convert, with what, and into what: the command line as values."""

    source: Path
    out: Path
    labels: tuple[str, ...]
    data: Path
    value_range: Range
    ferplus: Path | None = None
    margin: float = 0.0
    temperature: float = 1.0
    calibration: int = 350
    held_out: int = 5000
    max_drop: float = 1.0
    force: bool = False
    overwrite: bool = False
    pythons: tuple[Path, ...] = ()
    seed: int = 1

    @property
    def model(self) -> Path:
        """Where the model goes."""
        return self.out.with_name(self.out.name + ".tflite")

    @property
    def sidecar(self) -> Path:
        """Where its description goes."""
        return self.out.with_name(self.out.name + ".json")


@dataclass(frozen=True)
class Conversion:
    """A finished model, not written yet, with what is known of it."""

    model: bytes
    sidecar: Sidecar
    comparison: Comparison
    runtimes: tuple[str, ...]


def convert(order: Order, say: Callable[[str], None]) -> Conversion:
    """Do the whole of it and write the files; `say` gets a line at every step.

    Raises:
        EdgeemoError: the first thing that is wrong, see `refusal`; then nothing was written.
    """
    refuse_existing([] if order.overwrite else [order.model, order.sidecar])
    network = read_network(order.source)
    _check_labels(order.labels, network)
    say(f"{order.source}: input {network.shape}, {network.outputs} outputs")
    feed, judge = _pictures(order, network, say)
    draft = draft_sidecar(order, network, order.value_range)
    conversion = _quantize(order, network, draft, feed, judge)
    say(f"runs on {', '.join(conversion.runtimes)}")
    _refuse_loss(order, conversion.comparison)
    write_together(
        {order.model: conversion.model, order.sidecar: conversion.sidecar.to_json().encode()}
    )
    return conversion


def _check_labels(labels: Sequence[str], network: FloatNetwork) -> None:
    if len(labels) != network.outputs:
        raise LabelCountError(
            f"{len(labels)} labels ({', '.join(labels)}) for {network.outputs} outputs; "
            "give one label an output, in their order"
        )


def _pictures(
    order: Order, network: FloatNetwork, say: Callable[[str], None]
) -> tuple[Sample, Sample]:
    faces = load(order.data, ferplus=order.ferplus, color=network.shape[2] == 3)
    sample, left_out = labelled(faces, order.labels, network)
    for line in (*faces.problems, *left_out):
        say(line)
    feed, judge = split(sample, order.calibration, order.held_out, order.seed)
    say(f"{len(sample)} pictures: {len(feed)} to calibrate, {len(judge)} to judge by")
    return feed, judge


def draft_sidecar(order: Order, network: FloatNetwork, value_range: Range) -> Sidecar:
    """The sidecar before the model exists: enough to prepare pictures by."""
    height, width, channels = network.shape
    return Sidecar(
        name=order.out.name,
        labels=order.labels,
        width=width,
        height=height,
        channels=channels,
        value_range=(value_range.low, value_range.high),
        standardize=value_range.standardize,
        margin=order.margin,
        temperature=order.temperature,
        sha256=UNKNOWN_DIGEST,
    )


def _quantize(
    order: Order, network: FloatNetwork, draft: Sidecar, feed: Sample, judge: Sample
) -> Conversion:
    inputs = judge.inputs(draft)
    expected = network.predict(inputs)
    model = Int8Model(to_int8(network, feed.inputs(draft)))
    comparison = compare(expected, model.predict(inputs), judge.truth, order.labels)
    names = verify(model, inputs[:CHECKED_PICTURES], order.pythons)
    sidecar = draft.model_copy(
        update={
            "sha256": sha256(model.content),
            "logits": not are_probabilities(expected),
            "accuracy": (_accuracy(order, comparison),),
            "provenance": _provenance(order, len(feed)),
        }
    )
    return Conversion(model.content, sidecar, comparison, names)


def are_probabilities(outputs: Float) -> bool:
    """Whether (n, labels) outputs went through a softmax: none negative, every row sums to 1."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(1), 1.0, atol=1e-3))


def _accuracy(order: Order, comparison: Comparison) -> Accuracy:
    return Accuracy.model_validate(
        {
            "data": f"held-out part of {order.data.name}",
            "n": comparison.n,
            "float": comparison.float_accuracy,
            "int8": comparison.int8_accuracy,
        }
    )


def _provenance(order: Order, calibration: int) -> dict[str, object]:
    return {
        "source": order.source.name,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "data": order.data.name,
        "calibration_pictures": calibration,
        "seed": order.seed,
    }


def _refuse_loss(order: Order, comparison: Comparison) -> None:
    if comparison.drop > order.max_drop and not order.force:
        raise AccuracyLossError(
            f"int8 loses {comparison.drop:.1f} points ({100 * comparison.float_accuracy:.1f} % to "
            f"{100 * comparison.int8_accuracy:.1f} %), allowed are {order.max_drop:g}; nothing was written "
            "(--force writes it all the same)"
        )
