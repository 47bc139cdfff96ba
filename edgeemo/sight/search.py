"""Where to search for new faces: the pyramid in shares, where something moved first. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgeemo.sight.motion import Motion
from edgeemo.types import Box

STEP = 1.25
"""Ratio between one scanned size and the next; the cascades forgive an eighth either way. 1.2 costs
a quarter more and finds as much, 1.3 misses the smallest faces of a group."""

TILT = 30.0
"""Degrees. The cascades find a face up to 15 degrees from upright: with both tilts 45 either way."""


class Pass(NamedTuple):
    """One way to go over the picture: from which size (times the smallest), at which tilt."""

    start: float
    angle: float


UPRIGHT, BETWEEN = Pass(1.0, 0.0), Pass(STEP**0.5, 0.0)
"""The second starts halfway between the sizes of the first: both together see every size twice."""

PASSES = (UPRIGHT, Pass(STEP, TILT), Pass(STEP, -TILT), BETWEEN, UPRIGHT, BETWEEN)
"""In turn: a face that one of them misses is found by the next. Tilted heads are sought half as often
and from the second size on: turned by 30 degrees a picture is nearly twice as large, and its smallest
size costs as much as all upright ones together."""

KINDS = len(set(PASSES))

MARGIN = 1.0
"""What is searched around a place that moved, as a share of the face sought."""


class Share(NamedTuple):
    """One level of the pyramid over one region: faces of about `side` pixels, tilted by `angle`."""

    region: Box
    side: float
    angle: float

    @property
    def windows(self) -> float:
        """How many windows of the size sought fit side by side into the region, turned upright."""
        turn = math.radians(self.angle)
        return self.region.area * (math.cos(turn) + abs(math.sin(turn))) ** 2 / self.side**2


class Search:
    """Goes over the picture in passes of different kinds, each over what has moved since its last.

    A pass covers all sizes, the large (and cheap) ones first. `take` gives as much of it as a look
    may cost; the next begins when it is over. Costs are in upright passes over the whole picture.
    """

    def __init__(self, full_scan_s: float) -> None:
        self._full_scan_s = full_scan_s
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self._full_at = [float("-inf")] * len(PASSES)
        self._stale: list[Motion | None] = [None] * len(PASSES)
        self._pending: list[Share] = []
        self._windows = 1.0
        self._credit = 0.0
        self._turn = self._begun = 0

    @property
    def is_caught_up(self) -> bool:
        """Whether every kind of pass has been made, or nothing is left to pass over."""
        is_at_rest = not self._pending and not any(s and s.cells.any() for s in self._stale)
        return self._begun > KINDS or (self._begun > 0 and is_at_rest)

    def note(self, moved: Motion, known: Sequence[Box], at: float) -> None:
        """Remember what has moved by `at`, except where it is known faces and the bodies around them.

        Somebody may stand there all the same: when the last pass over everything was `full_scan_s`
        ago, the next one in turn is made for whatever moves.
        """
        others = moved.without([*known, *map(_body, known)])
        self._stale = [others.plus(stale) for stale in self._stale]
        if at - max(self._full_at) >= self._full_scan_s:
            self._stale[self._turn] = moved.plus(self._stale[self._turn])

    def take(self, at: float, smallest: float, budget: float) -> list[Share]:
        """The shares to scan in a look at `at` (monotonic seconds).

        `budget` is what the look may spend (1: one upright pass over everything); a share that
        costs more is paid for by the looks that follow, which then get none. `smallest` is the
        side in pixels of the smallest face wanted.
        """
        self._credit = min(self._credit, 0.0) + budget
        taken: list[Share] = []
        while self._credit > 0 and (self._pending or self._begin_pass(at, smallest)):
            taken.append(self._pending.pop(0))
            self._credit -= taken[-1].windows / self._windows
        return taken

    def _begin_pass(self, at: float, smallest: float) -> bool:
        """Line up the next pass for which something has moved and that has a size; False if none does.

        Where the smallest face wanted hardly fits into the picture, the passes that begin with a
        larger one have no size at all; what they should have gone over is left to the next in turn.
        """
        for _ in PASSES:
            turn, self._turn = self._turn, (self._turn + 1) % len(PASSES)
            stale, self._stale[turn] = self._stale[turn], None
            if stale and (region := stale.region()):
                self._begun += 1
                self._pending = list(self._shares(turn, region, stale.size, at, smallest))
                if self._pending:
                    return True
                self._stale[self._turn] = stale.plus(self._stale[self._turn])
        return False

    def _shares(
        self, turn: int, region: Box, size: tuple[int, int], at: float, smallest: float
    ) -> Iterator[Share]:
        whole, kind = Box(0.0, 0.0, *size), PASSES[turn]
        sides = list(_sides(smallest * kind.start, min(size)))
        if sides and at - self._full_at[turn] >= self._full_scan_s:
            self._full_at[turn], region = at, whole
        # All sizes together: the sum of the geometric series of 1 / STEP**2.
        self._windows = whole.area / smallest**2 / (1 - STEP**-2)
        for side in reversed(sides):
            yield Share(_pad(region, MARGIN * side).clip(*size), side, kind.angle)


def _sides(smallest: float, largest: float) -> Iterator[float]:
    side = smallest
    while side <= largest:
        yield side
        side *= STEP


def _pad(box: Box, pixels: float) -> Box:
    return Box(box.x - pixels, box.y - pixels, box.w + 2 * pixels, box.h + 2 * pixels)


def _body(face: Box) -> Box:
    """Where a person's hair, neck, shoulders and hands move: no reason to look for anybody new."""
    return Box(face.x - face.w, face.y - face.h / 2, 3 * face.w, 6 * face.h)
