"""Make the demo's faces: averages over hundreds of people, so that nobody's picture is shown.

    python tools/make_demo.py ../shared/data/fer2013
    python tools/make_demo.py FOLDER --out edgeemo/sources/demo_faces.png

FOLDER holds FER2013's training pictures as sheets of 48 x 48 cells with FER+'s votes
(training.csv). Only pictures on which at least 8 of the 10 annotators agree are used, and their
mirror images. The result is one grey PNG, a tile an emotion from left to right, in the order of
EMOTIONS. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.sources.demo import ASSET, EMOTIONS, TILE_PX

Stack = NDArray[np.float32]
"""(pictures, TILE_PX, TILE_PX), grey levels of 0..255."""

AGREED_VOTES = 8
MEAN_LEVEL, CONTRAST = 128.0, 52.0
"""Grey level and deviation of the finished tiles, those of a well-lit face."""


def read_agreed(folder: Path, emotion: str) -> Stack:
    """All training pictures that at least AGREED_VOTES annotators call `emotion`, a column of FER+."""
    with (folder / "training.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if int(r[emotion]) >= AGREED_VOTES]
    sheets = {name: _read_sheet(folder / name) for name in {r["sheet"] for r in rows}}
    tiles = [_cell(sheets[r["sheet"]], int(r["cell"])) for r in rows]
    return np.asarray(np.stack(tiles), np.float32)


def _read_sheet(path: Path) -> NDArray[np.uint8]:
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        sys.exit(f"can't read {path}")
    return np.asarray(sheet, np.uint8)


def _cell(sheet: NDArray[np.uint8], cell: int) -> NDArray[np.uint8]:
    row, column = divmod(cell, sheet.shape[1] // TILE_PX)
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


def main() -> None:
    """Read the data, write the tiles, say what went in."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=ASSET)
    arguments = parser.parse_args()
    tiles = []
    for emotion in EMOTIONS:
        stack = read_agreed(arguments.folder, emotion)
        tiles.append(average_face(stack))
        print(f"{emotion}: the average of {len(stack)} pictures")
    cv2.imwrite(str(arguments.out), np.hstack(tiles), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
