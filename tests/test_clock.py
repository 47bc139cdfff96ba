"""Wall time as events carry it."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import pytest

from edgeemo.clock import (
    ASK_S,
    STA_UNSYNC,
    Beginning,
    TimeService,
    Timex,
    WallTime,
    is_synced,
    machine_boot_id,
    uptime_s,
    wall_time,
)

UPTIME_STEP_S = 0.01
"""The kernel cuts /proc/uptime to hundredths."""
STA_NANO = 0x2000
"""A status bit of adjtimex(2) that says nothing about being set (linux/timex.h)."""
TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not set: no failure of the call."""


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1795183606.0473, "2026-11-20T14:06:46.047Z"),
        (1e9 + 0.9999, "2001-09-09T01:46:40.999Z"),
    ],
)
def test_wall_time_is_rfc_3339_with_milliseconds(unix_s: float, text: str) -> None:
    """Always UTC, always three digits."""
    assert WallTime(unix_s, is_synced=True).rfc3339 == text


def proc_uptime_s() -> float:
    """Seconds since the start, by the kernel's own file."""
    return float(Path("/proc/uptime").read_text("ascii").split()[0])


def test_wall_time_is_now_and_knows_whether_it_was_set() -> None:
    """By the system's clock, within what a busy machine may take."""
    now = wall_time()
    assert now.unix_s == pytest.approx(time.time(), abs=60.0)
    assert now.is_synced == is_synced()


@pytest.mark.parametrize(
    ("answer", "status", "has_mark", "expected"),
    [
        (0, STA_NANO, False, True),
        (TIME_ERROR, STA_NANO | STA_UNSYNC, False, False),
        (TIME_ERROR, STA_NANO | STA_UNSYNC, True, False),
        (-1, 0, False, False),
        (-1, STA_UNSYNC, True, True),
    ],
)
def test_is_synced_asks_the_kernel_and_where_it_may_not_the_mark(
    answer: int, status: int, has_mark: bool, expected: bool, tmp_path: Path
) -> None:
    """The kernel's bit decides; timesyncd's mark only if the call is refused, here where nobody else knows."""
    mark = tmp_path / "synchronized"
    if has_mark:
        mark.touch()

    def adjtimex(timex: Timex) -> int:
        timex.status = status
        return answer

    assert is_synced(adjtimex, mark, TimeService(("false",))) is expected


def test_uptime_is_that_of_the_kernel() -> None:
    """It lies between two readings of /proc/uptime."""
    before = proc_uptime_s()
    uptime = uptime_s()
    assert before <= uptime <= proc_uptime_s() + UPTIME_STEP_S


def test_machine_boot_id_is_the_kernels_and_stays() -> None:
    """Two readings are of one start, and name it as Linux does."""
    boot_id = machine_boot_id()
    assert str(UUID(boot_id)) == boot_id == machine_boot_id()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("echo", "yes"), True),
        (("echo", "no"), False),
        (("sh", "-c", "echo yes; exit 1"), False),
        (("/no/such/program",), False),
    ],
)
def test_is_synced_asks_the_time_service_where_it_may_not_ask_the_kernel(
    command: tuple[str, ...], expected: bool, tmp_path: Path
) -> None:
    """With chrony there is no mark: the answer is the service's, and no where there is none."""
    assert is_synced(lambda _: -1, tmp_path / "none", TimeService(command)) is expected


def test_time_service_is_asked_seldom_and_a_yes_is_kept(tmp_path: Path) -> None:
    """Each question starts a program."""
    asked = tmp_path / "asked"
    now = [0.0]
    service = TimeService(
        ("sh", "-c", f"echo >> {asked}; test $(wc -l < {asked}) -lt 3 && echo no || echo yes"),
        lambda: now[0],
    )
    said = []
    for now[0] in (0.0, ASK_S - 1, ASK_S, ASK_S + 1, 2 * ASK_S, 2 * ASK_S + 1, 9 * ASK_S):
        said.append(service.is_synced())
    assert said == [False, False, False, False, True, True, True]
    assert len(asked.read_text().splitlines()) == 3


def test_beginning_is_unknown_until_the_clock_is_set_and_then_stays() -> None:
    """A Pi starts in 1970, runs for a minute, is set to 2026, and later somebody sets it to 2001."""
    uptime = [30.0]
    reading = [WallTime(30.0, is_synced=False)]
    beginning = Beginning(lambda: reading[0], lambda: uptime[0])
    told = []
    for uptime[0], unix_s, synced in (
        (30.0, 30.0, False),
        (90.5, 1795183666.5, True),
        (99.0, 1e9, True),
    ):
        reading[0] = WallTime(unix_s, is_synced=synced)
        told.append(beginning.rfc3339)
    assert told == [None, "2026-11-20T14:06:46.000Z", "2026-11-20T14:06:46.000Z"]
