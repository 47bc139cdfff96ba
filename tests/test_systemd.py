"""What is said to systemd, checked on a socket of our own."""

from __future__ import annotations

import io
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeemo.systemd import (
    JournalFormatter,
    Notifier,
    Watchdog,
    credential,
    log_formatter,
    unit_environment,
    watchdog_interval_s,
)
from systemdsocket import Manager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A systemd that listens on a socket file."""
    listening = Manager(str(tmp_path / "notify"))
    yield listening
    listening.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    """A notifier to it."""
    talking = Notifier.from_environment(manager.environ)
    yield talking
    talking.close()


def record(level: int, message: str) -> logging.LogRecord:
    """A log record."""
    return logging.LogRecord("edgeemo", level, __file__, 1, message, None, None)


def test_notifier_says_ready_with_a_status(manager: Manager, notifier: Notifier) -> None:
    """Readiness and status travel in one datagram."""
    notifier.ready("demo: nobody there")
    assert manager.heard() == ["READY=1\nSTATUS=demo: nobody there"]


def test_notifier_says_each_thing_as_systemd_spells_it(
    manager: Manager, notifier: Notifier
) -> None:
    """Status, watchdog and stop are the assignments of sd_notify(3)."""
    notifier.status("2 faces")
    notifier.watchdog()
    notifier.stopping()
    assert manager.heard() == ["STATUS=2 faces", "WATCHDOG=1", "STOPPING=1"]


def test_notifier_dates_a_reload_by_the_monotonic_clock(
    manager: Manager, notifier: Notifier
) -> None:
    """Type=notify-reload wants the microsecond at which reloading began."""
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    state, stamp = manager.heard()[0].split("\n")
    assert state == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_notifier_keeps_a_status_on_one_line(manager: Manager, notifier: Notifier) -> None:
    """A line break in what is shown can't smuggle in an assignment."""
    notifier.status("lost\nSTOPPING=1")
    assert manager.heard() == ["STATUS=lost STOPPING=1"]


def test_notifier_reaches_an_abstract_socket() -> None:
    """A leading @ stands for the abstract name space."""
    manager = Manager(f"@edgeemo-test-{os.getpid()}")
    notifier = Notifier.from_environment(manager.environ)
    notifier.watchdog()
    assert manager.heard() == ["WATCHDOG=1"]
    notifier.close()
    manager.close()


def test_notifier_is_silent_without_systemd(caplog: pytest.LogCaptureFixture) -> None:
    """Started by hand there is nobody to tell, which is nothing to warn of."""
    notifier = Notifier.from_environment({})
    notifier.ready("here")
    notifier.close()
    assert not caplog.records


def test_notifier_warns_once_of_a_deaf_systemd(
    manager: Manager, notifier: Notifier, caplog: pytest.LogCaptureFixture
) -> None:
    """A socket that went away costs one line, not one a frame, and no exception."""
    manager.close()
    notifier.watchdog()
    notifier.watchdog()
    assert [r.getMessage() for r in caplog.records] == [
        f"systemd can't be told ({manager.environ['NOTIFY_SOCKET']}): Connection refused"
    ]


def test_watchdog_pings_no_more_often_than_needed(manager: Manager, notifier: Notifier) -> None:
    """Progress at every frame becomes one ping an interval."""
    watchdog = Watchdog(notifier, 2.0)
    for tick in range(100):
        watchdog.progress(tick / 10)
    assert manager.heard() == ["WATCHDOG=1"] * 5


def test_watchdog_is_off_without_an_interval(manager: Manager, notifier: Notifier) -> None:
    """Where systemd does not wait, nothing is sent."""
    Watchdog(notifier, None).progress(1.0)
    assert manager.heard() == []


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_watchdog_interval_is_a_third_of_what_systemd_waits(
    environ: dict[str, str], interval_s: float | None
) -> None:
    """A watchdog that was meant for another process is not ours to feed."""
    assert watchdog_interval_s(environ) == interval_s


@pytest.mark.parametrize("usec", ["0", "-5", "soon"])
def test_watchdog_interval_refuses_nonsense(usec: str) -> None:
    """A value that systemd can't have written is an error, not a guess."""
    with pytest.raises(ValueError, match=usec):
        watchdog_interval_s({"WATCHDOG_USEC": usec})


