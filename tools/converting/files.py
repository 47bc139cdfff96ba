"""Several files written together: none takes its place before all are whole."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from networks.refusal import ExistsError, WriteError, writing


def refuse_existing(paths: Iterable[Path]) -> None:
    """Raise ExistsError when one of the files is there already."""
    if there := [str(path) for path in paths if path.exists()]:
        raise ExistsError(f"{', '.join(there)} exists: choose another --out, or --overwrite")


def refuse_own_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise ExistsError when a file would be written over one that is read."""
    read = {path.resolve() for path in inputs}
    if both := [str(path) for path in outputs if path.resolve() in read]:
        raise ExistsError(f"{', '.join(both)} is read and would be written: choose another --out")


def refuse_unwritable(folder: Path) -> None:
    """Raise WriteError for a folder that can't be made, or that nothing can be written in."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise WriteError(f"can't write in {folder}: {error.strerror or error}") from error


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files, replacing those of the same names, in this order, only when all are safely on the disk.

    Drafts that a killed process left of them are removed.

    Raises:
        WriteError: the disk is full or read-only, a folder can't be made; it says what was changed.
    """
    if folders := [str(path) for path in contents if path.is_dir()]:
        raise WriteError(f"can't write {', '.join(folders)}: a folder has that name")
    drafts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in contents}
    replaced: list[str] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            _write_through(drafts[path], content)
        for path, draft in drafts.items():
            draft.replace(path)
            replaced.append(str(path))
    except OSError as error:
        # A user knows nothing of drafts: the file is named that one stands for.
        named = {str(draft): path for path, draft in drafts.items()}
        where = named.get(str(error.filename), error.filename or next(iter(contents)))
        changed = (
            f"{', '.join(replaced)} was replaced already" if replaced else "nothing was changed"
        )
        raise WriteError(f"can't write {where}: {error.strerror or error}; {changed}") from error
    finally:
        for draft in drafts.values():
            # Without a folder there is no draft, and what is wrong was said already.
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove the drafts of a file that are of processes that run no more."""
    draft = re.compile(rf"\.{re.escape(path.name)}\.(\d{{1,9}})\.part")
    for other in path.parent.iterdir():
        if (found := draft.fullmatch(other.name)) and not _runs(int(found[1])):
            # One of another user stays: it is in nobody's way.
            with suppress(OSError):
                other.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's, and runs
    return True


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
