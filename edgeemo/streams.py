"""A program's standard output and error: any text can be written, and that nothing can is seen in time."""

from __future__ import annotations

import codecs
import json
import os
import sys
from io import TextIOWrapper
from pathlib import Path

ANY_TEXT = "edgeemo.anytext"
"""What Python knows `_written` by."""


def prepare_streams() -> None:
    """Let whatever is said be written, in any encoding, also where standard error is closed."""
    if sys.stderr is None:
        # A file of its own, for the free number: a library's messages end here, not in what is opened next.
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open to the end
    codecs.register_error(ANY_TEXT, _written)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ANY_TEXT)


def is_output_stuck() -> bool:
    """Whether standard output holds what it can't write: the disk is full, or its reader has gone."""
    try:
        print(end="", flush=True)
    except OSError:
        return True
    return False


def give_up_output() -> None:
    """Drop what standard output holds: at its end Python would try once more, and say that it failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _written(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that can't be encoded, and where to go on.

    For part of a file's name that is not text its byte, as `ls` does; else an escape as of JSON, so
    that a program still reads what was meant.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    try:
        written: str | bytes = character.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        written = json.dumps(character).strip('"')
    return written, error.start + 1
