"""The contract that every source of pictures keeps, and a loop over one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from edgeemo.errors import EndOfSource
from edgeemo.types import Frame

Clock = Callable[[], float]
"""Monotonic seconds."""


class Source(Protocol):
    """Where frames come from. Used from one thread at a time.

    A live source may be read late and lose frames; the others wait for their reader. Frames of a
    live source bear monotonic seconds in `at`, never the same twice; a source that plays by itself
    (the demo, a file in real time) may hand one out before it is due, `at` then lying ahead of
    the clock. Frames of a file bear its own time stamps, seconds from its start.
    """

    @property
    def live(self) -> bool:
        """Whether frames come by the clock, whether or not somebody reads them."""
        ...

    @property
    def name(self) -> str:
        """What it is called in logs; holds no credentials."""
        ...

    def open(self) -> None:
        """Take hold of the device, stream or file; afterwards frames can be read.

        Raises:
            SourceError: the camera or stream isn't there, or refuses; trying again may help.
            InputError: the file can't be used; trying again does not help.
        """
        ...

    def read(self) -> Frame:
        """The next frame; blocks at most for the configured time-outs.

        Raises:
            SourceError: the camera or stream was lost, or isn't open.
            InputError: the file turns out to be damaged.
            EndOfSource: there are no more frames.
        """
        ...

    def close(self) -> None:
        """Let go of it; harmless twice, and after a loss. `open` works again afterwards."""
        ...


def frames(source: Source) -> Generator[Frame, None, None]:
    """Open a source, yield its frames up to its end, and close it, also when left early.

    Raises:
        SourceError, InputError: as `Source.open` and `Source.read` do.
    """
    try:
        source.open()
        while True:
            try:
                frame = source.read()
            except EndOfSource:
                return
            yield frame
    finally:
        source.close()
