"""The network that a finished run left, for another run to begin with or to learn from."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import keras

from edgeemo.errors import InputError

# What Keras and h5py raise for files that are cut off, altered or of another kind.
DAMAGE = (
    OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, EOFError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def finished_network(path: Path) -> keras.Model:
    """The network of a Keras 3 file, whose outputs are a dictionary by head.

    Raises:
        InputError: the file is missing, damaged or of another kind, or its network has no heads by name.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        network = keras.models.load_model(path, compile=False)
    except DAMAGE as error:
        raise InputError(
            f"{path}: not a Keras 3 network, or damaged: give the network.keras of a finished run"
        ) from error
    if not isinstance(network.output, dict):
        raise InputError(f"{path}: has no heads by name; give the network.keras of a finished run")
    return network
