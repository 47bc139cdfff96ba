"""The pause outlives the process."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edgeemo.pause import PauseFlag


def test_pause_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    """Stored by one flag, read by another; the folder is made."""
    PauseFlag(tmp_path / "state", "door").store(paused=True)
    assert PauseFlag(tmp_path / "state", "door").is_paused()
    assert not PauseFlag(tmp_path / "state", "garden").is_paused()


def test_pause_is_forgotten_when_it_ends(tmp_path: Path) -> None:
    """And ending it twice is no error."""
    flag = PauseFlag(tmp_path, "door")
    flag.store(paused=True)
    flag.store(paused=False)
    flag.store(paused=False)
    assert not flag.is_paused()


def test_pause_that_no_disk_takes_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file where the folder should be: one warning, no crash."""
    (tmp_path / "state").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        PauseFlag(tmp_path / "state", "door").store(paused=True)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
