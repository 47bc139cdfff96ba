"""A trained network ready to be asked about faces: a .tflite file as the daemon runs it, or any Keras file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edgeemo.classifier import TFLiteClassifier, to_probabilities
from edgeemo.config import ModelConfig
from edgeemo.errors import ModelError
from edgeemo.preprocess import picture_input
from edgeemo.quant import Float
from edgeemo.sidecar import Sidecar, sha256
from edgeemo.types import Picture

BATCH = 256


@dataclass(frozen=True)
class Description:
    """What the user says of a model that has no sidecar; None where nothing was said."""

    labels: tuple[str, ...] | None = None
    value_range: tuple[float, float] | None = None
    standardize: bool = False
    weights: Path | None = None


@dataclass(frozen=True)
class Predictor:
    """A network, its sidecar, and how to run it.

    `infer` maps normalised inputs (n, height, width, channels) float32 to calibrated probabilities
    (n, labels) float32 that sum to 1.
    """

    name: str
    sidecar: Sidecar
    infer: Callable[[Float], Float]

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the outputs."""
        return self.sidecar.labels

    def predict(self, pictures: Sequence[Picture]) -> Float:
        """Probabilities (n, labels) for uint8 pictures of any size, grey or blue-green-red."""
        rows = []
        with tqdm(total=len(pictures), desc=self.name, unit="face", disable=None) as bar:
            for start in range(0, len(pictures), BATCH):
                part = pictures[start : start + BATCH]
                rows.append(self.infer(self.inputs(part)))
                bar.update(len(part))
        return np.concatenate(rows)

    def inputs(self, pictures: Sequence[Picture]) -> Float:
        """Pictures as the network's inputs (n, height, width, channels)."""
        return np.stack([picture_input(picture, self.sidecar) for picture in pictures])


def load_predictor(path: Path, description: Description) -> Predictor:
    """Load a model file of any kind.

    The sidecar beside it says how to feed it; what `description` says goes before.

    Raises:
        ModelError: the file can't be loaded, or its labels are neither in a sidecar nor given.
    """
    if path.suffix == ".tflite":
        return _tflite(path, description)
    return _keras(path, description)


def _tflite(path: Path, description: Description) -> Predictor:
    if description.labels is None:
        return _classifier(path, path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        shutil.copy(path, copy)
        sidecar = _told(path, description, _tflite_shape(path), sha256(path.read_bytes()))
        copy.with_suffix(".json").write_text(sidecar.to_json(), encoding="utf-8")
        return _classifier(copy, path)


def _classifier(path: Path, shown: Path) -> Predictor:
    classifier = TFLiteClassifier(ModelConfig(path=path))

    def infer(inputs: Float) -> Float:
        return np.array([classifier.infer(one).values for one in inputs], np.float32)

    return Predictor(str(shown), classifier.sidecar, infer)


def _tflite_shape(path: Path) -> tuple[int, int, int]:
    from edgeemo.classifier import load_interpreter

    details = load_interpreter(path, "auto", 1).interpreter.get_input_details()[0]
    _, height, width, channels = (int(side) for side in details["shape"])
    return height, width, channels


def _keras(path: Path, description: Description) -> Predictor:
    # Keras brings TensorFlow, which takes seconds: only for those who need it.
    from networks.floatnetwork import are_probabilities
    from networks.reading import read_network

    network = read_network(path, description.weights)
    if description.labels is None:
        sidecar = _beside(path)
    else:
        sidecar = _told(path, description, network.shape, "0" * 64)
    if len(sidecar.labels) != network.outputs:
        raise ModelError(f"{path} has {network.outputs} outputs but {len(sidecar.labels)} labels")

    def infer(inputs: Float) -> Float:
        outputs = network.predict(inputs)
        told = sidecar.model_copy(update={"logits": not are_probabilities(outputs)})
        return np.array([to_probabilities(row, told) for row in outputs], np.float32)

    return Predictor(str(path), sidecar, infer)


def _beside(path: Path) -> Sidecar:
    if not path.with_suffix(".json").is_file():
        raise ModelError(
            f"{path}: no sidecar beside it; say its --labels, in order, and its --range"
        )
    return Sidecar.beside(path)


def _told(
    path: Path, description: Description, shape: tuple[int, int, int], digest: str
) -> Sidecar:
    height, width, channels = shape
    return Sidecar(
        name=path.stem,
        labels=description.labels or (),
        width=width,
        height=height,
        channels=channels,
        value_range=description.value_range or (0.0, 1.0),
        standardize=description.standardize,
        sha256=digest,
    )
