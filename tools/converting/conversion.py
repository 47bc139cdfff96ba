"""The steps from a float network to a checked int8 model with its sidecar and report, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from converting import channel_order, report
from converting.comparison import Comparison, better_order, compare, layer_errors
from converting.description import draft, finish
from converting.files import refuse_existing, refuse_own_inputs, write_together
from converting.operators import operators
from converting.order import Conversion, Journal, Order
from converting.quantize import to_float, to_int8
from converting.samples import Sample, labelled, split, unlabelled
from converting.value_range import NAMED, Candidate, Range, doubt, measure, objection
from converting.verify import Int8Model, verify
from edgeemo.classifier import to_probabilities
from edgeemo.quant import Float
from edgeemo.sidecar import Sidecar
from labelled.dataset import Faces, load
from measuring.metrics import best_temperature
from networks.description import are_probabilities
from networks.floatnetwork import FloatNetwork
from networks.reading import read_network
from networks.refusal import AccuracyLossError, LabelsError, NumbersError, PicturesError

CHECKED_PICTURES = 64
"""How many held-out pictures every runtime has to run."""
RANGE_PICTURES = 1500
"""How many held-out pictures the value ranges are measured on."""
TRACED_PICTURES = 32
"""How many the layers are compared on."""
OTHERWISE = 5.0
"""Answers that int8 gives otherwise, for one that it thereby gets wrong (measured on FER2013: 1.6 and 0.3 %)."""
HARDLY_KNOWS = 1.5
"""A network that is right less often than chance times this was trained for something else."""


def convert(order: Order, say: Callable[[str], None]) -> Conversion:
    """Do the whole of it and write the files; `say` gets a line at every step.

    Raises:
        EdgeemoError: the first thing that is wrong, see `refusal`; then nothing was written.
    """
    refuse_own_inputs(order.files, order.inputs)
    refuse_existing([] if order.overwrite else order.files)
    journal = Journal(say)
    network = _network(order, journal)
    feed, judge = _pictures(order, network, journal)
    ranges = _ranges(order, network, judge)
    drafted = draft(order, network, _chosen(order, ranges, journal))
    network = _colors_settled(order, network, drafted, judge, journal)
    some = judge.inputs(drafted, 0, CHECKED_PICTURES)
    network.predict(some)  # refuses what answers no numbers, for which TensorFlow has other words
    model = Int8Model(to_int8(network, feed.inputs(drafted)))
    checked = verify(model, some, order.pythons)
    done = _judged(order, network, model, drafted, feed, judge)
    done = replace(done, ranges=ranges, runtimes=checked.passed)
    for name in checked.unusable:
        journal.warn(f"{name} is installed, but does not work with numpy {np.__version__}")
    _report_answers(done, journal)
    allowed = order.max_drop * (1 if judge.is_labelled else OTHERWISE)
    if done.comparison.drop > allowed:
        done = _with_layers(done, network, judge, journal)
        _refuse_loss(order, done.comparison, allowed)
    done = replace(done, journal=tuple(journal.lines))
    contents = done.model, report.page(done).encode(), done.sidecar.to_json().encode()
    write_together(dict(zip(order.files, contents, strict=True)))
    return done


def _network(order: Order, journal: Journal) -> FloatNetwork:
    network = read_network(order.source, order.weights, order.backend)
    if len(order.labels) != network.outputs:
        raise LabelsError(
            f"{len(order.labels)} labels ({', '.join(order.labels)}) for {network.outputs} outputs; "
            "give one label an output, in their order"
        )
    # Labels that no sidecar may hold are said before the work, not after.
    draft(order, network, NAMED["unit"])
    height, width, channels = network.shape
    kind = "grey" if channels == 1 else "RGB"
    journal.note(f"{order.source}: {kind} {width}x{height}, {network.outputs} outputs")
    if order.channel_order == "bgr" and channels > 1:
        network = channel_order.turned(network)
    for line in network.notes:
        journal.note(line)
    return network


def _pictures(order: Order, network: FloatNetwork, journal: Journal) -> tuple[Sample, Sample]:
    color = network.shape[2] > 1
    faces = load(order.data, ferplus=order.ferplus, usage=order.usage, color=color, unlabelled=True)
    for line in faces.problems:
        journal.warn(line)
    if faces.are_labelled:
        sample, left_out = labelled(faces, order.labels)
        for line in left_out:
            journal.warn(line)
    else:
        sample = _without_truth(order, network, faces)
        journal.warn("the pictures have no labels: what the float network says counts as right")
    feed, judge = split(sample, order.calibration, order.held_out, order.seed)
    journal.note(f"{len(sample)} pictures: {len(feed)} calibrate, {len(judge)} judge")
    return feed, judge


def _without_truth(order: Order, network: FloatNetwork, faces: Faces) -> Sample:
    if order.value_range is None or order.temperature is None:
        missing = "range" if order.value_range is None else "temperature"
        raise PicturesError(
            f"{order.data}: pictures without labels can't tell the {missing}: give --{missing}, "
            f"or one folder per label (as in {order.data}/{order.labels[0]}/1.png)"
        )
    drafted = draft(order, network, order.value_range)
    return unlabelled(faces, network.predict, drafted)


def _ranges(order: Order, network: FloatNetwork, judge: Sample) -> tuple[Candidate, ...]:
    if not judge.is_labelled:
        return ()
    some = judge.part(np.arange(min(RANGE_PICTURES, len(judge))))

    def right(one: Range) -> NDArray[np.bool_]:
        try:
            answers = some.answers(network.predict, draft(order, network, one))
        except NumbersError:  # far from the right range a network may overflow
            return np.zeros(len(some), bool)
        return np.asarray(answers.argmax(1) == some.truth)

    return measure(order.value_range, right)


def _chosen(order: Order, ranges: tuple[Candidate, ...], journal: Journal) -> Range:
    if ranges:
        told = ", ".join(f"{candidate.range} {candidate.accuracy:.1%}" for candidate in ranges)
        journal.note(f"right by value range: {told}")
    if order.value_range is None:
        journal.note(f"value range found: {ranges[0].range}")
        if against := doubt(ranges):
            journal.warn(against)
        return ranges[0].range
    if ranges and (against := objection(order.value_range, ranges)):
        journal.warn(against)
    return order.value_range


def _colors_settled(
    order: Order, network: FloatNetwork, drafted: Sidecar, judge: Sample, journal: Journal
) -> FloatNetwork:
    if drafted.channels == 1 or not judge.is_labelled:
        return network
    some = judge.part(np.arange(min(RANGE_PICTURES, len(judge))))

    def right(one: FloatNetwork) -> NDArray[np.bool_]:
        return np.asarray(some.answers(one.predict, drafted).argmax(1) == some.truth)

    return channel_order.settled(order.channel_order, network, right, journal.note)


def _judged(
    order: Order,
    network: FloatNetwork,
    model: Int8Model,
    drafted: Sidecar,
    feed: Sample,
    judge: Sample,
) -> Conversion:
    outputs = judge.answers(network.predict, drafted)
    raw = drafted.model_copy(update={"logits": not are_probabilities(outputs)})
    sidecar = raw.model_copy(update={"temperature": _temperature(order, model, raw, feed)})
    found = compare(
        probabilities(outputs, sidecar),
        probabilities(judge.answers(model.predict, sidecar), sidecar),
        judge.truth,
        order.labels,
    )
    sidecar = finish(sidecar, order, model.content, found if judge.is_labelled else None, len(feed))
    return Conversion(model.content, sidecar, found, operators(model.content))


def _temperature(order: Order, model: Int8Model, raw: Sidecar, feed: Sample) -> float:
    if order.temperature is not None:
        return order.temperature
    answers = probabilities(feed.answers(model.predict, raw), raw)
    return round(best_temperature(answers, feed.truth), 3)


def probabilities(outputs: Float, sidecar: Sidecar) -> Float:
    """(n, labels) outputs as the daemon will read them: probabilities that sum to 1."""
    return np.array([to_probabilities(row, sidecar) for row in outputs], np.float32)


def _report_answers(done: Conversion, journal: Journal) -> None:
    found = done.comparison
    journal.note(f"runs on {', '.join(done.runtimes)}")
    journal.note(
        f"float {found.source.accuracy:.2%}, int8 {found.int8.accuracy:.2%} right of "
        f"{found.int8.n} pictures; the same answer on {found.agreement:.2%}"
    )
    journal.note(f"recall float and int8: {', '.join(_recalls(found))}")
    labels = found.source.labels
    if order := better_order(found.source):
        journal.warn(f"the labels look out of order; by the answers it is {','.join(order)}")
    elif found.source.accuracy < HARDLY_KNOWS / len(labels):
        journal.warn("the network is hardly better than chance: are labels and pictures its own?")


def _recalls(found: Comparison) -> Iterator[str]:
    pairs = zip(found.source.by_label().items(), found.int8.by_label().values(), strict=True)
    for (label, source), int8 in pairs:
        if source.recall is not None and int8.recall is not None:
            yield f"{label} {source.recall:.1%} {int8.recall:.1%} (n {source.n})"


def _with_layers(
    done: Conversion, network: FloatNetwork, judge: Sample, journal: Journal
) -> Conversion:
    inputs = judge.inputs(done.sidecar, 0, TRACED_PICTURES)
    layers = layer_errors(to_float(network), done.model, inputs)
    worst = ", ".join(f"{layer.layer} ({layer.error:.0%})" for layer in layers[:3])
    journal.warn(f"int8 loses {done.comparison.drop:.1f} points; most error in {worst}")
    return replace(done, layers=layers)


def _refuse_loss(order: Order, found: Comparison, allowed: float) -> None:
    if not order.force:
        raise AccuracyLossError(
            f"int8 loses {found.drop:.1f} points ({found.source.accuracy:.1%} to "
            f"{found.int8.accuracy:.1%}), allowed are {allowed:g}: nothing was written "
            "(--force writes it all the same, --max-drop allows more)"
        )
