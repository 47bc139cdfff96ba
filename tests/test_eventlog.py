"""Events as JSON lines, to standard output or a file."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from edgeemo.errors import ConfigError
from edgeemo.eventlog import EventLog


def test_event_log_appends_to_a_file_at_once(tmp_path: Path) -> None:
    """A reader sees each line when it is written; what was there stays."""
    path = tmp_path / "events.jsonl"
    path.write_text("earlier\n")
    with EventLog(str(path)) as log:
        log.write('{"id":1}')
        assert path.read_text() == 'earlier\n{"id":1}\n'


def test_event_log_writes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """`-` means standard output, and it is not closed."""
    with EventLog("-") as log:
        log.write("{}")
    assert capsys.readouterr().out == "{}\n"
    print("still open")


def test_event_log_without_a_target_writes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --events nothing is printed."""
    with EventLog(None) as log:
        log.write("{}")
    assert capsys.readouterr().out == ""


def test_event_log_refuses_a_file_it_cannot_write(tmp_path: Path) -> None:
    """Before anything runs: a problem of the command line, exit 2."""
    with pytest.raises(ConfigError, match="can't be written: No such file or directory"):
        EventLog(str(tmp_path / "no" / "where"))


def test_event_log_refuses_a_standard_output_that_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would hear of the events; Python has None in its place."""
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(ConfigError, match="standard output is closed: leave it open, or"):
        EventLog("-")


def test_event_log_tells_once_of_a_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    """An output that fails is given up with one line; the daemon goes on."""
    with caplog.at_level(logging.ERROR), EventLog("/dev/full") as log:
        log.write("{}")
        log.write("{}")
    assert [r.message for r in caplog.records] == [
        "events are no longer written to /dev/full: No space left on device"
    ]
