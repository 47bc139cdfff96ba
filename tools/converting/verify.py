"""Whether the result runs where it will have to, and computes the same there."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from converting import run_tflite
from edgeemo.quant import Float, Quantization
from networks.refusal import RuntimeMismatchError

# Runtimes round differently, and deep networks add it up: up to 1.3 steps of 256 on average, 20 at
# most, were seen between LiteRT and tflite-runtime on networks that are equally often right on both.
TOLERANCE_STEPS = 4.0
TIMEOUT_S = 300


class Int8Model:
    """A .tflite file run by LiteRT with its quantisation applied: float in, float out."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        interpreter = Interpreter(model_content=content)
        self._input = Quantization.of(interpreter.get_input_details()[0])
        self._output = Quantization.of(interpreter.get_output_details()[0])
        self._runtime = next(r for r in run_tflite.runtimes() if r.package == "ai-edge-litert")

    def quantize(self, inputs: Float) -> NDArray[Any]:
        """The raw values that the model is fed for float32 inputs."""
        return self._input.quantize(inputs)

    def predict(self, inputs: Float) -> Float:
        """The (n, outputs) float32 outputs for (n, height, width, channels) float32 inputs."""
        return self._output.dequantize(self._runtime.run(self.content, self.quantize(inputs)))


class Checked(NamedTuple):
    """Names of the runtimes that ran a model, and of those that can't run any here."""

    passed: tuple[str, ...]
    unusable: tuple[str, ...]


def verify(model: Int8Model, inputs: Float, pythons: Sequence[Path]) -> Checked:
    """Run a model on every runtime here and in other Pythons.

    Raises:
        RuntimeMismatchError: a runtime can't run it or differs from LiteRT beyond rounding.
    """
    raw = model.quantize(inputs)
    here = {runtime.name: _run(runtime, model.content, raw) for runtime in run_tflite.runtimes()}
    elsewhere = dict(_run_elsewhere(python, model.content, raw) for python in pythons)
    found = {name: rows for name, rows in (here | elsewhere).items() if rows is not None}
    reference, *_ = found.values()
    for name, outputs in found.items():
        _compare(name, outputs, reference)
    return Checked(tuple(found), tuple(here.keys() - found.keys()))


def refuse_mute(python: Path) -> None:
    """Raise RuntimeMismatchError for a Python that can't be called, or has no numpy."""
    _call([str(python), "-c", "import numpy"])


def _run(runtime: run_tflite.Runtime, model: bytes, raw: NDArray[Any]) -> NDArray[Any] | None:
    """The raw outputs; None when the runtime was built for another numpy."""
    try:
        return runtime.run(model, raw)
    except (SystemError, AttributeError, ImportError):
        return None
    except (RuntimeError, ValueError) as error:
        raise RuntimeMismatchError(f"{runtime.name} can't run the result: {error}") from error


def _run_elsewhere(python: Path, model: bytes, raw: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    with tempfile.TemporaryDirectory() as folder:
        model_path, inputs, outputs = (
            Path(folder, name) for name in ("m.tflite", "in.npy", "out.npy")
        )
        model_path.write_bytes(model)
        np.save(inputs, raw)
        name = _call([str(python), run_tflite.__file__, *map(str, (model_path, inputs, outputs))])
        return name, np.load(outputs)


def _call(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeMismatchError(f"the result does not run with {command[0]}: {last}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeMismatchError(f"can't check with {command[0]}: {error}") from error
    return done.stdout.strip()


def _compare(name: str, outputs: NDArray[Any], reference: NDArray[Any]) -> None:
    steps = float(np.abs(outputs.astype(int) - reference.astype(int)).mean())
    if steps > TOLERANCE_STEPS:
        raise RuntimeMismatchError(
            f"{name} computes something else than LiteRT: {steps:.0f} of 256 steps apart on average"
        )
