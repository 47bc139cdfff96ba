"""The numbers that a training step is computed in."""

from __future__ import annotations

from pathlib import Path

import keras

FASTEST = "fastest"
"""Stands for the fastest precision that this machine computes in hardware; see `fastest`."""
CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""As Linux names them, on x86 and arm64. Without one a step in bfloat16 takes ten times as long as in float32."""


def fastest(cpu_info: Path = CPU_INFO) -> str:
    """`mixed_bfloat16` on a GPU and on a processor that has bfloat16, else `float32`.

    The weights are float32 either way, so a run may go on in another precision.
    """
    if _has_gpu():
        return "mixed_bfloat16"
    flags = set(cpu_info.read_text().split()) if cpu_info.exists() else set()
    return "mixed_bfloat16" if flags & BFLOAT16_FLAGS else "float32"


def _has_gpu() -> bool:
    if keras.backend.backend() == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
