"""Packages from PyPI for another Debian's Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (34, 28, 27, 17)] + ["any"]


def install_wheels(site: Path, python: str, *packages: str, alone: bool = False) -> None:
    """Unpack packages into a folder for Python `python`, such as 3.13.

    With `alone` nothing that they depend on comes along.
    """
    target = ["--target", str(site), "--python-version", python, "--only-binary=:all:"]
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    options = ["--quiet", *target, *platforms, *(["--no-deps"] if alone else [])]
    install = [sys.executable, "-m", "pip", "install", *options, *packages]
    subprocess.run(install, check=True, timeout=600)
