"""FER2013's faces with FER+'s votes, where they lie beside the checkout: sheets of cells and a csv a split."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.types import Picture

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""What is too large for the repository, beside the checkout."""
FER2013 = DATA / "fer2013"
SIDE = 48


def real_faces(split: str) -> Iterator[tuple[dict[str, str], Picture]]:
    """(row of the csv, grey picture) of each face of `training` or `publictest`; skips without the data."""
    if not FER2013.is_dir():
        pytest.skip("needs ../shared/data/fer2013")
    with (FER2013 / f"{split}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            sheet = _sheet(row["sheet"])
            y, x = divmod(int(row["cell"]), sheet.shape[1] // SIDE)
            yield row, sheet[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]


@cache
def _sheet(name: str) -> Picture:
    sheet = cv2.imread(str(FER2013 / name), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    return np.asarray(sheet, np.uint8)
