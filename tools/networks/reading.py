"""Any file that people have a network in, read as a `FloatNetwork` of channels-last pictures."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from edgeemo.errors import EdgeemoError
from networks import fused, legacy, savedmodel  # noqa: F401 - `fused` is registered by being imported
from networks.architecture import refuse_unknown
from networks.channels import arranged
from networks.floatnetwork import FloatNetwork, of_keras
from networks.keras2 import is_older
from networks.precision import in_float32
from networks.refusal import SourceModelError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK"
KINDS = ".keras, .h5 or .hdf5, .json with --weights, or the folder of a SavedModel"
REASON_LENGTH = 200
CAUSE = "Exception encountered:"
"""What Keras writes before the cause of an error, and after all the configuration that it concerns."""
# What Keras, h5py and TensorFlow raise for files that are cut off, altered or of another kind.
DAMAGE = (
    OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError,
    AssertionError, zipfile.BadZipFile, tf.errors.OpError,
)  # fmt: skip


def read_network(
    source: Path, weights: Path | None = None, backend: str | None = None
) -> FloatNetwork:
    """Read a model file of any kind that `KINDS` names, told apart by what is in it.

    `backend` overrules the backend that an old file says or suggests it was trained on.

    Raises:
        SourceModelError: it is missing, damaged or of another kind, or has no use for weights or backend.
        UnsupportedLayerError: it holds a layer that can't be carried over.
        ShapeError: its input is not one picture, or its output not one row.
        NotEqualError: making it channels-last went wrong.
    """
    for path in filter(None, (source, weights)):
        if not path.exists():
            raise SourceModelError(f"{path}: no such file")
    try:
        return _read(source, weights, backend)
    except EdgeemoError:
        raise
    except DAMAGE as error:
        raise SourceModelError(f"can't read {source}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The cause of an error, in one line."""
    cause = str(error).rpartition(CAUSE)[2]
    return " ".join(cause.split())[:REASON_LENGTH]


def _read(source: Path, weights: Path | None, backend: str | None) -> FloatNetwork:
    if source.is_dir():
        _refuse_unused(source, weights, backend)
        return savedmodel.read(source)
    with source.open("rb") as file:
        signature = file.read(len(HDF5_SIGNATURE))
    if signature == HDF5_SIGNATURE:
        _refuse_unused(source, weights)
        return of_keras(*legacy.read_h5(source, backend))
    if signature.startswith(ZIP_SIGNATURE):
        _refuse_unused(source, weights, backend)
        return _read_zip(source)
    if source.suffix != ".json":
        raise SourceModelError(f"{source}: not a model file; allowed: {KINDS}")
    if weights is None:
        raise SourceModelError(
            f"{source} is the architecture only; give the weights with --weights"
        )
    return of_keras(*legacy.read_json(source, weights, backend))


def _refuse_unused(source: Path, weights: Path | None, backend: str | None = None) -> None:
    if weights is not None:
        raise SourceModelError(
            f"{source} is no architecture (.json), which --weights is for: leave it out"
        )
    if backend is not None:
        raise SourceModelError(
            f"{source} is no file of Keras 1 or 2, which --backend is for: leave it out"
        )


def _read_zip(path: Path) -> FloatNetwork:
    with zipfile.ZipFile(path) as archive:
        root = json.loads(archive.read("config.json"))
        version = json.loads(archive.read("metadata.json"))["keras_version"]
    if is_older(version, root):
        return of_keras(*legacy.read_zip(path, version))
    for layer in _layers(root):
        refuse_unknown(layer["class_name"], layer)
    return of_keras(*arranged(in_float32(keras.models.load_model(path, compile=False))))


def _layers(model: dict[str, Any]) -> list[dict[str, Any]]:
    inner = model["config"].get("layers", [])
    return [layer for child in inner for layer in (_layers(child) or [child])]
