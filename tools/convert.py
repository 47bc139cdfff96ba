#!/usr/bin/env python3
r"""Turn a trained network into what edgeemo runs: NAME.tflite (int8), NAME.json and a report.

\b
python tools/convert.py emotion.keras --labels angry,disgust,fear,happy,sad,surprise,neutral \
    --data faces/ --out models/emotion
python tools/convert.py model.json --weights model.h5 --labels labels.txt --data fer2013.csv \
    --usage PublicTest --out models/old

SOURCE is a Keras 3 .keras file, an .h5 or .hdf5 of Keras 2 or 1, an architecture .json with its
weights in --weights, or the folder of a SavedModel. --data is a folder with one folder per label,
or Kaggle's csv: some of its faces calibrate, others judge. A folder of faces without labels will do
with --range. Nothing is written unless the result runs and is as good as its source.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from command import PATH, command, finite
from converting.hush import hushed
from converting.value_range import NAMED, Range, parse
from edgeemo.errors import ModelError
from edgeemo.sidecar import Sidecar
from networks.description import labels_from

if TYPE_CHECKING:
    from converting.channel_order import ChannelOrder

FIT = "fit"
HOTTEST = 20
"""What a sidecar may hold."""


@command(__doc__, context_settings={"show_default": True})
@click.argument("source", type=PATH)
@click.option("--weights", type=PATH, help="When SOURCE is an architecture.")
@click.option(
    "--labels",
    help="One an output, in order: by commas, or a file of lines; else those that train.py noted.",
)
@click.option(
    "--data", required=True, type=PATH, help="Folder of folders or of faces, or Kaggle's csv."
)
@click.option("--usage", help="Split of the csv, such as PublicTest.")
@click.option("--ferplus", type=PATH, help="FER+ votes: their majority is the label.")
@click.option("--data-name", help="What the sidecar calls the pictures that judged.")
@click.option("--out", required=True, type=PATH, help="NAME of the files, with its folder.")
@click.option(
    "--range", "value_range",
    help=f"{', '.join(NAMED)} or LOW,HIGH; else what train.py noted, else found.",
)  # fmt: skip
@click.option(
    "--channels", "channel_order", type=click.Choice(["rgb", "bgr"]),
    help="Which colour a colour network wants first; else as train.py feeds it, else found.",
)  # fmt: skip
@click.option(
    "--backend",
    type=click.Choice(["theano", "tensorflow"]),
    help="Overrules what an old file says: theano turned its kernels.",
)
@click.option(
    "--margin",
    type=click.FloatRange(-0.4, 1.0),
    default=0.0,
    callback=finite,
    help="Added on every side of the detector's box.",
)
@click.option(
    "--temperature", help="Divides the logits; `fit` finds it; else what train.py noted, else 1."
)
@click.option(
    "--calibration", type=click.IntRange(1), default=350, help="How many faces calibrate."
)
@click.option(
    "--held-out", type=click.IntRange(1), default=5000, help="How many others judge at most."
)
@click.option(
    "--max-drop", default=1.0, callback=finite, help="Points of accuracy that int8 may lose."
)
@click.option("--force", is_flag=True, help="Write even when it loses more.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option(
    "--verify-python", "pythons", multiple=True, type=PATH,
    help="Another Python, with a TFLite runtime, to run the result with.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, help="Of the choice of faces.")
def main(**options: Any) -> None:  # noqa: D103 - click takes the help from the module
    with hushed():
        _convert(**options)


def _convert(
    labels: str | None,
    value_range: str | None,
    temperature: str | None,
    channel_order: ChannelOrder | None,
    **options: Any,
) -> None:
    if not options["out"].name:
        raise click.BadParameter(f"--out {options['out']}: needs a name, as in models/mine")
    noted = _noted(options["source"], needed=labels is None)
    # TensorFlow takes seconds to import: a wrong command line should not wait for it.
    from converting.conversion import convert
    from converting.order import Order

    order = Order(
        labels=labels_from(labels) if labels else noted.labels,
        value_range=parse(value_range) if value_range else noted.value_range,
        temperature=_temperature(temperature) if temperature else noted.temperature,
        channel_order=channel_order or noted.channel_order,
        description=noted.path,
        **options,
    )
    done = convert(order, _say)
    model, *others = order.files
    names = " and ".join(path.name for path in others)
    _say(f"wrote {model} ({len(done.model) / 1000:.0f} kB), {names}")


class Noted(NamedTuple):
    """What train.py wrote of a network that is used where the command line says nothing."""

    labels: tuple[str, ...] = ()
    value_range: Range | None = None
    temperature: float = 1.0
    channel_order: ChannelOrder | None = None
    path: Path | None = None


def _noted(source: Path, needed: bool) -> Noted:
    path = source.absolute()  # the folder of a SavedModel may be `.`, which has no name
    try:
        sidecar = Sidecar.beside(path)
    except ModelError as error:
        if needed:
            raise click.UsageError(
                f"--labels is needed: no description by train.py is beside {source} ({error})"
            ) from error
        return Noted()
    trained = Range(*sidecar.value_range, sidecar.standardize)
    return Noted(sidecar.labels, trained, sidecar.temperature, "rgb", path.with_suffix(".json"))


def _temperature(text: str) -> float | None:
    if text == FIT:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= HOTTEST:
        raise click.BadParameter(f"temperature {text!r}: allowed are `fit` and 0 to {HOTTEST}")
    return value


def _say(line: str) -> None:
    loud = line.startswith("WARNING")
    click.secho(line, fg="yellow" if loud else None, bold=loud)


if __name__ == "__main__":
    main()
