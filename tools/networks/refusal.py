"""What the tools refuse, one class and one exit code for each cause.

Every message is one line: what is wrong, where, how to mend it. Pictures that can't be read are
`edgeemo.errors.InputError` (4), a wrong command line is click's (2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeemo.errors import EdgeemoError, ModelError


class SourceModelError(ModelError):
    """A network's file is missing, damaged, or no network that tools here can read."""

    exit_code = 10


class UnsupportedLayerError(ModelError):
    """The network holds a layer that can't be read, rearranged or run as int8."""

    exit_code = 11


class LabelsError(ModelError):
    """The labels are missing, more or fewer than the outputs, or not ones that a sidecar may hold."""

    exit_code = 12


class ShapeError(ModelError):
    """The input is not one picture of a fixed size, grey or red-green-blue, in floats, or the output no row of labels."""

    exit_code = 13


class PicturesError(EdgeemoError):
    """The pictures are too few, of the wrong labels, or unlabelled where labels are needed."""

    exit_code = 14


class AccuracyLossError(EdgeemoError):
    """The int8 network is worse than its source by more than was allowed."""

    exit_code = 15


class ExistsError(EdgeemoError, FileExistsError):
    """A file that would be written is there already."""

    exit_code = 16


class WriteError(EdgeemoError, OSError):
    """The results can't be written: the disk is full or read-only, the folder is missing."""

    exit_code = 17


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """What the system says against writing at or below a place becomes a WriteError that names the file."""
    try:
        yield
    except (EdgeemoError, BrokenPipeError):  # the pipe is standard output's: who read it has gone
        raise
    except OSError as error:
        where = error.filename or place
        raise WriteError(f"can't write {where}: {error.strerror or error}") from error


class RuntimeMismatchError(ModelError):
    """A runtime can't run the result, or computes something else with it."""

    exit_code = 18


class NotEqualError(ModelError):
    """The rearranged network does not compute what its source computes."""

    exit_code = 19


class NumbersError(ModelError):
    """The network's answers are not finite numbers."""

    exit_code = 20
