"""A folder of clips of which it is known where the faces are: its faces.json says it.

That is an object with a list for each file name, in which each frame has the list of the faces in
it, [x, y, w, h] in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edgeemo.errors import InputError
from edgeemo.sources.file import FileSource
from edgeemo.sources.source import frames
from edgeemo.types import Box, Frame

FILE = "faces.json"
Truth = Sequence[Sequence[Box]]
"""The faces in a clip, frame by frame."""
_LAYOUT = TypeAdapter(dict[str, list[list[tuple[float, float, float, float]]]])


def truths(folder: Path) -> dict[str, Truth]:
    """By file name, the faces of every clip that a folder's faces.json names.

    Raises:
        InputError: there is none, or it is laid out otherwise.
    """
    path = folder / FILE
    try:
        known = _LAYOUT.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ": ".join([str(path), *map(str, first["loc"][:2])])
        raise InputError(
            f"{where}: {first['msg']}; needed: for each file a list, frame by frame, of boxes [x, y, w, h]"
        ) from error
    return {name: [[Box(*box) for box in frame] for frame in clip] for name, clip in known.items()}


def watched(folder: Path, name: str, known: Mapping[str, Truth]) -> tuple[list[Frame], Truth]:
    """All frames of a clip, and the faces in each of them.

    Raises:
        InputError: the clip can't be read, or `known` is not of it.
    """
    clip = folder / name
    if name not in known:
        raise InputError(f"{folder / FILE} does not name {name}")
    seen, truth = list(frames(FileSource(clip))), known[name]
    if len(seen) != len(truth):
        raise InputError(f"{clip} has {len(seen)} frames, {folder / FILE} knows {len(truth)}")
    return seen, truth
