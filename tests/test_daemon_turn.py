"""One turn of the daemon's loop at a time, in this process: what follows from the clock and its parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker import free_port
from edgeemo import daemon as module
from edgeemo.capture import Capture
from edgeemo.config import Config
from edgeemo.daemon import Daemon
from edgeemo.mailbox import Mailbox
from edgeemo.power import STEP
from edgeemo.vitals import Vitals
from playedsource import LONG_S, PlayedSource
from sysfs import board_of
from systemdsocket import Manager

PATIENCE_S = 20.0
"""The time-outs of a camera, 5 s to open and 5 s without a picture, twice."""


def a_daemon(state_dir: Path, **mqtt: Any) -> Daemon:
    """A daemon that looks at the demo; nothing of it runs."""
    config = Config.model_validate(
        {
            "state_dir": state_dir,
            "camera": {"source": "demo", "open_timeout_s": 5.0, "stall_s": 5.0},
            "log": {"level": "warning"},
            "mqtt": mqtt,
        }
    )
    return Daemon(config, lambda _: None, lambda: config)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A systemd that wants to hear of the daemon's work."""
    listening = Manager(str(tmp_path / "notify"))
    for name, value in listening.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield listening
    listening.close()


@pytest.fixture
def daemon(tmp_path: Path, manager: Manager) -> Iterator[Daemon]:
    """A daemon of that systemd, without a broker."""
    made = a_daemon(tmp_path)
    yield made
    made._stop()


def test_daemon_feeds_no_watchdog_while_a_driver_hangs(daemon: Daemon, manager: Manager) -> None:
    """Inside one call for longer than its time-outs allow, nobody but systemd can help."""
    source, inside = PlayedSource(), [0.0]
    daemon._capture = Capture(source, Mailbox(), daemon._config.camera, clock=lambda: inside[0])
    daemon._capture.start()
    assert source.hung.wait(LONG_S)
    fed, at = [], time.monotonic()
    for stuck_s in (PATIENCE_S - 1, PATIENCE_S + 1, PATIENCE_S + 100):
        at += 60.0
        inside[0] = stuck_s
        daemon._keep_up(at)
        fed.append(manager.heard().count("WATCHDOG=1"))
    source.freed.set()
    assert fed == [1, 0, 0]


def test_daemon_analyses_fewer_frames_on_a_hot_board(daemon: Daemon, tmp_path: Path) -> None:
    """What the thermometer leads to is what the pipeline keeps to."""
    daemon._vitals = Vitals(daemon._config, board_of(tmp_path, 99.0), 0.0)
    before = daemon._pipeline.cadence.limit_fps
    daemon._keep_up(0.0)
    assert daemon._pipeline.cadence.limit_fps == pytest.approx(before * STEP)


def test_daemon_ends_when_its_publisher_is_dead(tmp_path: Path) -> None:
    """Without the publisher's threads nothing would be sent: an error, after which systemd begins anew."""
    deaf = a_daemon(tmp_path, host="127.0.0.1", port=free_port())
    with pytest.raises(RuntimeError, match="the thread mqtt-delivery has died"):
        deaf._turn()


def test_daemon_waits_for_a_broker_at_the_end_of_a_file_for_a_while_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Events that it has not taken by then wait on disk, which is said."""
    monkeypatch.setattr(module, "DRAIN_S", 0.0)
    deaf = a_daemon(tmp_path, host="127.0.0.1", port=free_port())
    deaf._finish()
    assert caplog.messages == ["the broker has not taken all events: they wait for the next start"]
