"""The description that travels with a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.errors import ModelError
from edgeemo.sidecar import Sidecar, sha256

CONTENT = b"a network"


def fields(**changed: Any) -> dict[str, Any]:
    """A valid sidecar of CONTENT, with changes."""
    return {
        "name": "t",
        "labels": ["happy", "sad"],
        "width": 48,
        "height": 48,
        "channels": 1,
        "sha256": sha256(CONTENT),
        **changed,
    }


def write(folder: Path, text: str) -> Path:
    """A model with this text as its sidecar; returns the model's path."""
    model = folder / "t.tflite"
    model.write_bytes(CONTENT)
    model.with_suffix(".json").write_text(text)
    return model


def refusal(model: Path) -> str:
    """What is said of a model that can't be used."""
    with pytest.raises(ModelError) as raised:
        Sidecar.beside(model)
    return str(raised.value)


def test_beside_reads_what_was_written(tmp_path: Path) -> None:
    """A sidecar comes back as it was written."""
    sidecar = Sidecar(**fields(accuracy=[{"data": "d", "n": 9, "float": 0.7, "int8": 0.69}]))
    assert Sidecar.beside(write(tmp_path, sidecar.to_json())) == sidecar


def test_beside_names_a_missing_file(tmp_path: Path) -> None:
    """A model is two files; which one is missing is said."""
    model = write(tmp_path, "")
    model.with_suffix(".json").unlink()
    assert f"can't read the sidecar {model.with_suffix('.json')}" in refusal(model)
    write(tmp_path, json.dumps(fields())).unlink()
    assert f"can't read the model {model}" in refusal(model)


def test_beside_refuses_files_that_do_not_belong_together(tmp_path: Path) -> None:
    """One of the two was copied without the other."""
    model = write(tmp_path, json.dumps(fields(sha256="0" * 64)))
    assert "is not the file that t.json describes" in refusal(model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": 2}, "channels is 2; allowed: 1 (grey), 3 (colour)"),
        ({"labels": ["happy", "happy"]}, "labels: one stands twice"),
        ({"labels": ["happy", "uncertain"]}, "labels: uncertain is reserved"),
        ({"labels": ["Happy!", "sad"]}, "labels.0: "),
        ({"value_range": [1, 0]}, "value_range: the first must be less"),
        ({"extra": 1}, "extra: "),
        ({"format": 2}, "format: "),
    ],
)
def test_beside_names_what_is_wrong(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """An invalid sidecar is refused in one line that says what and how to mend it."""
    message = refusal(write(tmp_path, json.dumps(fields(**change))))
    assert said in message
    assert "\n" not in message
    assert "tools/convert.py" in message


@given(st.text(max_size=80) | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_beside_refuses_rubbish_in_one_line(tmp_path_factory: Any, text: str) -> None:
    """Whatever the file holds, the answer is one ModelError."""
    folder = tmp_path_factory.mktemp("model")
    model = folder / "t.tflite"
    model.write_bytes(CONTENT)
    model.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "\n" not in refusal(model)
