"""Wall time, and whether it can be believed: a Pi has no battery clock and starts in the past."""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

STA_UNSYNC = 0x0040
"""Status bit of adjtimex(2): nobody has set the clock (linux/timex.h)."""

TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
"""Exists since systemd-timesyncd first set the clock (systemd-timesyncd.service(8))."""

TIMEDATECTL = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
"""Asks systemd-timedated, which may ask the kernel (org.freedesktop.timedate1(5))."""

ASK_S = 60.0
"""After a no, when it is asked again: each time a program is started."""

ASK_TIMEOUT_S = 2.0

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


def uptime_s() -> float:
    """Seconds since the machine started, time asleep included; no jump of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class TimeService:
    """What systemd's time service says of the clock. A yes is kept; after a no it is asked again, seldom."""

    def __init__(
        self, command: Sequence[str] = TIMEDATECTL, uptime: Callable[[], float] = uptime_s
    ) -> None:
        self._command = command
        self._uptime = uptime
        self._is_synced = False
        self._ask_at = 0.0

    def is_synced(self) -> bool:
        """Whether it says so; False where there is none."""
        now = self._uptime()
        if not self._is_synced and now >= self._ask_at:
            self._ask_at = now + ASK_S
            self._is_synced = self._ask()
        return self._is_synced

    def _ask(self) -> bool:
        try:
            done = subprocess.run(
                self._command, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return done.stdout.strip() == "yes"


_time_service = TimeService()


def is_synced(
    adjtimex: Callable[[Timex], int] = _adjtimex,
    timesyncd_mark: Path = TIMESYNCD_MARK,
    time_service: TimeService = _time_service,
) -> bool:
    """Whether a time server has set this machine's clock since it started.

    The kernel knows, whichever program keeps the time. Where a sandbox forbids the question
    (systemd's ProtectClock=), the mark of systemd-timesyncd tells, and where there is none, as with
    chrony, systemd's time service.
    """
    timex = Timex(modes=0)
    if adjtimex(timex) == -1:
        return timesyncd_mark.exists() or time_service.is_synced()
    return not timex.status & STA_UNSYNC


class Beginning:
    """The instant of its making by the wall clock, which may not be set before some time after it."""

    def __init__(self, clock: Clock = wall_time, uptime: Callable[[], float] = uptime_s) -> None:
        self._clock = clock
        self._uptime = uptime
        self._at = uptime()
        self._text: str | None = None

    @property
    def rfc3339(self) -> str | None:
        """UTC with milliseconds; None as long as no time server has set the clock, then always the same."""
        if self._text is None and (now := self._clock()).is_synced:
            elapsed_s = self._uptime() - self._at
            self._text = now._replace(unix_s=now.unix_s - elapsed_s).rfc3339
        return self._text


def machine_boot_id() -> str:
    """What this start of the machine is called by its kernel; empty where /proc is hidden."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
