"""Any file that people have a network in, read as a `FloatNetwork` of channels-last pictures."""

from __future__ import annotations

from pathlib import Path

import keras
import network  # noqa: F401 - registers the layers of our own networks
from floatnetwork import FloatNetwork, of_keras
from refusal import SourceModelError


def read_network(source: Path) -> FloatNetwork:
    """Read a Keras 3 `.keras` file.

    Raises:
        SourceModelError: it is missing, damaged or of another kind.
        ShapeError: its input is not one picture, or its output not one row.
    """
    if not source.exists():
        raise SourceModelError(f"{source}: no such file")
    try:
        return of_keras(keras.models.load_model(source, compile=False))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceModelError(f"{source}: {' '.join(str(error).split())[:200]}") from error
