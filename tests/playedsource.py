"""A camera that follows a script: it gives pictures, is lost, or hangs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable

import numpy as np

from edgeemo.errors import SourceError
from edgeemo.types import Frame

LONG_S = 20.0
"""Longer than anything here takes: reached only by a test that fails."""

Step = Callable[[], None]


class PlayedSource:
    """A source whose every `read` is preceded by the next step of a script; then it blocks."""

    name = "the played camera"

    live = True

    def __init__(
        self, *steps: Step, then: Iterable[Step] = (), opening: Iterable[Step] = ()
    ) -> None:
        self.opened, self.closed = 0, threading.Event()
        self.hung = threading.Event()
        self.freed = threading.Event()
        self._steps = itertools.chain(steps, then)
        self._opening = iter(opening)
        self._index = 0

    def open(self) -> None:
        """Play the next step of the opening, if there is one left."""
        next(self._opening, lambda: None)()
        self.closed.clear()
        self.opened += 1

    def read(self) -> Frame:
        """Play the next step; after the last one hang until freed."""
        step = next(self._steps, None)
        if step is None:
            self.hung.set()
            self.freed.wait(LONG_S)
        else:
            step()
        self._index += 1
        return Frame(np.zeros((2, 2, 3), np.uint8), at=float(self._index), index=self._index)

    def close(self) -> None:
        """Note it."""
        self.closed.set()


def picture() -> None:
    """A step at which a picture comes."""


def lose() -> None:
    """A step at which the camera is lost."""
    raise SourceError("the played camera is lost")
