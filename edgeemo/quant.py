"""Affine quantisation by a tensor's own numbers.

real = scale * (quantised - zero_point), from the TensorFlow Lite 8-bit quantization specification.
Shared by the daemon, the converter and the evaluator, so that they cannot drift apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


class Quantization(NamedTuple):
    """How one tensor maps integers to real numbers; a `scale` of 0 means that it is not quantised."""

    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of(cls, details: dict[str, Any]) -> Quantization:
        """Read it from an entry of `Interpreter.get_input_details()` or `get_output_details()`."""
        scale, zero_point = details["quantization"]
        return cls(np.dtype(details["dtype"]), float(scale), int(zero_point))

    @property
    def is_integer(self) -> bool:
        """Whether values of this tensor have to be scaled."""
        return self.scale != 0.0

    def quantize(self, real: Float) -> NDArray[Any]:
        """Map float32 values of any shape to the tensor's dtype: scale, round to even, clip, cast."""
        if not self.is_integer:
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.rint(real / self.scale) + self.zero_point
        stored: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(self.dtype)
        return stored

    def dequantize(self, stored: NDArray[Any]) -> Float:
        """Map the tensor's values of any shape back to float32."""
        if not self.is_integer:
            return stored.astype(np.float32)
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
