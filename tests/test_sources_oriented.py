"""Turning and mirroring, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeemo.sources.oriented import OrientedSource
from edgeemo.types import Frame

UPRIGHT = [[1, 2, 3], [4, 5, 6]]


class FixedSource:
    """Gives one frame for ever: an image with channels, and the same as luma."""

    live = True
    name = "fixed"

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def read(self) -> Frame:
        """The one frame."""
        grey: NDArray[np.uint8] = np.array(UPRIGHT, np.uint8)
        return Frame(image=np.dstack([grey] * 3), at=1.0, index=0, luma=grey)


@pytest.mark.parametrize(
    ("rotate", "mirror", "expected"),
    [
        (0, True, [[3, 2, 1], [6, 5, 4]]),
        (90, False, [[4, 1], [5, 2], [6, 3]]),
        (180, False, [[6, 5, 4], [3, 2, 1]]),
        (270, False, [[3, 6], [2, 5], [1, 4]]),
        (90, True, [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_oriented_source_turns_clockwise_then_mirrors(
    rotate: int, mirror: bool, expected: list[list[int]]
) -> None:
    """Image and luma are turned alike, clockwise, and mirrored after that."""
    frame = OrientedSource(FixedSource(), rotate, mirror).read()
    assert frame.luma is not None
    assert frame.luma.tolist() == expected
    assert frame.image[:, :, 0].tolist() == expected
