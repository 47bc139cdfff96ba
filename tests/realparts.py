"""Real outside parts for tests: found, or skipped with a reason, or, where CI says so, demanded."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str, package: str | None = None) -> str:
    """The path of a program; without it the test is skipped, or fails if REQUIRE_REAL_PARTS=1."""
    # Debian keeps daemons in sbin, which a user's PATH often lacks.
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        missing(f"{program} is not installed: apt-get install {package or program}")
    return str(path)


def missing(reason: str) -> None:
    """Skip the running test, or fail it where real parts are required."""
    if os.environ.get("REQUIRE_REAL_PARTS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
