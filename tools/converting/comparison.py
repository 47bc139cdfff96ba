"""Float against int8 on the same pictures: accuracy, agreement, by label, by layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from converting.operators import layers_of
from edgeemo.quant import Float, Quantization
from measuring.metrics import Figures, Labels, figures

ORDER_GAIN = 0.05
"""Labels are called out of order when another order makes so much more of the answers right,"""
CHANCE = 2.0
"""and this, divided by the root of the number of answers, which a lucky order may gain."""


@dataclass(frozen=True)
class Comparison:
    """How the int8 network does against its source on held-out pictures.

    `agreement` is the share of pictures for which both name the same label.
    """

    source: Figures
    int8: Figures
    agreement: float

    @property
    def drop(self) -> float:
        """Points of accuracy that quantising cost; negative when it gained."""
        return 100 * (self.source.accuracy - self.int8.accuracy)


def compare(source: Float, int8: Float, truth: Labels, labels: Sequence[str]) -> Comparison:
    """Compare (n, labels) probabilities of both for pictures whose label indices are `truth`."""
    agreement = float(np.mean(source.argmax(1) == int8.argmax(1)))
    return Comparison(figures(source, truth, labels), figures(int8, truth, labels), agreement)


def better_order(found: Figures) -> tuple[str, ...] | None:
    """The order of labels under which most answers would be right, if that is far from the given one.

    Answers go to true labels one to one, the surest pair first.
    """
    shares = found.confusion / np.maximum(found.confusion.sum(1, keepdims=True), 1)
    order = [""] * len(found.labels)
    right = 0
    for _ in order:
        true, answer = np.unravel_index(int(shares.argmax()), shares.shape)
        order[int(answer)] = found.labels[int(true)]
        right += int(found.confusion[true, answer])
        shares[true, :] = shares[:, answer] = -1.0
    gained = right / found.n - found.accuracy
    return tuple(order) if gained > max(ORDER_GAIN, CHANCE / found.n**0.5) else None


OUTPUT = "the output"


class LayerError(NamedTuple):
    """How far a layer of the int8 network is from the float one's: error over signal, as RMS."""

    layer: str
    error: float


def layer_errors(float_model: bytes, int8_model: bytes, inputs: Float) -> tuple[LayerError, ...]:
    """The error of every activation that both .tflite files name, worst first, over `inputs`."""
    sums: dict[str, NDArray[np.float64]] = {}
    reference, quantised = _Traced(float_model), _Traced(int8_model)
    for one in inputs:
        expected, found = reference.run(one[np.newaxis]), quantised.run(one[np.newaxis])
        for name in expected.keys() & found.keys():
            error, signal = found[name] - expected[name], expected[name]
            squares = np.array([np.square(error).sum(), np.square(signal).sum()])
            sums[name] = sums.get(name, np.zeros(2)) + squares
    errors = [(name, float(np.sqrt(e / max(s, 1e-12)))) for name, (e, s) in sums.items()]
    worst_first = sorted(errors, key=lambda pair: -pair[1])
    return tuple(LayerError(layers_of(name) or OUTPUT, error) for name, error in worst_first)


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
        """Name -> real values of what each operator made, for one input."""
        stored = Quantization.of(self._input).quantize(one)
        self._interpreter.set_tensor(self._input["index"], stored)
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
