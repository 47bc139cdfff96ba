r"""Make the demo's faces: averages over hundreds of people, so that nobody's picture is shown.

\b
    python tools/make_demo.py ../shared/data/fer2013
    python tools/make_demo.py FOLDER --out edgeemo/sources/demo_faces.png

FOLDER holds FER2013's training pictures as sheets of 48 x 48 cells with FER+'s votes
(training.csv). Only pictures on which at least 8 of the 10 annotators agree are used, and their
mirror images. The result is one grey PNG, a tile an emotion from left to right, in the order of
EMOTIONS. The same input gives the same bytes.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from command import PATH, command
from edgeemo.errors import InputError
from edgeemo.sources.demo import ASSET, EMOTIONS, TILE_PX
from networks.refusal import WriteError

Stack = NDArray[np.float32]
"""(pictures, TILE_PX, TILE_PX), grey levels of 0..255."""

AGREED_VOTES = 8
TILE = (TILE_PX, TILE_PX)
MEAN_LEVEL, CONTRAST = 128.0, 52.0
"""Grey level and deviation of the finished tiles, those of a well-lit face."""


def read_agreed(folder: Path, emotion: str) -> Stack:
    """All training pictures that at least AGREED_VOTES annotators call `emotion`, a column of FER+.

    Raises:
        InputError: the table or a sheet of pictures is missing or damaged.
    """
    table = folder / "training.csv"
    try:
        with table.open(newline="") as file:
            rows = [r for r in csv.DictReader(file) if int(r[emotion]) >= AGREED_VOTES]
        places = [(r["sheet"], int(r["cell"])) for r in rows]
    except OSError as error:
        raise InputError(f"can't read {table}: {error.strerror or error}") from error
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{table}: needed are columns sheet, cell and {emotion}: {error}"
        ) from error
    if not places:
        raise InputError(f"{table}: {AGREED_VOTES} annotators call no picture {emotion}")
    sheets = {name: _read_sheet(folder / name) for name in {name for name, _ in places}}
    tiles = [_cell(sheets[name], cell) for name, cell in places]
    if misplaced := [p for p, tile in zip(places, tiles, strict=True) if tile.shape != TILE]:
        sheet, cell = misplaced[0]
        raise InputError(f"{table}: {folder / sheet} has no cell {cell}")
    return np.asarray(np.stack(tiles), np.float32)


def _read_sheet(path: Path) -> NDArray[np.uint8]:
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        raise InputError(f"{path} is not a picture that can be read")
    return np.asarray(sheet, np.uint8)


def _cell(sheet: NDArray[np.uint8], cell: int) -> NDArray[np.uint8]:
    row, column = divmod(cell, max(1, sheet.shape[1] // TILE_PX))
    top, left = row * TILE_PX, column * TILE_PX
    return sheet[top : top + TILE_PX, left : left + TILE_PX]


def average_face(stack: Stack) -> NDArray[np.uint8]:
    """The average of the pictures and their mirror images, evenly lit, (TILE_PX, TILE_PX)."""
    centred = stack - stack.mean(axis=(1, 2), keepdims=True)
    spread = centred.std(axis=(1, 2), keepdims=True)
    average = (centred / np.maximum(spread, 1e-6)).mean(axis=0)
    average = (average + average[:, ::-1]) / 2
    levels = average / average.std() * CONTRAST + MEAN_LEVEL
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


@command(__doc__)
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, default=ASSET)
def main(folder: Path, out: Path) -> None:  # noqa: D103 - click takes the help from the module
    tiles = []
    for emotion in EMOTIONS:
        stack = read_agreed(folder, emotion)
        tiles.append(average_face(stack))
        click.echo(f"{emotion}: the average of {len(stack)} pictures")
    if out.suffix != ".png" or not cv2.imwrite(
        str(out), np.hstack(tiles), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    ):
        raise WriteError(f"can't write {out}: is it a .png, is there a folder, and room?")
    click.echo(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
