"""Events as JSON lines, to standard output or a file, as `run --events` asks."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from edgeemo.errors import ConfigError

logger = logging.getLogger(__name__)

STANDARD_OUTPUT = "-"


class EventLog:
    """Appends each event as a line, at once, so that a reader of a pipe sees it when it happens.

    An output that fails (its reader has gone, the disk is full) is told of once and then left
    alone: the broker still gets everything.
    """

    def __init__(self, target: str | None) -> None:
        """Open `target`: a file to append to, `-` for standard output, None for nowhere.

        Raises:
            ConfigError: the file can't be written, or standard output is closed.
        """
        if target == STANDARD_OUTPUT and sys.stdout is None:
            problem = "standard output is closed: leave it open, or name a file"
            raise ConfigError("--events", [problem])
        self._name = "standard output" if target == STANDARD_OUTPUT else target
        self._owned = _open(Path(target)) if target and target != STANDARD_OUTPUT else None
        self._stream = sys.stdout if target == STANDARD_OUTPUT else self._owned

    def write(self, event: str) -> None:
        """Write one event's JSON text."""
        if self._stream is None:
            return
        try:
            self._stream.write(event + "\n")
            self._stream.flush()
        except OSError as error:
            self._stream = None
            logger.error("events are no longer written to %s: %s", self._name, error.strerror)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._owned:
            # What could not be written was told of; closing tries again.
            with suppress(OSError):
                self._owned.close()


def _open(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigError("--events", [f"{path} can't be written: {error.strerror}"]) from error
