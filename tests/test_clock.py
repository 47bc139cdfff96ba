"""Wall time as events carry it."""

from __future__ import annotations

import pytest

from edgeemo.clock import WallTime, is_synced, machine_boot_id, uptime_s, wall_time


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


def test_is_synced_asks_the_kernel() -> None:
    """The answer is a plain truth value wherever the tests run."""
    assert is_synced() in (True, False)
    assert wall_time().is_synced == is_synced()


def test_uptime_moves_forward() -> None:
    """It is positive, and does not run backwards."""
    first = uptime_s()
    assert 0 < first <= uptime_s()


def test_machine_boot_id_stays_while_the_machine_runs() -> None:
    """Two readings are of one start."""
    assert machine_boot_id() == machine_boot_id()
