#!/usr/bin/env python3
r"""Make both shipped models from FER2013 and FER+: train, choose the margin, quantise, measure.

\b
python tools/make_models.py --data fer2013.csv --ferplus fer2013new.csv --work runs/edgeemo --overwrite
python tools/make_models.py --data fer2013.csv --ferplus fer2013new.csv --work runs/student --teacher runs/teacher --out mine

A run that was killed goes on. Nothing is chosen by the test faces: margin and temperature come from
faces of the Training split that were held back, PublicTest only measures. WORK/first gets a run from
chance, WORK the run that goes on from it with it as its teacher, which `emotion` comes from; WORK/fer2013
one of a larger network that has both for teachers, which `fer2013` comes from; WORK/int8 the models,
which take their place in OUT together when both are done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import click

from command import PATH, command
from edgeemo.errors import InputError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
TEST = "PublicTest"
HEADS = ("emotion", "fer2013")
SECOND_RATE = 0.5
SECOND_EPOCHS = 60
CALIBRATION = 50
"""Faces: more of them widen the ranges, and int8 answers a little less often as float does (models/fer2013.md)."""


@dataclass(frozen=True)
class Plan:
    """The command line as values."""

    data: Path
    ferplus: Path
    work: Path
    out: Path
    teacher: tuple[Path, ...] = ()
    epochs: int | None = None
    precision: str | None = None
    pythons: tuple[Path, ...] = ()
    overwrite: bool = False

    def run(self, head: str) -> Path:
        """The run that a model comes from."""
        return self.work / head if head == "fer2013" else self.work

    def model(self, head: str) -> Path:
        """Where a model is made and measured before it takes its place in `out`."""
        return self.work / "int8" / f"{head}.tflite"


@command(__doc__)
@click.option("--data", required=True, type=PATH, help="Kaggle's fer2013.csv.")
@click.option("--ferplus", required=True, type=PATH, help="FER+'s csv, row by row with it.")
@click.option("--work", required=True, type=PATH, help="Folder of the training runs.")
@click.option("--out", type=PATH, default=Path("models"), show_default=True)
@click.option("--teacher", type=PATH, multiple=True, help="A finished run to learn from.")
@click.option("--epochs", type=click.IntRange(1), help="Of each run, instead of 90, 60 and 90.")
@click.option("--precision", type=click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]))
@click.option("--verify-python", "pythons", type=PATH, multiple=True, help="As convert.py has it.")
@click.option("--overwrite", is_flag=True, help="Replace models that are in OUT.")
def main(**options: object) -> None:  # noqa: D103 - click takes the help from the module
    make(Plan(**options))  # type: ignore[arg-type]  # click has checked the types


def make(plan: Plan) -> None:
    """Do all of it.

    Raises:
        EdgeemoError: the data or a folder can't be used, or int8 loses too much; nothing in `out` was changed.
    """
    import keras

    from converting.files import refuse_existing, refuse_unwritable, write_together
    from converting.verify import refuse_mute
    from labelled.dataset import load

    if keras.backend.backend() != "tensorflow":
        raise InputError(
            "the models are converted by TensorFlow: unset KERAS_BACKEND, or train each run on PyTorch first by "
            "train.py (models/emotion.md has the commands)"
        )
    if not plan.overwrite:
        refuse_existing(plan.out / path.name for head in HEADS for path in _files(plan, head))
    # What converting and measuring would say after the hours of training is said before.
    for folder in (plan.out, plan.work / "int8"):
        refuse_unwritable(folder)
    for python in plan.pythons:
        refuse_mute(python)
    load(plan.data, ferplus=plan.ferplus, usage=TEST)
    _train(plan)
    margin = None
    for head in HEADS:
        margin = _quantise(plan, head, margin)  # one framing: the first head's
    made = [path for head in HEADS for path in _files(plan, head)]
    write_together({plan.out / path.name: path.read_bytes() for path in made})


def _train(plan: Plan) -> None:
    """Do every run, or what is left of it."""
    from learning.lesson import learn
    from learning.trainer import Order

    first = Order(
        recipe="edgeemo",
        data=plan.data,
        ferplus=plan.ferplus,
        out=plan.work / "first",
        teacher=plan.teacher,
        epochs=plan.epochs,
        precision=plan.precision,
        resume=True,
    )
    learn(first, click.echo)
    second = replace(
        first,
        out=plan.work,
        start=first.out / "network.keras",
        teacher=(first.out, *plan.teacher),
        rate=SECOND_RATE,
        epochs=plan.epochs or SECOND_EPOCHS,
    )
    learn(second, click.echo)
    larger = replace(
        first,
        recipe="fer2013",
        out=plan.run("fer2013"),
        teacher=(second.out, *second.teacher),
    )
    learn(larger, click.echo)


def _files(plan: Plan, head: str) -> list[Path]:
    return [plan.model(head).with_suffix(s) for s in (".tflite", ".report.html", ".json")]


def _quantise(plan: Plan, head: str, margin: float | None) -> float:
    """Convert one head, measure it on the test faces, and note in its sidecar where it came from."""
    if margin is None:
        _convert(plan, head, 0.0)
        margin = _best_margin(plan, head)
    _convert(plan, head, margin)
    _measure(plan, head)
    _tell_training(plan, head)
    return margin


def _votes(plan: Plan, head: str) -> Path | None:
    return plan.run(head) / "held.csv" if head == "emotion" else None


def _convert(plan: Plan, head: str, margin: float) -> None:
    from converting.conversion import convert
    from converting.hush import hushed
    from converting.order import Order
    from converting.value_range import Range
    from edgeemo.sidecar import Sidecar

    source = plan.run(head) / f"{head}.keras"
    trained = Sidecar.beside(source)
    order = Order(
        source=source,
        out=plan.model(head),
        labels=trained.labels,
        data=plan.run(head) / "held",
        ferplus=_votes(plan, head),
        data_name="held-out faces of FER2013's Training split",
        value_range=Range(*trained.value_range),
        margin=margin,
        temperature=trained.temperature,
        calibration=CALIBRATION,
        overwrite=True,
        pythons=plan.pythons,
    )
    with hushed():
        convert(order, click.echo)


def _best_margin(plan: Plan, head: str) -> float:
    from edgeemo.classifier import TFLiteClassifier
    from edgeemo.config import ModelConfig
    from labelled.dataset import load
    from margin import MARGINS, rate

    classifier = TFLiteClassifier(ModelConfig(path=plan.model(head)))
    rated = rate(classifier, load(plan.run(head) / "held", ferplus=_votes(plan, head)))
    best = MARGINS[rated.shares.index(max(rated.shares))]
    click.echo(
        f"margin {best:+.2f}: {max(rated.shares):.2%} right of {rated.found} faces as detected"
    )
    return best


def _measure(plan: Plan, head: str) -> None:
    from evaluate import run

    page = run(
        (plan.run(head) / f"{head}.keras", plan.model(head)),
        data=plan.data,
        ferplus=plan.ferplus if head == "emotion" else None,
        usage=TEST,
        record=f"{'FER+ majority' if head == 'emotion' else 'FER2013'}, {TEST}",
        report=plan.run(head) / f"{head}.md",
    )
    click.echo(page)


def _tell_training(plan: Plan, head: str) -> None:
    from converting.files import write_together
    from edgeemo.sidecar import Sidecar

    trained = Sidecar.beside(plan.run(head) / f"{head}.keras")
    shipped = Sidecar.beside(plan.model(head))
    provenance = {**shipped.provenance, "training": trained.provenance}
    text = shipped.model_copy(update={"provenance": provenance}).to_json()
    write_together({plan.model(head).with_suffix(".json"): text.encode()})


if __name__ == "__main__":
    main()
