"""The broker that --demo brings up."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

pytest.importorskip("amqtt", reason="the demo extra is not installed")

from broker import listening, wait_until
from edgeemo.delivery.demobroker import DemoBroker
from edgeemo.delivery.mqtt import Publisher
from eventschema import validate
from examples import LABELS, a_config, an_event


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
