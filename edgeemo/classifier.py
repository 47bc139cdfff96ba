"""From a face to the probabilities of its expression, by a TFLite network."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeemo.config import ModelConfig
from edgeemo.errors import ModelError, RuntimeMissingError
from edgeemo.preprocess import face_input
from edgeemo.quant import Float, Quantization
from edgeemo.sidecar import Sidecar
from edgeemo.types import Box, Picture, Scores

Runtime = Literal["litert", "tflite-runtime"]

RUNTIMES: dict[Runtime, str] = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""The module of each runtime's Interpreter, the preferred one first."""

MAGIC = b"TFL3"
"""File identifier of a TFLite flatbuffer, at bytes 4 to 7."""
DTYPES = ("int8", "uint8", "float32")
STDERR = 2
"""Standard error's file descriptor."""
TINY = np.float32(1e-7)
"""Keeps the logarithm of a probability finite; below the resolution of any int8 output."""


class Interpreter(Protocol):
    """The part of a TFLite interpreter that is used here; the same in both runtimes."""

    def allocate_tensors(self) -> None:
        """Prepare the memory for all tensors."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Index, shape, dtype and quantization of each input."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of each output."""

    def set_tensor(self, index: int, value: NDArray[Any]) -> None:
        """Copy a value into an input."""

    def get_tensor(self, index: int) -> NDArray[Any]:
        """A copy of an output's value."""

    def invoke(self) -> None:
        """Run the network."""


class Loaded(NamedTuple):
    """An interpreter that has worked once, and which runtime it is of."""

    interpreter: Interpreter
    runtime: Runtime


class TFLiteClassifier:
    """A network and its sidecar, checked against each other."""

    def __init__(self, config: ModelConfig) -> None:
        """Load both files of the model.

        Raises:
            ModelError: one is missing or damaged, or they do not fit each other.
            RuntimeMissingError: no TFLite runtime works here.
        """
        self.sidecar = Sidecar.beside(config.path)
        self._interpreter, self.runtime = load_interpreter(
            config.path, config.runtime, config.threads
        )
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        check_tensors(config.path, self.sidecar, self._interpreter)
        self._in = Quantization.of(self._input)
        self._out = Quantization.of(self._output)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the network tells apart, in the order of its outputs."""
        return self.sidecar.labels

    def classify(self, picture: Picture, faces: Iterable[tuple[Box, float]]) -> list[Scores]:
        """The scores of each face, given as its box in pixels of `picture` and its tilt in degrees."""
        return [self.infer(face_input(picture, box, self.sidecar, angle)) for box, angle in faces]

    def infer(self, pixels: Float) -> Scores:
        """The scores of one input: float32 (height, width, channels), normalised."""
        self._interpreter.set_tensor(self._input["index"], self._in.quantize(pixels[np.newaxis]))
        self._interpreter.invoke()
        outputs = self._out.dequantize(self._interpreter.get_tensor(self._output["index"])[0])
        return Scores(self.labels, to_probabilities(outputs, self.sidecar))


def to_probabilities(outputs: Float, sidecar: Sidecar) -> tuple[float, ...]:
    """A network's outputs as probabilities that sum to 1.

    Logits are divided by the sidecar's temperature and put through a softmax (Guo et al. 2017,
    "On Calibration of Modern Neural Networks"); probabilities likewise by way of their logarithms.
    """
    logits = outputs if sidecar.logits else np.log(np.maximum(outputs, TINY))
    powers = np.exp((logits - logits.max()) / np.float32(sidecar.temperature))
    return tuple((powers / powers.sum()).tolist())


def load_interpreter(path: Path, runtime: str, threads: int) -> Loaded:
    """An interpreter of the model at `path`, invoked once so that it is known to work.

    Args:
        path: the .tflite file.
        runtime: one of RUNTIMES, or `auto` for the first that works.
        threads: for the network's arithmetic.

    Raises:
        ModelError: the file can't be read, is no TFLite model, or no runtime accepts it.
        RuntimeMissingError: no runtime is installed, or none of them can build any interpreter.
    """
    content = _read_model(path)
    wanted = [r for r in RUNTIMES if runtime in ("auto", r)]
    failures: dict[Runtime, Exception] = {}
    for name in wanted:
        try:
            with _without_chatter():
                return Loaded(_build(RUNTIMES[name], content, threads), name)
        # A runtime fails to import (absent, or its library does not load), or imports and fails to
        # build (tflite-runtime under numpy 2), or refuses the model; the causes are told below.
        except (ImportError, AttributeError, ValueError, RuntimeError, SystemError) as error:
            failures[name] = error
    raise _explain(path, failures)


def _read_model(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't read the model {path}: {error.strerror or error}") from error
    if content[4:8] != MAGIC:
        raise ModelError(
            f"{path} is not a TFLite model: copy it again, or make it with tools/convert.py"
        )
    return content


def _build(module: str, content: bytes, threads: int) -> Interpreter:
    make: Callable[..., Interpreter] = importlib.import_module(module).Interpreter
    interpreter = make(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
    interpreter.invoke()
    return interpreter


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep the runtime's `INFO:` lines, which it writes past Python, out of the log; pass on the rest."""
    stderr = os.dup(STDERR)
    said = os.memfd_create("stderr")
    os.dup2(said, STDERR)
    try:
        yield
    finally:
        os.dup2(stderr, STDERR)
        os.lseek(said, 0, os.SEEK_SET)
        with os.fdopen(said, "rb") as lines, os.fdopen(stderr, "wb") as out:
            out.writelines(line for line in lines if not line.startswith(b"INFO:"))


def _explain(path: Path, failures: dict[Runtime, Exception]) -> ModelError | RuntimeMissingError:
    told = "; ".join(f"{name}: {_first_line(error)}" for name, error in failures.items())
    # Only a runtime that works otherwise says ValueError or RuntimeError: then it is the model.
    if any(isinstance(error, ValueError | RuntimeError) for error in failures.values()):
        return ModelError(f"{path} does not run ({told})")
    return RuntimeMissingError(
        f"no TFLite runtime works here ({told}): pip install ai-edge-litert, or on 32-bit "
        f"'tflite-runtime==2.14.0' with 'numpy<2'"
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def check_tensors(path: Path, sidecar: Sidecar, interpreter: Interpreter) -> None:
    """Hold the network's input and output against the sidecar.

    Raises:
        ModelError: naming the first difference and both values.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    expected = (1, sidecar.height, sidecar.width, sidecar.channels)
    for what, tensors, shape in (
        ("input", inputs, expected),
        ("output", outputs, (1, len(sidecar.labels))),
    ):
        if len(tensors) != 1:
            raise ModelError(f"{path} has {len(tensors)} {what}s, not one")
        found = tuple(int(n) for n in tensors[0]["shape"])
        if found != shape:
            raise ModelError(
                f"{path}: its {what} has the shape {found}, but its sidecar says {shape}: "
                f"the two files do not belong together"
            )
        _check_dtype(path, what, Quantization.of(tensors[0]))


def _check_dtype(path: Path, what: str, quantization: Quantization) -> None:
    name = quantization.dtype.name
    if name not in DTYPES:
        raise ModelError(f"{path}: its {what} is {name}; allowed: {', '.join(DTYPES)}")
    if name != "float32" and not quantization.is_integer:
        raise ModelError(f"{path}: its {what} is {name} without scale and zero point")
