"""Affine quantisation by a tensor's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.quant import Quantization

INT8 = Quantization(np.dtype(np.int8), 1 / 255, -128)


def test_quantization_reads_a_tensors_details() -> None:
    """Scale, zero point and dtype come from the interpreter."""
    details = {"dtype": np.int8, "quantization": (0.5, 3), "name": "input"}
    assert Quantization.of(details) == Quantization(np.dtype(np.int8), 0.5, 3)


@pytest.mark.parametrize(
    ("real", "stored"), [(0.0, 3), (0.25, 3), (0.75, 5), (1.25, 5), (-99.0, -128), (99.0, 127)]
)
def test_quantize_scales_rounds_clips_and_casts(real: float, stored: int) -> None:
    """Steps of 0.5: ties go to the even step, then 3 is added; what is out of range is clipped."""
    quantized = Quantization(np.dtype(np.int8), 0.5, 3).quantize(np.array([real], np.float32))
    assert quantized.dtype == np.int8
    assert quantized.tolist() == [stored]


@given(st.lists(st.floats(0, 1, width=32), min_size=1))
def test_dequantize_comes_back_within_half_a_step(values: list[float]) -> None:
    """A round trip loses at most half a step."""
    real = np.array(values, np.float32)
    assert np.abs(INT8.dequantize(INT8.quantize(real)) - real).max() <= INT8.scale / 2 + 1e-6


def test_float_tensors_pass_unchanged() -> None:
    """A scale of 0 means that the tensor holds real numbers."""
    plain = Quantization(np.dtype(np.float32), 0.0, 0)
    real = np.array([-2.5, 7.25], np.float32)
    assert plain.quantize(real).tolist() == plain.dequantize(real).tolist() == real.tolist()
