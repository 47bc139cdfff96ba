"""A state directory belongs to one daemon at a time: of two with one outbox, one would lose its events."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgeemo.errors import InUseError

logger = logging.getLogger(__name__)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a folder, made if need be, to this process for the length of a block.

    What is locked is the folder itself: that leaves no file behind, holds on a read-only disk too,
    and goes with the process, whatever ends it. Where it can't be done the block runs all the same.

    Raises:
        InUseError: another daemon has it.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(
                f"another edgeemo works in {folder}: give each its own `state_dir`"
            ) from error
        except OSError as error:
            logger.warning("another edgeemo with this `state_dir` would not be noticed: %s", error)
        yield
