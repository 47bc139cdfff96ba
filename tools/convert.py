r"""Turn a trained network into the two files that edgeemo runs: NAME.tflite (int8) and NAME.json.

python tools/convert.py emotion.keras --labels angry,disgust,fear,happy,sad,surprise,neutral \
        --data faces/ --range unit --out models/emotion
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import value_range
from dataset import canonical

from edgeemo.errors import EdgeemoError


@click.command(help=__doc__)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--labels", required=True, help="One label an output, in their order, by commas.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder or csv.")
@click.option("--ferplus", type=click.Path(path_type=Path), help="FER+ votes for the pictures.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="NAME of the files.")
@click.option(
    "--range", "value_range", required=True, help="unit, signed, bytes, standard, LOW,HIGH."
)
@click.option("--margin", default=0.0, show_default=True, help="Added around the detector's box.")
@click.option("--temperature", default=1.0, show_default=True, help="Divides the logits.")
@click.option(
    "--max-drop", default=1.0, show_default=True, help="Points of accuracy int8 may lose."
)
@click.option("--force", is_flag=True, help="Write even when int8 loses more.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option(
    "--verify-python", "pythons", multiple=True, type=click.Path(path_type=Path),
    help="Another Python with a TFLite runtime to check the result with.",
)  # fmt: skip
def main(labels: str, value_range: str, **options: Any) -> None:  # noqa: D103 - click takes the help from the module
    # TensorFlow takes seconds to import: a wrong command line should not wait for it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from conversion import Order, convert

    names = tuple(canonical(label) for label in labels.split(","))
    order = Order(labels=names, value_range=_range(value_range), **options)
    try:
        done = convert(order, click.echo)
    except EdgeemoError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    figures = done.comparison
    click.echo(
        f"float {figures.float_accuracy:.2%}, int8 {figures.int8_accuracy:.2%}, "
        f"agreement {figures.agreement:.2%} on {figures.n} pictures"
    )
    click.echo(f"wrote {order.model} ({len(done.model) / 1000:.0f} kB) and {order.sidecar.name}")


def _range(text: str) -> value_range.Range:
    return value_range.parse(text)


if __name__ == "__main__":
    main()
