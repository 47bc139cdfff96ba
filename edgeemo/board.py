"""What this machine is called by those who made it."""

from __future__ import annotations

import platform
from pathlib import Path

DEVICE_TREE_MODEL = Path("/proc/device-tree/model")
OS_RELEASE = Path("/etc/os-release")


def board_model(path: Path = DEVICE_TREE_MODEL) -> str | None:
    """The board, such as `Raspberry Pi 4 Model B Rev 1.4`; None where the firmware names none."""
    return _text(path).rstrip("\0\n") or None


def os_name(path: Path = OS_RELEASE) -> str:
    """The operating system's own name for itself, such as `Debian GNU/Linux 12 (bookworm)`."""
    lines = (line.partition("=") for line in _text(path).splitlines())
    return next((v.strip('"') for k, _, v in lines if k == "PRETTY_NAME"), platform.system())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
