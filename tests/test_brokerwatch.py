"""Watching, taking away, and looking at the way to the broker step by step."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from broker import ANYBODY, Mosquitto, free_port, listening
from edgeemo.delivery.brokerprobe import probe
from edgeemo.delivery.brokerwatch import remove, watch
from edgeemo.errors import BrokerError
from examples import a_config, an_event
from publishing import publishing
from waiting import wait_until

pytestmark = pytest.mark.real


def test_watch_yields_events_over_a_restart_of_the_broker(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes back by itself; what is no event is a line in the log."""
    config = a_config(tmp_path, mosquitto.port)
    events = watch(config)
    with publishing(config) as publisher:
        wait_until(lambda: publisher.is_connected)
        with listening(mosquitto.port) as other:
            # Retained, so that it is there whenever the watcher's subscription is.
            other.client.publish("edgeemo/porch/camera/event", "[]", 1, retain=True)
            other.client.publish("edgeemo/deep/camera/event", "[" * 50_000, 1, retain=True)
            other.client.publish("edgeemo/old/camera/event", '{"id": "first"}', 1, retain=True)
            assert next(events) == {"id": "first"}
        written = publisher.event(an_event())
        assert next(events) == written
        mosquitto.stop(signal.SIGKILL)
        mosquitto.start()
        with listening(mosquitto.port) as other:
            other.client.publish("edgeemo/old/camera/event", '{"id": "second"}', 1, retain=True)
        assert next(e for e in events if e["id"] == "second")
    assert any("no event: '[]'" in m for m in caplog.messages)


def test_watch_says_at_once_that_there_is_no_broker(tmp_path: Path) -> None:
    """A command that needs it now does not wait for it."""
    with pytest.raises(BrokerError, match="refuses connections"):
        next(watch(a_config(tmp_path, free_port())))


def test_remove_leaves_nothing_retained(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Discovery and all states are gone, those of other devices stay."""
    config = a_config(tmp_path, mosquitto.port)
    with publishing(config) as publisher:
        wait_until(lambda: publisher.is_connected)
        publisher.telemetry({"fps": 1})
    with listening(mosquitto.port) as other:
        other.client.publish("edgeemo/garden/status", "online", 1, retain=True)
        other.wait_for("edgeemo/garden/status", "online")
    cleared = remove(config)
    with listening(mosquitto.port) as late:
        late.wait_for("edgeemo/garden/status", "online")
    assert "homeassistant/device/porch/config" in cleared
    assert [(t, p) for t, p, _ in late.messages] == [("edgeemo/garden/status", "online")]


def test_remove_clears_nothing_that_is_only_passing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """What the broker does not keep needs no clearing, and holds nothing up however much of it comes."""
    config = a_config(tmp_path, mosquitto.port)
    enough = threading.Event()
    with listening(mosquitto.port) as other:

        def chatter() -> None:
            while not enough.wait(0.2):
                other.client.publish("edgeemo/porch/camera/event", "{}", 1)

        talker = threading.Thread(target=chatter)
        talker.start()
        cleared = remove(config)
        enough.set()
        talker.join()
    assert "edgeemo/porch/camera/event" not in cleared


def test_remove_tells_of_a_daemon_that_still_runs(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """Its words are gone from the broker, but it will say them again."""
    config = a_config(tmp_path, mosquitto.port)
    with publishing(config) as publisher:
        wait_until(lambda: publisher.is_connected)
        with listening(mosquitto.port) as other:
            other.wait_for("edgeemo/porch/status", "online")
        remove(config)
    assert any("porch is online: if it still runs, stop it" in m for m in caplog.messages)


def test_probe_stops_at_the_first_step_that_fails(tmp_path: Path) -> None:
    """A name that nobody has, a port that nobody listens on: what is wrong, and how to mend it."""
    nameless = list(probe(a_config(tmp_path, mqtt={"host": "no-such-host.invalid"})))
    closed = list(probe(a_config(tmp_path, free_port())))
    assert [(s.name, s.is_good) for s in nameless] == [("name", False)]
    assert [(s.name, s.is_good) for s in closed] == [("name", True), ("port", False)]
    assert all(steps[-1].mend for steps in (nameless, closed))


@pytest.mark.parametrize(
    "setting",
    ["retain_available false", "max_qos 0", "max_packet_size 2000", "message_size_limit 2000"],
)
def test_probe_says_what_the_broker_does_not_give(tmp_path: Path, setting: str) -> None:
    """What would keep a daemon out, or cost it messages, with the setting of the broker that does."""
    with Mosquitto(tmp_path, (*ANYBODY, setting)) as mosquitto:
        last = list(probe(a_config(tmp_path, mosquitto.port)))[-1]
    assert (last.name, last.is_good) == ("publish", False)
    assert setting.partition(" ")[0] in last.mend


def test_probe_tells_a_wrong_password_from_a_forbidden_topic(tmp_path: Path) -> None:
    """The log-in and the right to write are steps of their own."""
    (tmp_path / "users").touch()
    rules = tmp_path / "rules"
    rules.write_text("topic read #\n")
    closed = ("allow_anonymous false", f"password_file {tmp_path / 'users'}")
    with Mosquitto(tmp_path, closed) as broker:
        secret = {"user": "porch", "password": "hunter2"}
        login = list(probe(a_config(tmp_path, broker.port, mqtt=secret)))[-1]
    with Mosquitto(tmp_path, (*ANYBODY, f"acl_file {rules}")) as broker:
        publish = list(probe(a_config(tmp_path, broker.port)))[-1]
    assert (login.name, login.is_good, "hunter2" in str(login)) == ("login", False, False)
    assert (publish.name, publish.is_good) == ("publish", False)
    assert "Not authorized" in publish.text
