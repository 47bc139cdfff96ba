"""What moved since the last look: a tiny picture against the one that was looked at then. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeemo.types import Box, Picture

NOISE = 8
"""Levels (of 255) by which a cell must differ. A cell averages 64 pixels or more, so that sensor
noise of 20 levels is 2.5 in it."""

LEAST = 4
"""... in a dark picture, where everything differs less but noise."""
FULL = 200.0
"""Brightest level of a picture that is not dark."""

TOUCH = 2
"""Cells that have to differ: a smile on a small face changes three or four, noise now and then one."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Which cells of a picture of `size` (width, height) have changed: bool (rows, columns)."""

    cells: NDArray[np.bool_]
    size: tuple[int, int]

    @property
    def share(self) -> float:
        """How much of the picture has changed, 0..1."""
        return float(np.count_nonzero(self.cells)) / self.cells.size

    def touches(self, box: Box) -> bool:
        """Whether something has changed inside a box: TOUCH cells at least."""
        return int(np.count_nonzero(self.cells[self._inside(box)])) >= TOUCH

    def without(self, boxes: Iterable[Box]) -> Motion:
        """What has changed outside of all boxes."""
        cells = self.cells.copy()
        for box in boxes:
            cells[self._inside(box)] = False
        return Motion(cells, self.size)

    def plus(self, other: Motion | None) -> Motion:
        """What has changed in either; this alone if the other is of another kind of picture."""
        if other is None or (other.size, other.cells.shape) != (self.size, self.cells.shape):
            return self
        return Motion(self.cells | other.cells, self.size)

    def region(self) -> Box | None:
        """The smallest box that holds all that has changed; None if nothing has."""
        rows = np.flatnonzero(self.cells.any(axis=1))
        columns = np.flatnonzero(self.cells.any(axis=0))
        if not len(rows):
            return None
        left, top = int(columns[0]), int(rows[0])
        part = Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
        height, width = self.cells.shape
        return part.scale(self.size[0] / width, self.size[1] / height)

    def _inside(self, box: Box) -> tuple[slice, slice]:
        height, width = self.cells.shape
        part = box.scale(width / self.size[0], height / self.size[1]).clip(width, height)
        rows = slice(int(part.y), int(np.ceil(part.bottom)))
        return rows, slice(int(part.x), int(np.ceil(part.right)))


class MotionGate:
    """Compares each glance with the last one that was accepted as looked at."""

    def __init__(self) -> None:
        self._reference: Picture | None = None

    def compare(self, glance: Picture, size: tuple[int, int]) -> Motion:
        """What of a picture of `size` differs from the accepted glance: all when there is none."""
        if self._reference is None or self._reference.shape != glance.shape:
            return Motion(np.ones(glance.shape, np.bool_), size)
        # The difference of unsigned numbers wraps; the larger less the smaller does not.
        difference = np.maximum(glance, self._reference) - np.minimum(glance, self._reference)
        return Motion(difference > max(LEAST, NOISE * min(float(glance.max()) / FULL, 1.0)), size)

    def accept(self, glance: Picture) -> None:
        """Take a glance as the one that was looked at."""
        self._reference = glance

    def clear(self) -> None:
        """Forget it: the next picture counts as all new."""
        self._reference = None


class OpenGate(MotionGate):
    """Takes every picture for all new, so that nothing is left out for its keeping still."""

    def accept(self, glance: Picture) -> None:
        """Remember nothing."""
