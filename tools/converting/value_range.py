"""What pixel values a network was trained on: given by the user, or found by measuring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

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
"""A range is better than another when its accuracy is greater by this; less is chance."""


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
    """A range, and how often the float network is right with it (0..1)."""

    range: Range
    accuracy: float


def measure(given: Range | None, accuracy: Callable[[Range], float]) -> tuple[Candidate, ...]:
    """The accuracy with every range that is in use and with the one given, best first."""
    ranges = dict.fromkeys([*([given] if given else []), *NAMED.values()])
    found = [Candidate(one, accuracy(one)) for one in ranges]
    return tuple(sorted(found, key=lambda candidate: -candidate.accuracy))


def objection(given: Range, candidates: Sequence[Candidate]) -> str | None:
    """What to say against a given range when another one is clearly better."""
    best = candidates[0]
    own = next(candidate.accuracy for candidate in candidates if candidate.range == given)
    if best.accuracy - own < CLEARLY:
        return None
    return (
        f"the network was hardly trained on {given}: with it {own:.1%} of the pictures are right, "
        f"with {best.range} {best.accuracy:.1%}"
    )
