#!/usr/bin/env python3
r"""Measure a model on labelled faces, as the daemon would run it; two models also against each other.

\b
python tools/evaluate.py models/emotion.tflite --data faces/ --ferplus votes.csv
python tools/evaluate.py runs/edgeemo/emotion.keras models/emotion.tflite --data fer2013.csv \
    --ferplus fer2013new.csv --usage PublicTest --record "FER+ PublicTest" --report page.md
python tools/evaluate.py old.h5 --labels angry,happy,sad --range 0,1 --data faces/ --json

MODEL is a .tflite file, or anything of Keras that tools/convert.py reads. Labels, input range and
temperature come from the NAME.json that describes it; where there is none, from --labels, --range and
--channels. --data is a folder with one folder per label, or Kaggle's csv, of which the rows of every
split but Training are used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from command import PATH, command
from converting.files import refuse_unwritable, write_together
from converting.value_range import parse
from edgeemo.errors import InputError
from labelled.dataset import Faces, load
from labelled.faces import copies
from networks.description import labels_from
from networks.refusal import WriteError, writing

if TYPE_CHECKING:
    from measuring.predictor import Description, Predictor


@command(__doc__)
@click.argument("models", nargs=-1, required=True, type=PATH, metavar="MODEL [SECOND]")
@click.option("--data", required=True, type=PATH, help="Folder of folders, or Kaggle's csv.")
@click.option("--ferplus", type=PATH, help="FER+ votes: adds figures by their majority.")
@click.option("--usage", help="Split of the csv, such as PublicTest.")
@click.option(
    "--learned", type=PATH, help="What MODEL learned from (of a csv the Training rows): looks at copies of it apart.",
)  # fmt: skip
@click.option(
    "--labels", help="Of models without sidecar: one an output, by commas, or a file of lines."
)
@click.option(
    "--range", "value_range", help="Of models without sidecar: unit, signed or LOW,HIGH; else 0,1."
)
@click.option(
    "--channels", "channel_order", type=click.Choice(["rgb", "bgr"]),
    help="Of models without sidecar: which colour a colour network wants first; else rgb.",
)  # fmt: skip
@click.option("--weights", type=PATH, help="When MODEL is an architecture.")
@click.option(
    "--backend",
    type=click.Choice(["theano", "tensorflow"]),
    help="Overrules what an old file says: theano turned its kernels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--record", metavar="DATA", help="Note both accuracies in SECOND's sidecar, as on DATA."
)
@click.option("--report", type=PATH, help="Write a page (Markdown) with confusion matrices.")
def main(models: tuple[Path, ...], **options: Any) -> None:  # noqa: D103 - click takes the help from the module
    if len(models) > 2:
        raise click.UsageError("one model, or two to compare")
    if options["record"] and len(models) != 2:
        raise click.UsageError("--record needs two models: the float one, then the int8 one")
    # TensorFlow says much at its import; the evaluation's output is on the same terminal.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run(models, show=click.echo, **options)


def run(
    models: tuple[Path, ...],
    *,
    data: Path,
    ferplus: Path | None = None,
    usage: str | None = None,
    learned: Path | None = None,
    labels: str | None = None,
    value_range: str | None = None,
    channel_order: str | None = None,
    weights: Path | None = None,
    backend: str | None = None,
    as_json: bool = False,
    record: str | None = None,
    report: Path | None = None,
    show: Callable[[str], object] | None = None,
) -> str:
    """Evaluate, and return what is to be printed; `show` gets it before anything is written.

    Raises:
        EdgeemoError: a model or the data can't be used, or a result can't be written.
        UsageError: an option is of no use to any of the models.
    """
    from measuring import scorecard
    from measuring.evaluation import compare, evaluate, latency_ms

    if report is not None:
        _look_at(report)
    others = {"channel_order": channel_order, "weights": weights, "backend": backend}
    loaded = _loaded(models, _description(labels, value_range, **others))
    color = any(model.sidecar.channels == 3 for model in loaded)
    faces = _faces(data, ferplus, usage, color)
    for problem in faces.problems:
        click.echo(f"data: {problem}", err=True)
    copied = copies(faces, _learned(learned, color)) if learned else None
    found = [evaluate(model, faces, copied) for model in loaded]
    difference = compare(found[0], found[1], faces.keys) if len(found) == 2 else None
    ms = latency_ms(loaded, faces)
    page = scorecard.text(found, difference, ms)
    printed = _json(found, difference, ms, faces) if as_json else page
    # A measurement may take an hour, and a disk may be full: what is shown is not lost.
    if show is not None:
        show(printed)
    if record is not None:
        _record(models[1], record, found)
    if report is not None:
        with writing(report):
            written = scorecard.write(report, page, found)
        for path in written:
            click.echo(f"wrote {path}", err=True)
    return printed


def _look_at(report: Path) -> None:
    """Raise WriteError, before anything is measured, for a page that can't be written."""
    if report.is_dir():
        raise WriteError(f"{report} is a folder: give the --report a name in it")
    refuse_unwritable(report.parent)


