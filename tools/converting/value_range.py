"""What pixel values a network was trained on: given by the user, or found by measuring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import EdgeemoError


class Range(NamedTuple):
    """What pixel values 0 and 255 become, and whether each picture is then standardised."""

    low: float
    high: float
    standardize: bool = False

    def __str__(self) -> str:
        if self.standardize:
            return "standardised (mean 0, deviation 1)"
        return f"{self.low:g}..{self.high:g}"


NAMED = {
    "unit": Range(0.0, 1.0),
    "signed": Range(-1.0, 1.0),
    "bytes": Range(0.0, 255.0),
    "standard": Range(0.0, 1.0, standardize=True),
}
CLEARLY = 0.01
"""A range is better than another when its accuracy is greater by this at least."""
DEVIATIONS = 2.0
"""And by so many standard deviations of what chance does to the pictures that tell them apart."""


class RangeError(EdgeemoError, ValueError):
    """A range is not written as one."""

    exit_code = 2


def parse(text: str) -> Range:
    """A range from its name or from `LOW,HIGH`.

    Raises:
        RangeError: it is neither.
    """
    if text in NAMED:
        return NAMED[text]
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        names = ", ".join(NAMED)
        raise RangeError(f"range {text!r}: allowed are {names} or LOW,HIGH as -1,1") from error
    if not -math.inf < low < high < math.inf:
        raise RangeError(f"range {text!r}: needs two numbers, the first less than the second")
    return Range(low, high)


class Candidate(NamedTuple):
    """A range, and on which pictures (n,) the float network is right with it."""

    range: Range
    right: NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(np.mean(self.right))

    def beats(self, other: Candidate) -> bool:
        """Whether it is clearly better."""
        return is_clearly_better(self.right, other.right)


def is_clearly_better(right: NDArray[np.bool_], than: NDArray[np.bool_]) -> bool:
    """Whether one of two (n,) rows of right answers is so on clearly more of the same pictures.

    By `CLEARLY`, and by more of those that tell them apart than chance would give it (McNemar 1947).
    """
    gained = right.astype(int) - than.astype(int)
    chance = DEVIATIONS * math.sqrt(np.abs(gained).sum())
    return bool(gained.mean() >= CLEARLY and gained.sum() >= chance)


def measure(
    given: Range | None, right: Callable[[Range], NDArray[np.bool_]]
) -> tuple[Candidate, ...]:
    """The right answers with every range that is in use and with the one given, best first."""
    ranges = dict.fromkeys([*([given] if given else []), *NAMED.values()])
    found = [Candidate(one, right(one)) for one in ranges]
    return tuple(sorted(found, key=lambda candidate: -candidate.accuracy))


def objection(given: Range, candidates: Sequence[Candidate]) -> str | None:
    """What to say against a given range when another one is clearly better."""
    best = candidates[0]
    own = next(candidate for candidate in candidates if candidate.range == given)
    if not best.beats(own):
        return None
    return (
        f"the network was hardly trained on {given}: with it {own.accuracy:.1%} of the pictures are right, "
        f"with {best.range} {best.accuracy:.1%}"
    )


def doubt(candidates: Sequence[Candidate]) -> str | None:
    """What to say when the pictures can't tell the best range from another one."""
    best, *others = candidates
    rivals = [str(other.range) for other in others if not best.beats(other)]
    if not rivals:
        return None
    return (
        f"{len(best.right)} pictures do not tell {best.range} from {' or '.join(rivals)}: say with --range "
        "which one the network was trained on"
    )