@pytest.mark.parametrize("stored_as", ["mqtt_password", "secrets_mqtt_password"])
def test_credential_is_found_alone_and_in_the_secrets_folder(
    tmp_path: Path, stored_as: str
) -> None:
    """A file of a loaded folder arrives under the name <id>_<file>."""
    (tmp_path / stored_as).write_text("geheim", encoding="utf-8")
    found = credential("mqtt_password", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found == tmp_path / stored_as


def test_credential_is_none_where_none_was_given(tmp_path: Path) -> None:
    """Neither without systemd, nor with a folder that lacks it."""
    assert credential("mqtt_password", {}) is None
    assert credential("mqtt_password", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None


def test_credential_is_none_where_it_cannot_be_read(tmp_path: Path) -> None:
    """Of the folder of secrets others than root see nothing; a name too long is as bad for root."""
    assert credential("x" * 300, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None


def test_unit_environment_is_that_of_the_one_service() -> None:
    """Its settings are config.yaml; state and secrets lie where the unit has them."""
    assert unit_environment(Path("/etc/edgeemo/config.yaml")) == {
        "STATE_DIRECTORY": "/var/lib/edgeemo",
        "CREDENTIALS_DIRECTORY": "/etc/edgeemo/secrets",
    }


def test_unit_environment_is_that_of_an_instance() -> None:
    """NAME.yaml has a state of its own, and is a device of its own."""
    host = platform.node().partition(".")[0]
    assert unit_environment(Path("/etc/edgeemo/front-door.yaml")) == {
        "STATE_DIRECTORY": "/var/lib/edgeemo/front-door",
        "CREDENTIALS_DIRECTORY": "/etc/edgeemo/secrets",
        "EDGEEMO_DEVICE": f"{host}-front-door",
    }


@pytest.mark.parametrize("path", ["config.yaml", "/etc/edgeemo/config.yaml.new", "/etc/other.yaml"])
def test_unit_environment_is_empty_for_settings_of_no_unit(path: str) -> None:
    """A file elsewhere gets neither the service's state nor its secrets."""
    assert unit_environment(Path(path)) == {}


def test_unit_environment_is_empty_in_a_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is named relative to it is no unit's, and no error here."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert unit_environment(Path("config.yaml")) == {}


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.CRITICAL, "<2>hot"),
        (logging.ERROR, "<3>hot"),
        (logging.WARNING, "<4>hot"),
        (logging.INFO, "<6>hot"),
        (logging.DEBUG, "<7>hot"),
    ],
)
def test_journal_formatter_gives_the_priority(level: int, line: str) -> None:
    """Each level becomes its syslog priority, without a time stamp."""
    assert JournalFormatter().format(record(level, "hot")) == line


def test_journal_formatter_marks_every_line() -> None:
    """A traceback keeps its priority beyond its first line."""
    assert JournalFormatter().format(record(logging.ERROR, "one\ntwo")) == "<3>one\n<3>two"


def test_log_formatter_writes_for_the_journal_where_it_leads_there(tmp_path: Path) -> None:
    """JOURNAL_STREAM names the very file that standard error is."""
    with (tmp_path / "stderr").open("w", encoding="utf-8") as stream:
        opened = os.fstat(stream.fileno())
        here = {"JOURNAL_STREAM": f"{opened.st_dev}:{opened.st_ino}"}
        elsewhere = {"JOURNAL_STREAM": f"{opened.st_dev}:{opened.st_ino + 1}"}
        assert isinstance(log_formatter(stream, here), JournalFormatter)
        assert not isinstance(log_formatter(stream, elsewhere), JournalFormatter)


def test_log_formatter_dates_lines_for_people() -> None:
    """On a terminal, in a pipe or in a test there is nobody else to note the time."""
    formatter = log_formatter(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
    line = formatter.format(record(logging.WARNING, "hot"))
    assert line[2] == line[5] == ":"
    assert line.endswith(" WARNING hot")
    assert not isinstance(log_formatter(sys.__stderr__ or io.StringIO(), {}), JournalFormatter)
