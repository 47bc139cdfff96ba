"""A trained network ready to be asked about faces: a .tflite file as the daemon runs it, or any Keras file."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edgeemo.classifier import TFLiteClassifier, load_interpreter, to_probabilities
from edgeemo.config import ModelConfig
from edgeemo.errors import ModelError
from edgeemo.preprocess import picture_input
from edgeemo.quant import Float, Quantization
from edgeemo.sidecar import Sidecar, sha256
from edgeemo.types import Picture
from networks.description import are_probabilities, describe, picture_shape, refuse_unfit
from networks.refusal import LabelsError, SourceModelError

BATCH = 256


@dataclass(frozen=True)
class Description:
    """What the user says of models that have no sidecar; None where nothing was said.

    `weights` and `backend` are of an old file that is read, sidecar or not.
    """

    labels: tuple[str, ...] | None = None
    value_range: tuple[float, float] | None = None
    standardize: bool = False
    channel_order: str | None = None
    weights: Path | None = None
    backend: str | None = None


@dataclass(frozen=True)
class Predictor:
    """A network, its sidecar, and how to run it.

    `infer` maps normalised inputs (n, height, width, channels) float32 to calibrated probabilities
    (n, labels) float32 that sum to 1.
    """

    name: str
    sidecar: Sidecar
    infer: Callable[[Float], Float]
    single_thread: bool = True
    """Whether `infer` works on one thread."""

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

    The sidecar beside it says how to feed it; where there is none, `description` does.

    Raises:
        SourceModelError: the file or its sidecar can't be read, or they do not fit each other.
        LabelsError: its labels are neither in a sidecar nor given, or not as many as its outputs.
        ModelError: of the others in `networks.refusal`, the one that fits.
    """
    is_told = not has_sidecar(path)
    if path.suffix != ".tflite":
        predictor = _keras(path, description)
    elif is_told:
        predictor = _bare_tflite(path, description)
    else:
        predictor = _classifier(path, path)
    return _blue_first(predictor) if is_told and description.channel_order == "bgr" else predictor


def has_sidecar(path: Path) -> bool:
    """Whether a NAME.json is beside a model that describes it.

    Not so what Keras saves of an architecture, nor beside a Keras file what describes the .tflite made of it.
    """
    try:
        told = json.loads(path.absolute().with_suffix(".json").read_bytes())
        if not isinstance(told, dict) or "class_name" in told:
            return False
        if path.suffix == ".tflite" or "sha256" not in told:
            return True
        return bool(told["sha256"] == sha256(path.read_bytes()))
    except OSError:
        return False
    except ValueError:
        return True  # a damaged one, which reading it will say


@contextmanager
def _as_a_tool_says_it() -> Iterator[None]:
    """What the daemon's own reader says against a model ends with the exit code that the tools have for it."""
    try:
        yield
    except ModelError as error:
        raise SourceModelError(str(error)) from error


def _blue_first(predictor: Predictor) -> Predictor:
    """A network for pictures with blue first, given red first; of grey ones the same."""
    return replace(predictor, infer=lambda inputs: predictor.infer(inputs[..., ::-1]))


def _bare_tflite(path: Path, description: Description) -> Predictor:
    with _as_a_tool_says_it():
        interpreter = load_interpreter(path, "auto", 1).interpreter
    feed, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = picture_shape(tuple(feed["shape"]))
    refuse_unfit(shape)
    told = _told(path, description, shape)
    interpreter.set_tensor(feed["index"], _noise(feed))
    interpreter.invoke()
    steps = Quantization.of(out)
    row = steps.dequantize(interpreter.get_tensor(out["index"]))
    _check_count(path, told, row.shape[-1])
    logits = not are_probabilities(row, steps.scale)
    told = told.model_copy(update={"logits": logits, "sha256": sha256(path.read_bytes())})
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        copy.with_suffix(".json").write_text(told.to_json(), encoding="utf-8")
        return _classifier(copy, path)


def _noise(feed: dict[str, Any]) -> NDArray[Any]:
    shares = np.random.default_rng(0).random(feed["shape"])
    if np.issubdtype(feed["dtype"], np.floating):
        return np.asarray(shares, feed["dtype"])
    limits = np.iinfo(feed["dtype"])
    return np.asarray(limits.min + shares * (limits.max - limits.min), feed["dtype"])


def _classifier(path: Path, shown: Path) -> Predictor:
    with _as_a_tool_says_it():
        classifier = TFLiteClassifier(ModelConfig(path=path))

    def infer(inputs: Float) -> Float:
        return np.array([classifier.infer(one).values for one in inputs], np.float32)

    return Predictor(str(shown), classifier.sidecar, infer)


def _keras(path: Path, description: Description) -> Predictor:
    # Keras brings TensorFlow, which takes seconds: only for those who need it.
    from networks.reading import read_network

    # Of two models, weights are those of the one that has none.
    weights = description.weights if path.suffix == ".json" else None
    network = read_network(path, weights, description.backend)
    if has_sidecar(path):
        with _as_a_tool_says_it():
            sidecar = Sidecar.beside(path)
    else:
        sidecar = _told(path, description, network.shape)
    _check_count(path, sidecar, network.outputs)

    def infer(inputs: Float) -> Float:
        outputs = network.predict(inputs)
        told = sidecar.model_copy(update={"logits": not are_probabilities(outputs)})
        return np.array([to_probabilities(row, told) for row in outputs], np.float32)

    return Predictor(str(path), sidecar, infer, single_thread=False)


def _check_count(path: Path, sidecar: Sidecar, outputs: int) -> None:
    if len(sidecar.labels) != outputs:
        raise LabelsError(f"{path} has {outputs} outputs but {len(sidecar.labels)} labels")


def _told(path: Path, description: Description, shape: tuple[int, int, int]) -> Sidecar:
    if description.labels is None:
        raise LabelsError(
            f"{path}: no sidecar of its own beside it; say its --labels, in order, and its --range"
        )
    return describe(
        description.labels,
        shape,
        name=path.stem,
        value_range=description.value_range or (0.0, 1.0),
        standardize=description.standardize,
    )
