"""TensorFlow's native libraries kept from writing over a tool's own output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from edgeemo.errors import EdgeemoError

STDERR = 2


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what is written to the process's stderr; it is shown only when a bug ends the body.

    Works on the file descriptor, since native code does not go through Python's logging.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except EdgeemoError:
            raise
        except Exception:
            os.dup2(kept, STDERR)
            held.seek(0)
            os.write(STDERR, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, STDERR)
            os.close(kept)
