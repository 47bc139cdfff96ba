"""Keras' other backend: a process of its own, since Keras chooses its backend when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")


def on_torch(arguments: Sequence[str]) -> None:
    """Run Python with PyTorch under Keras; its output is the failure's message."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("", "tools", "tests"))
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
