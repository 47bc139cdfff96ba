"""What pixel values a network was trained on: given by the user, or found by measuring."""

from __future__ import annotations

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
    if low >= high:
        raise RangeError(f"range {text!r}: the first must be less than the second")
    return Range(low, high)
