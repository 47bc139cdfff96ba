"""Trees of files as kernels lay them out below /sys."""

from __future__ import annotations

from pathlib import Path

from edgeemo.thermal import Thermometer

NOWHERE = "/nonexistent/vcgencmd"
"""In place of a program that the machine may have."""


def tree(root: Path, files: dict[str, str]) -> Path:
    """A sysfs with these files in it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
    return root


def board_of(root: Path, temperature_c: float) -> Thermometer:
    """The thermometer of a board that is so hot, and not throttled."""
    zone = {"class/thermal/thermal_zone0/temp": f"{temperature_c * 1000:.0f}\n"}
    return Thermometer(tree(root, zone), NOWHERE)
