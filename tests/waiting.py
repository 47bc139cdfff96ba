"""Waiting for what other threads, processes and machines do at moments of their own."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[..., object], timeout_s: float = 10.0, what: str = "it") -> None:
    """Wait for a condition, called without arguments; fails when it does not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s} s"
        time.sleep(0.01)