def _loaded(models: tuple[Path, ...], told: Description) -> list[Predictor]:
    """The models; what is told has to be of use to one of them."""
    from measuring.predictor import has_sidecar, load_predictor

    bare = [path for path in models if not has_sidecar(path)]
    if (told.labels or told.value_range or told.channel_order) and not bare:
        raise click.UsageError(
            "--labels, --range and --channels are for a model without sidecar, and there is a NAME.json beside "
            "each: leave them out, or move that file away"
        )
    if told.weights and not any(path.suffix == ".json" for path in models):
        raise click.UsageError(
            "--weights is for an architecture (.json), which no MODEL is: leave it out"
        )
    if told.backend and all(path.suffix == ".tflite" for path in models):
        raise click.UsageError(
            "--backend is for files of Keras 1 and 2, which no MODEL is: leave it out"
        )
    loaded = [load_predictor(path, told) for path in models]
    if bare and told.value_range is None:
        names = " and ".join(map(str, bare))
        click.echo(f"{names}: without --range, measured with pixels in 0..1", err=True)
    return loaded


def _description(labels: str | None, value_range: str | None, **others: Any) -> Description:
    from measuring.predictor import Description

    told = parse(value_range) if value_range else None
    return Description(
        labels=labels_from(labels) if labels else None,
        value_range=(told.low, told.high) if told else None,
        standardize=bool(told and told.standardize),
        **others,
    )


def _faces(data: Path, ferplus: Path | None, usage: str | None, color: bool) -> Faces:
    faces = load(data, ferplus=ferplus, usage=usage, color=color)
    others = sorted({u for u in faces.usage if u != "Training"})
    return faces if usage or not others else faces.of_usage(*others)


def _learned(path: Path, color: bool) -> Faces:
    faces = load(path, color=color).of_usage("Training")
    if not len(faces):
        raise InputError(
            f"{path}: has other splits than Training: nothing that a model learned from"
        )
    return faces


def _record(path: Path, data: str, found: list[Any]) -> None:
    """Note the accuracy of both models on `data` in the sidecar of the second, in place of an older one.

    By FER+'s majority where there are votes, else by the data's labels.
    """
    from edgeemo.sidecar import Accuracy, Sidecar

    both = [e.voted or e.own for e in found]
    noted = {"data": data, "n": both[1].n, "float": both[0].accuracy, "int8": both[1].accuracy}
    path = path.absolute()
    sidecar = Sidecar.beside(path)
    others = tuple(a for a in sidecar.accuracy if a.data != data)
    accuracy = (*others, Accuracy.model_validate(noted))
    text = sidecar.model_copy(update={"accuracy": accuracy}).to_json()
    write_together({path.with_suffix(".json"): text.encode()})


def _json(found: list[Any], difference: Any, ms: list[float], faces: Faces) -> str:
    objects = [e.as_dict() | {"latency_ms": one} for e, one in zip(found, ms, strict=True)]
    whole = objects[0] | {"problems": list(faces.problems)}
    if difference is not None:
        whole |= {"second": objects[1]} | difference.as_dict()
    return json.dumps(whole, indent=2)


if __name__ == "__main__":
    main()
