"""Events as JSON lines, to standard output or a file, as `run --events` asks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from edgeemo.errors import ConfigError
from edgeemo.messages import encode

STANDARD_OUTPUT = "-"


class EventLog:
    """Appends each event as a line, at once, so that a reader of a pipe sees it when it happens."""

    def __init__(self, target: str) -> None:
        """Open `target`, a file to append to or `-` for standard output.

        Raises:
            ConfigError: the file can't be written.
        """
        self._owned: TextIO | None = None
        if target != STANDARD_OUTPUT:
            self._owned = _open(Path(target))
        self._stream = self._owned or sys.stdout

    def write(self, event: Mapping[str, Any]) -> None:
        """Write one event.

        Raises:
            BrokenPipeError: the reader of the pipe has gone.
            OSError: the disk is full.
        """
        self._stream.write(encode(event) + "\n")
        self._stream.flush()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._owned:
            self._owned.close()


def _open(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigError("--events", [f"{path} can't be written: {error.strerror}"]) from error
