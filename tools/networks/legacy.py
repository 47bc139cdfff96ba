"""Models of Keras 1 and 2: an .h5 or .keras with everything, or an architecture .json with a weights .h5."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py

from networks.architecture import Architecture
from networks.channels import ReadModel, arranged
from networks.refusal import SourceModelError
from networks.theano import as_theano
from networks.weights import WeightFile

KERAS3_GROUP = "layers"
"""What the weight files of Keras 3 hold in place of Keras 2's list of layers."""


def read_h5(path: Path, backend: str | None = None) -> ReadModel:
    """A whole model from an .h5 or .hdf5 file; its optimizer and loss are not looked at.

    `backend` overrules what the file says or suggests of the backend it was trained on.

    Raises:
        SourceModelError: it is damaged or holds weights only.
        UnsupportedLayerError: it holds a layer that can't be carried over.
    """
    with h5py.File(path) as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise SourceModelError(
                f"{path} holds weights without the architecture: give its .json as SOURCE and this as --weights"
            )
        version = _text(file.attrs.get("keras_version", ""))
        architecture = Architecture.parse(_text(text), str(path), version)
        return _assemble(architecture, WeightFile.read(file), backend)


def read_json(path: Path, weights: Path, backend: str | None = None) -> ReadModel:
    """A model from its architecture and the .h5 of its weights; otherwise as `read_h5`."""
    architecture = Architecture.parse(path.read_text(encoding="utf-8"), str(path))
    with h5py.File(weights) as file:
        if KERAS3_GROUP not in file:
            return _assemble(architecture, WeightFile.read(file), backend)
    if backend is not None:
        raise SourceModelError(
            f"{weights} is of Keras 3, and --backend is for files of Keras 1 and 2: leave it out"
        )
    return _loaded(architecture, weights)


def read_zip(path: Path, version: str) -> ReadModel:
    """A whole model from a .keras file of this version of Keras 2; otherwise as `read_h5`."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    return _loaded(Architecture.parse(text, str(path), version), path)


def _loaded(architecture: Architecture, weights: Path) -> ReadModel:
    """With weights that Keras 3 can find its way in: they lie by the place of each layer in the model."""
    model = architecture.build()
    model.load_weights(weights)
    return arranged(model)


def _assemble(architecture: Architecture, weights: WeightFile, forced: str | None) -> ReadModel:
    built = architecture.build()
    weights.load_into(built, architecture.keras1)
    model, notes = arranged(built)
    if architecture.keras1:
        notes = (
            f"Keras {architecture.version or 1} names and kernels turned into Keras 3's",
            *notes,
        )
    if (forced or weights.backend or architecture.backend or weights.likely_backend) != "theano":
        return model, notes
    return as_theano(model), (*notes, "trained on Theano: kernels turned by 180 degrees")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
