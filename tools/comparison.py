"""Float against int8 on the same pictures: accuracy, agreement, by label, by layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from floatnetwork import Float
from numpy.typing import NDArray

from edgeemo.quant import Quantization


class LabelFigures(NamedTuple):
    """Recall of one label, float and int8, over its `n` pictures; None without any."""

    label: str
    n: int
    float_: float | None
    int8: float | None


@dataclass(frozen=True)
class Comparison:
    """How the int8 network does against its source on held-out pictures."""

    n: int
    float_accuracy: float
    int8_accuracy: float
    agreement: float
    by_label: tuple[LabelFigures, ...]

    @property
    def drop(self) -> float:
        """Points of accuracy that quantising cost; negative when it gained."""
        return 100 * (self.float_accuracy - self.int8_accuracy)


def compare(
    float_outputs: Float, int8_outputs: Float, truth: NDArray[np.int64], labels: Sequence[str]
) -> Comparison:
    """Compare (n, labels) outputs of both networks for pictures whose label indices are `truth`."""
    ours, theirs = int8_outputs.argmax(1), float_outputs.argmax(1)
    return Comparison(
        n=len(truth),
        float_accuracy=float(np.mean(theirs == truth)),
        int8_accuracy=float(np.mean(ours == truth)),
        agreement=float(np.mean(ours == theirs)),
        by_label=tuple(
            LabelFigures(label, int((truth == i).sum()), *_recalls(i, truth, theirs, ours))
            for i, label in enumerate(labels)
        ),
    )


def _recalls(
    label: int, truth: NDArray[np.int64], *answers: NDArray[np.int64]
) -> tuple[float | None, float | None]:
    members = truth == label
    if not members.any():
        return None, None
    first, second = (float(np.mean(answer[members] == label)) for answer in answers)
    return first, second


class LayerError(NamedTuple):
    """How far a tensor of the int8 network is from the float one's: error over signal, as RMS."""

    tensor: str
    error: float


def layer_errors(float_model: bytes, int8_model: bytes, inputs: Float) -> tuple[LayerError, ...]:
    """The error of every activation that both .tflite files name, worst first, over `inputs`."""
    squares: dict[str, NDArray[np.float64]] = {}
    pair = _Traced(float_model), _Traced(int8_model)
    for one in inputs:
        reference, quantised = (traced.run(one[np.newaxis]) for traced in pair)
        for name in reference.keys() & quantised.keys():
            difference = quantised[name] - reference[name]
            pair_of_sums = np.array([np.square(difference).sum(), np.square(reference[name]).sum()])
            squares[name] = squares.get(name, np.zeros(2)) + pair_of_sums
    errors = [
        LayerError(name, float(np.sqrt(e / max(s, 1e-12)))) for name, (e, s) in squares.items()
    ]
    return tuple(sorted(errors, key=lambda layer: -layer.error))


class _Traced:
    """An interpreter that keeps every activation."""

    def __init__(self, model: bytes) -> None:
        with warnings.catch_warnings():
            # It warns that keeping all tensors takes memory, which is what is wanted here.
            warnings.simplefilter("ignore", UserWarning)
            self._interpreter = Interpreter(
                model_content=model, num_threads=1, experimental_preserve_all_tensors=True
            )
        self._interpreter.allocate_tensors()
        self._input: dict[str, Any] = self._interpreter.get_input_details()[0]

    def run(self, one: Float) -> dict[str, Float]:
        """Name -> real values of the tensors with a batch, for one input."""
        self._interpreter.set_tensor(
            self._input["index"], Quantization.of(self._input).quantize(one)
        )
        self._interpreter.invoke()
        return dict(map(self._read, self._activations()))

    def _activations(self) -> list[dict[str, Any]]:
        operators: list[dict[str, Any]] = self._interpreter._get_ops_details()
        made = {int(index) for operator in operators for index in operator["outputs"]}
        tensors: list[dict[str, Any]] = self._interpreter.get_tensor_details()
        return [tensor for tensor in tensors if tensor["index"] in made]

    def _read(self, details: dict[str, Any]) -> tuple[str, Float]:
        stored = self._interpreter.get_tensor(details["index"])
        return details["name"], Quantization.of(details).dequantize(stored)
