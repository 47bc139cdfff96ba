"""The broker that --demo brings up."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("amqtt", reason="the demo extra is not installed")

import process
from broker import listening
from edgeemo.delivery.demobroker import DemoBroker
from edgeemo.delivery.mqtt import Publisher
from edgeemo.errors import EdgeemoError
from eventschema import validate
from examples import LABELS, a_config, an_event
from waiting import wait_until


def test_demo_broker_carries_events_and_keeps_states(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A publisher and a second client, as in the README; no word from the broker itself."""
    caplog.set_level(logging.INFO)
    with DemoBroker() as broker:
        config = a_config(tmp_path, broker.port, mqtt={"protocol": "3.1.1"})
        publisher = Publisher(config, LABELS, on_enabled=lambda _: None)
        publisher.start()
        wait_until(lambda: publisher.is_connected)
        with listening(broker.port, "edgeemo/#") as listener:
            listener.wait_for("edgeemo/porch/status", "online")
            written = publisher.event(an_event())
            wait_until(lambda: listener.payloads("edgeemo/porch/camera/event"))
            publisher.stop(1.0)
        assert validate(json.loads(listener.payloads("edgeemo/porch/camera/event")[0])) == written
    assert [r.name for r in caplog.records] == ["edgeemo.delivery.mqtt"]


def test_demo_broker_takes_another_port_when_the_usual_one_is_taken() -> None:
    """Two demos side by side; both end without leaving a thread."""
    with DemoBroker() as first, DemoBroker() as second:
        assert first.port != second.port
    assert "demo-broker" not in {t.name for t in threading.enumerate()}


def test_demo_broker_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without amqtt: the extra's name, and exit 1, since the model and its runtime are well."""
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(EdgeemoError, match=r"edgeemo\[demo\]") as raised, DemoBroker():
        pass
    assert raised.value.exit_code == 1


def _hear_ctrl_c() -> None:
    """A shell has what it runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_run_with_demo_can_be_watched_and_removed_at_its_own_broker(tmp_path: Path) -> None:
    """The printed `watch` shows an event until Ctrl-C, which is 130; `ha-remove` clears what is kept."""
    own = ("--set", "device=lab", "--set", f"state_dir={tmp_path}")
    with process.Program("--demo", *own) as daemon:
        daemon.wait_for(" watch --set ")
        (line,) = [line for line in daemon.log if " watch --set " in line]
        there = line.partition(" watch ")[2].split()
        with subprocess.Popen(
            [sys.executable, "-m", "edgeemo", "watch", *there, "--json"],
            stdout=subprocess.PIPE, text=True, env=process.environment(), preexec_fn=_hear_ctrl_c,
        ) as watching:  # fmt: skip
            assert watching.stdout is not None
            try:
                event = watching.stdout.readline()
            finally:
                watching.send_signal(signal.SIGINT)
        removed = process.run("ha-remove", *own, *there)
        assert daemon.end() == 0
    assert (validate(json.loads(event))["device"], watching.returncode) == ("lab", 130)
    assert removed.returncode == 0, removed.stderr
    assert "edgeemo/lab/status" in removed.stdout


def test_run_with_demo_tells_each_event(tmp_path: Path) -> None:
    """Whoever tries it sees what comes of it, with no second terminal."""
    with process.Program("--demo", "--set", f"state_dir={tmp_path}") as daemon:
        daemon.wait_for("face 1 appeared")
        assert daemon.end() == 0
