"""Wall time, and whether it can be believed: a Pi has no battery clock and starts in the past."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

STA_UNSYNC = 0x0040
"""Status bit of adjtimex(2): nobody has set the clock (linux/timex.h)."""

TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
"""Exists since systemd-timesyncd first set the clock (systemd-timesyncd.service(8))."""

# struct timex of linux/timex.h, as glibc passes it: `status` follows modes, offset, freq, maxerror and
# esterror. The room behind it is larger than the rest of the struct on any architecture.
_TIMEX_TAIL_BYTES = 256


class Timex(ctypes.Structure):
    """What adjtimex(2) fills in, as far as its `status`."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("tail", ctypes.c_char * _TIMEX_TAIL_BYTES),
    )


class WallTime(NamedTuple):
    """An instant by the wall clock, and whether a time server stands behind it."""

    unix_s: float
    is_synced: bool

    @property
    def rfc3339(self) -> str:
        """UTC with milliseconds, such as 2026-11-20T14:05:06.789Z."""
        instant = datetime.fromtimestamp(self.unix_s, UTC)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Clock = Callable[[], WallTime]
"""Where wall time comes from; a test hands in its own."""


def wall_time() -> WallTime:
    """Now."""
    return WallTime(time.time(), is_synced())


def _adjtimex(timex: Timex) -> int:
    """Call adjtimex(2); -1 where it is refused or missing."""
    try:
        return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)))
    except (OSError, AttributeError):
        return -1


def is_synced(
    adjtimex: Callable[[Timex], int] = _adjtimex, timesyncd_mark: Path = TIMESYNCD_MARK
) -> bool:
    """Whether a time server has set this machine's clock since it started.

    The kernel knows, whichever program keeps the time. Where a sandbox forbids the question
    (systemd's ProtectClock=), the mark of systemd-timesyncd decides.
    """
    timex = Timex(modes=0)
    if adjtimex(timex) == -1:
        return timesyncd_mark.exists()
    return not timex.status & STA_UNSYNC


def uptime_s() -> float:
    """Seconds since the machine started, time asleep included; no jump of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def machine_boot_id() -> str:
    """What this start of the machine is called by its kernel; empty where /proc is hidden."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
