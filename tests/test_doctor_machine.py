"""The doctor's verdicts on the machine itself: its heat, its clock, its state folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edgeemo import clock, doctor
from edgeemo.clock import WallTime
from edgeemo.config import Config
from edgeemo.doctor import Finding, Verdict
from sysfs import board_of


class Usage(NamedTuple):
    """What the system says of a disk, in bytes."""

    total: int
    used: int
    free: int


def settings(**sections: Any) -> Config:
    """Settings with these sections changed."""
    return Config.model_validate(sections)


@pytest.mark.parametrize(
    ("temperature_c", "finding"),
    [
        (61.0, Finding(Verdict.GOOD, "heat", "61 °C")),
        (
            81.0,
            Finding(
                Verdict.DOUBTFUL,
                "heat",
                "81 °C",
                "a heat sink or a fan: fewer frames are analysed while it is hot",
            ),
        ),
    ],
)
def test_doctor_doubts_a_hot_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temperature_c: float, finding: Finding
) -> None:
    """Hot is what `power.hot_c` says."""
    board = board_of(tmp_path, temperature_c)
    monkeypatch.setattr(doctor, "Thermometer", lambda: board)
    assert list(doctor._heat(settings(power={"hot_c": 80.0, "cool_c": 70.0}))) == [finding]


@pytest.mark.parametrize(
    ("is_synced", "finding"),
    [
        (True, Finding(Verdict.GOOD, "clock", "1970-01-01T00:01:00.000Z, set by a time server")),
        (
            False,
            Finding(
                Verdict.DOUBTFUL,
                "clock",
                "1970-01-01T00:01:00.000Z, not set by a time server",
                "timedatectl set-ntp true; until then events say time_synced false",
            ),
        ),
    ],
)
def test_doctor_doubts_a_clock_that_nobody_has_set(
    monkeypatch: pytest.MonkeyPatch, is_synced: bool, finding: Finding
) -> None:
    """The time itself is told either way."""
    monkeypatch.setattr(clock, "wall_time", lambda: WallTime(60.0, is_synced))
    assert list(doctor._clock(settings())) == [finding]


@pytest.mark.parametrize(
    ("free_mb", "verdict", "mend"),
    [
        (32, Verdict.GOOD, ""),
        (31, Verdict.DOUBTFUL, "waiting events may need more: free some, or lower outbox.max_mb"),
    ],
)
def test_doctor_doubts_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, verdict: Verdict, mend: str
) -> None:
    """An outbox of 16 MB needs twice that; nothing is left behind of trying to write."""
    usage = Usage(10**9, 10**9 - free_mb * 10**6, free_mb * 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    folder = tmp_path / "state"
    config = settings(state_dir=folder, outbox={"max_mb": 16.0})
    said = f"{folder}, {free_mb} MB free"
    assert list(doctor._state_dir(config)) == [Finding(verdict, "state", said, mend)]
    assert list(folder.iterdir()) == []


def test_doctor_names_a_state_folder_that_it_can_not_write_to(tmp_path: Path) -> None:
    """A file is in its place: wrong, with the reason and two ways out."""
    folder = tmp_path / "state"
    folder.touch()
    assert list(doctor._state_dir(settings(state_dir=folder / "edgeemo"))) == [
        Finding(
            Verdict.BAD,
            "state",
            f"can't write to {folder / 'edgeemo'}: Not a directory",
            f"chown it to the user that runs edgeemo ({os.getuid()}), or set state_dir",
        )
    ]
