"""The board's temperature, and whether the firmware slows it down: from the kernel, else vcgencmd.

The bits are documented at raspberrypi.com/documentation, "vcgencmd get_throttled"; the kernel file
of the same value is Raspberry Pi's own addition (raspberrypi/linux pull request 2397). Every other
board has a temperature at most.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

SYSFS = Path("/sys")
PROCESSOR_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "x86_pkg_temp")
"""Thermal zones that mean the processor, by their kernel names; without one the hottest counts."""

THROTTLED_FILES = (
    "devices/platform/soc/soc:firmware/get_throttled",
    "bus/platform/drivers/raspberrypi-firmware/*/get_throttled",
)
"""Where kernels put it, below /sys: the Pi 1 to 4, then wherever the driver's device is."""

VCGENCMD_TIMEOUT_S = 2.0


class Throttling(IntFlag):
    """What the firmware does about heat and supply; the same bits 16 higher: did since the start."""

    UNDER_VOLTAGE = 1 << 0
    FREQUENCY_CAPPED = 1 << 1
    THROTTLED = 1 << 2
    SOFT_TEMPERATURE_LIMIT = 1 << 3

    @property
    def is_for_heat(self) -> bool:
        """Whether the processor is slowed down for its temperature, not for a weak supply."""
        if self & Throttling.SOFT_TEMPERATURE_LIMIT:
            return True
        return bool(self & Throttling.THROTTLED) and not self & Throttling.UNDER_VOLTAGE


NOW = 0xF
SINCE_START_SHIFT = 16


@dataclass(frozen=True, slots=True)
class Health:
    """One reading of a board; None is what this board does not tell."""

    temperature_c: float | None = None
    """Degrees Celsius."""
    now: Throttling | None = None
    since_start: Throttling | None = None

    @property
    def is_throttled_for_heat(self) -> bool:
        """Whether the firmware slows the processor down because it is hot."""
        return self.now is not None and self.now.is_for_heat

    def as_dict(self) -> dict[str, Any]:
        """What telemetry says: temperature rounded to 0.1, flags as booleans, null if unknown."""
        now, past = self.now, self.since_start
        return {
            "temperature_c": None if self.temperature_c is None else round(self.temperature_c, 1),
            "throttled": None if now is None else bool(now & ~Throttling.UNDER_VOLTAGE),
            "under_voltage": None if now is None else Throttling.UNDER_VOLTAGE in now,
            "throttled_since_start": None
            if past is None
            else bool(past & ~Throttling.UNDER_VOLTAGE),
            "under_voltage_since_start": None if past is None else Throttling.UNDER_VOLTAGE in past,
        }


class Thermometer:
    """Reads a board's health; where each figure comes from is looked up once."""

    def __init__(self, sysfs: Path = SYSFS, vcgencmd: str | None = None) -> None:
        """Look below `sysfs`, and use `vcgencmd` (default: the one on the PATH) where it has to."""
        self._zones = _processor_zones(sysfs)
        self._read_throttled = _throttled_reader(sysfs, vcgencmd or shutil.which("vcgencmd"))

    def read(self) -> Health:
        """Measure now: two small kernel files on a Pi, which takes well under a millisecond."""
        raw = self._read_throttled()
        if raw is None:
            return Health(self._temperature_c())
        now, since_start = Throttling(raw & NOW), Throttling(raw >> SINCE_START_SHIFT & NOW)
        return Health(self._temperature_c(), now, since_start)

    def _temperature_c(self) -> float | None:
        readings = [value for zone in self._zones if (value := _number(zone / "temp")) is not None]
        return max(readings) / 1000 if readings else None


def parse_throttled(text: str) -> int:
    """The value in `throttled=0x50005` (vcgencmd) or `50005` (the kernel's file), both hexadecimal.

    Raises:
        ValueError: neither of the two.
    """
    return int(text.strip().removeprefix("throttled="), 16)


def _processor_zones(sysfs: Path) -> list[Path]:
    zones = sorted(sysfs.glob("class/thermal/thermal_zone*"))
    kinds = {zone: _text(zone / "type") for zone in zones}
    return [zone for zone in zones if kinds[zone] in PROCESSOR_ZONES] or zones


def _throttled_reader(sysfs: Path, vcgencmd: str | None) -> Callable[[], int | None]:
    files = [path for pattern in THROTTLED_FILES for path in sysfs.glob(pattern)]
    if files:
        return lambda: _throttled(_text(files[0]))
    if vcgencmd:
        return lambda: _throttled(_ask(vcgencmd))
    return lambda: None


def _ask(vcgencmd: str) -> str | None:
    command = [vcgencmd, "get_throttled"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=VCGENCMD_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        # Common: the program is there, the device is not ours to open.
        logger.debug("vcgencmd: %s", error)
        return None
    return done.stdout


def _throttled(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_throttled(text)
    except ValueError:
        logger.debug("throttling reads %r", text)
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    """A kernel file's content; None for one that can't be read, as a sleeping sensor's can't."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
