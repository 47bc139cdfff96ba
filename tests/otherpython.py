"""Executables that stand for the Python of another environment."""

from __future__ import annotations

import sys
from pathlib import Path


def shell_python(path: Path, line: str) -> Path:
    """Write an executable that runs a line of shell, which finds Python's arguments in "$@"."""
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def renamed_python(path: Path, name: str) -> Path:
    """Write one that does what this Python does, with `name` before every line that it prints."""
    return shell_python(path, f'"{sys.executable}" "$@" | sed "s/^/{name} /"')
