"""The classifier on real networks that tell bright pictures from dark ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.classifier import RUNTIMES, TFLiteClassifier, load_interpreter, to_probabilities
from edgeemo.config import ModelConfig
from edgeemo.errors import ModelError, RuntimeMissingError
from edgeemo.sidecar import Sidecar, sha256
from edgeemo.types import Box

MODELS = Path(__file__).resolve().parent / "models"
NAMES = ("brightness", "brightness-logits", "brightness-float")
TOLERANCE = 7 / 256
"""By how much int8 outputs of different runtimes and machines may differ."""


def softmax_of_level(level: float) -> float:
    """The probability of `bright` that the test networks are made to give."""
    return float(1 / (1 + np.exp(-2 * 6.0 * (level - 0.5))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0, 90, 128, 150, 255])
def test_classifier_gives_the_probabilities_of_the_network(name: str, level: int) -> None:
    """Whatever the tensors' types, and with or without a softmax inside, the scores are the same."""
    classifier = TFLiteClassifier(ModelConfig(path=MODELS / f"{name}.tflite"))
    picture = np.full((60, 80, 3), level, np.uint8)
    (scores,) = classifier.classify(picture, [(Box(10, 10, 40, 40), 0.0)])
    assert scores.labels == ("dark", "bright")
    assert scores.as_dict()["bright"] == pytest.approx(softmax_of_level(level / 255), abs=TOLERANCE)


def test_classifier_scores_each_face_by_what_is_in_its_box() -> None:
    """Faces are told apart by their boxes, and come back in the order in which they were given."""
    classifier = TFLiteClassifier(ModelConfig(path=MODELS / "brightness.tflite"))
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 100:] = 255
    faces = [(Box(20, 20, 50, 50), 0.0), (Box(130, 20, 50, 50), 15.0), (Box(10, 30, 50, 50), 0.0)]
    assert [s.best[0] for s in classifier.classify(picture, faces)] == ["dark", "bright", "dark"]


def test_classifier_of_no_faces_gives_no_scores() -> None:
    """An empty list in, an empty list out."""
    classifier = TFLiteClassifier(ModelConfig(path=MODELS / "brightness.tflite"))
    assert classifier.classify(np.zeros((10, 10, 3), np.uint8), []) == []


def test_classifier_takes_its_labels_from_the_sidecar() -> None:
    """The labels are those of the sidecar, in its order."""
    classifier = TFLiteClassifier(ModelConfig(path=MODELS / "brightness.tflite"))
    assert classifier.labels == ("dark", "bright")


@pytest.mark.parametrize("logits", [True, False])
def test_to_probabilities_softens_by_the_temperature(logits: bool) -> None:
    """Temperature 2 halves the difference of the logits, be they outputs or logarithms of them."""
    sidecar = Sidecar.beside(MODELS / "brightness.tflite")
    outputs = np.array([0.0, 4.0], np.float32)
    if not logits:
        outputs = np.exp(outputs) / np.exp(outputs).sum()
    warm = sidecar.model_copy(update={"logits": logits, "temperature": 2.0})
    expected = 1 / (1 + np.exp(-2.0))
    assert to_probabilities(outputs, warm) == pytest.approx((1 - expected, expected), abs=1e-5)


def test_to_probabilities_bears_a_probability_of_nothing() -> None:
    """An int8 output of exactly 0 has no logarithm; the result still sums to 1."""
    sidecar = Sidecar.beside(MODELS / "brightness.tflite")
    values = to_probabilities(np.array([0.0, 0.99609375], np.float32), sidecar)
    assert sum(values) == pytest.approx(1.0)
    assert values == pytest.approx((0.0, 1.0), abs=1e-6)


def _copy(folder: Path, changes: dict[str, Any] | None = None) -> Path:
    """A model in a folder of its own, its sidecar changed."""
    for suffix in (".tflite", ".json"):
        shutil.copy(MODELS / f"brightness{suffix}", folder)
    path = folder / "brightness.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | (changes or {})))
    return folder / "brightness.tflite"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 48, "height": 48}, "its input has the shape (1, 12, 16, 1)"),
        ({"width": 12, "height": 16}, "its sidecar says (1, 16, 12, 1)"),
        ({"channels": 3}, "its sidecar says (1, 12, 16, 3)"),
        ({"labels": ["a", "b", "c"]}, "its output has the shape (1, 2)"),
    ],
)
def test_classifier_refuses_a_network_that_does_not_fit_its_sidecar(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """Shape, channels and the number of labels are held against the tensors."""
    path = _copy(tmp_path, changes)
    with pytest.raises(ModelError) as caught:
        TFLiteClassifier(ModelConfig(path=path))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def _replace(path: Path, content: bytes) -> None:
    """Put other content into a model file, and its digest into the sidecar."""
    path.write_bytes(content)
    sidecar = path.with_suffix(".json")
    fields = json.loads(sidecar.read_text()) | {"sha256": sha256(content)}
    sidecar.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>404: not found</html>", "is not a TFLite model"),
        (b"", "is not a TFLite model"),
    ],
)
def test_classifier_refuses_what_is_no_model(tmp_path: Path, content: bytes, says: str) -> None:
    """A download that went wrong is called that."""
    path = _copy(tmp_path)
    _replace(path, content)
    with pytest.raises(ModelError, match=says):
        TFLiteClassifier(ModelConfig(path=path))


def test_classifier_refuses_half_a_model(tmp_path: Path) -> None:
    """A model that was cut short is not what its sidecar describes."""
    path = _copy(tmp_path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ModelError, match=r"is not the file that brightness\.json describes"):
        TFLiteClassifier(ModelConfig(path=path))


def test_classifier_says_in_one_line_that_a_model_does_not_run(tmp_path: Path) -> None:
    """A model that was broken before its sidecar was written is refused by the runtime."""
    if not _works("litert"):
        pytest.skip("tflite-runtime 2.14 does not verify models: it crashes, or takes them")
    path = _copy(tmp_path)
    _replace(path, path.read_bytes()[:600])
    with pytest.raises(ModelError) as caught:
        TFLiteClassifier(ModelConfig(path=path))
    assert "does not run (litert: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_interpreter_prefers_litert_and_takes_what_works() -> None:
    """`auto` gives the first runtime that builds an interpreter here, litert before the older one."""
    preferred = ("litert", "tflite-runtime")
    assert tuple(RUNTIMES) == preferred
    working = [name for name in preferred if _works(name)]
    loaded = load_interpreter(MODELS / "brightness.tflite", "auto", 1)
    assert loaded.runtime == working[0]


def test_load_interpreter_takes_the_runtime_asked_for_or_says_why_not() -> None:
    """A runtime that is not here is not replaced by another behind the user's back."""
    for name in RUNTIMES:
        if _works(name):
            assert load_interpreter(MODELS / "brightness.tflite", name, 1).runtime == name
        else:
            with pytest.raises(RuntimeMissingError, match=f"no TFLite runtime works here.*{name}"):
                load_interpreter(MODELS / "brightness.tflite", name, 1)


def _works(runtime: str) -> bool:
    try:
        load_interpreter(MODELS / "brightness.tflite", runtime, 1)
    except RuntimeMissingError:
        return False
    return True
