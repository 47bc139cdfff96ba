#!/usr/bin/env python3
r"""Train a network on labelled faces; a run that was killed goes on with --resume.

\b
python tools/train.py --recipe edgeemo --data fer2013.csv --ferplus fer2013new.csv --out runs/edgeemo
python tools/train.py --recipe edgeemo --data fer2013.csv --ferplus fer2013new.csv --out runs/edgeemo --resume
python tools/train.py --recipe five-class --data faces/train --held faces/validation --out runs/five
python tools/train.py --recipe folders --data mine/ --out runs/mine --start tools/pretrained/edgeemo.keras --rate 0.2

--data is a folder with one folder per label, or Kaggle's fer2013.csv, of which the Training rows
are used. --ferplus is the csv of FER+'s votes, row by row with Kaggle's, or with a column `path`.

\b
OUT gets, for every head: HEAD.keras (float32, plain Keras 3) with HEAD.json
beside it, and a confusion matrix; and the same of all heads together as
network.keras, curves.png, log.csv, checkpoint.npz. The faces that were only watched lie in
held/, with their votes in held.csv: use them to convert, and to choose a margin.
"""

from __future__ import annotations

import os
from typing import Any

import click

from command import PATH, command, finite

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported
NAMES = ("edgeemo", "fer2013", "teacher", "folders", "six-class", "five-class", "rgb")


@command(__doc__)
@click.option("--recipe", required=True, type=click.Choice(NAMES))
@click.option("--data", required=True, type=PATH, help="Folder of folders, or Kaggle's csv.")
@click.option("--out", required=True, type=PATH, help="Folder for everything that the run makes.")
@click.option("--ferplus", type=PATH, help="FER+ votes for the pictures.")
@click.option(
    "--held", type=PATH, help="Faces to watch; else 3.5 % of each label, of few up to a third."
)
@click.option("--held-ferplus", type=PATH, help="FER+ votes for the faces to watch.")
@click.option("--teacher", type=PATH, multiple=True, help="OUT of a finished run to learn from.")
@click.option("--start", type=PATH, help="network.keras of a finished run to begin with.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=1.0, callback=finite,
    help="Times the recipe's.",
)  # fmt: skip
@click.option(
    "--size", type=click.IntRange(16, 512), help="Side of a face, instead of the recipe's."
)
@click.option(
    "--channels", type=click.Choice(["1", "3"]), callback=lambda *given: given[2] and int(given[2]),
    help="Grey or RGB, instead of the recipe's.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--batch", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@click.option("--precision", type=click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]))
@click.option("--resume", is_flag=True, help="Go on where the run in OUT was cut off.")
def main(**options: Any) -> None:  # noqa: D103 - click takes the help from the module
    # TensorFlow takes seconds to import: a wrong command line should not wait for it.
    from learning.lesson import learn
    from learning.trainer import Order

    learn(Order(**options), click.echo)


if __name__ == "__main__":
    main()
