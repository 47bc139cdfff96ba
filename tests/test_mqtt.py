"""The publisher at a real broker: what is announced, delivered and heard."""

from __future__ import annotations

import json
import logging
import signal
import threading
from pathlib import Path

import pytest

from broker import ANYBODY, Listener, Mosquitto, listening
from edgeemo.clock import WallTime
from edgeemo.delivery.mqtt import Publisher
from edgeemo.delivery.state import CameraState
from edgeemo.types import EventKind
from eventschema import validate
from examples import LABELS, a_config, a_face, an_event
from publishing import publishing
from waiting import wait_until

pytestmark = pytest.mark.real

BASE = "edgeemo/porch"
EVENT, STATE, ENABLED = f"{BASE}/camera/event", f"{BASE}/camera/state", f"{BASE}/camera/enabled"
DISCOVERY = "homeassistant/device/porch/config"
ANNOUNCEMENT = [DISCOVERY, f"{BASE}/camera/availability", ENABLED, STATE, f"{BASE}/status"]


def connected(publisher: Publisher) -> None:
    """Wait for the connection."""
    wait_until(lambda: publisher.is_connected, 20.0, "the connection")


def ids(listener: Listener) -> list[str]:
    """The ids of the events that came, each held against the schema."""
    return [validate(json.loads(p))["id"] for p in listener.payloads(EVENT)]


def announced(listener: Listener) -> list[str]:
    """The topics of what came, without the daemons' talk among themselves."""
    return [topic for topic, _, _ in listener.messages if not topic.endswith("/set")]


def test_publisher_announces_in_order(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """Discovery, availability, states, and `online` last: nobody in the room is a state."""
    with publishing(a_config(tmp_path, mosquitto.port)):
        listener.wait_for(f"{BASE}/status", "online")
    assert announced(listener)[:5] == ANNOUNCEMENT
    assert json.loads(listener.payloads(STATE)[0])["emotion"] == "no_face"


def test_publisher_retains_all_but_events(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """Who comes later sees what is true, nothing that happened."""
    with publishing(a_config(tmp_path, mosquitto.port)) as publisher:
        publisher.event(an_event())
        publisher.telemetry({"fps": 5.0})
        wait_until(lambda: ids(listener) and listener.payloads(f"{BASE}/telemetry"))
        with listening(mosquitto.port) as late:
            late.wait_for(f"{BASE}/status", "online")
            wait_until(lambda: len(late.messages) == 6)
    assert {t for t, _, retained in late.messages if retained} == {
        *ANNOUNCEMENT,
        f"{BASE}/telemetry",
    }


def test_publisher_starts_before_the_broker(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """What happened before is delivered, once, in order; the wait is one line in the log."""
    mosquitto.stop()
    accepted: list[str] = []
    with publishing(a_config(tmp_path, mosquitto.port), on_accepted=accepted.append) as publisher:
        written = [publisher.event(an_event(face)) for face in range(5)]
        wait_until(lambda: len(accepted) == 5, what="the outbox")
        assert (tmp_path / "outbox.sqlite3").exists()
        mosquitto.start()
        with listening(mosquitto.port) as listener:
            wait_until(lambda: len(ids(listener)) == 5, 20.0)
    assert ids(listener) == [w["id"] for w in written]
    assert [json.loads(a) for a in accepted] == written
    assert sum("refuses connections" in m for m in caplog.messages) == 1


def test_publisher_writes_no_file_while_the_broker_is_there(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """Two hundred events, the state folder stays untouched; accepted means acknowledged."""
    accepted: list[str] = []
    state_dir = tmp_path / "state"
    config = a_config(state_dir, mosquitto.port)
    with publishing(config, on_accepted=accepted.append) as publisher:
        connected(publisher)
        for face in range(200):
            publisher.event(an_event(face))
            wait_until(lambda face=face: len(accepted) > face)
    assert not state_dir.exists()
    assert len(ids(listener)) == 200


def test_publisher_sends_the_last_state_of_many(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """A flickering face: few messages, and the truth at the end."""
    with publishing(a_config(tmp_path, mosquitto.port)) as publisher:
        listener.wait_for(f"{BASE}/status", "online")
        for index in range(501):
            publisher.state(CameraState.of([a_face(1, LABELS[index % 2])]))
        wait_until(lambda: json.loads(listener.payloads(STATE)[-1])["emotion"] == "happy")
        assert len(listener.payloads(STATE)) <= 3


def test_publisher_leaves_no_stale_face_behind(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """At stop: nobody seen, camera offline, daemon offline, in this order."""
    with listening(mosquitto.port) as listener:
        with publishing(a_config(tmp_path, mosquitto.port)) as publisher:
            publisher.availability(True)
            publisher.state(CameraState.of([a_face(1)]))
            wait_until(lambda: '"happy"' in "".join(listener.payloads(STATE)))
            # Of each topic one message is under way at a time: the next would else come when it can.
            wait_until(lambda: not publisher._standing._under_way, what="acknowledgements")
        listener.wait_for(f"{BASE}/status", "offline")
    kept = [(t, p) for t, p, _ in listener.messages][-3:]
    assert kept[0] == (f"{BASE}/camera/availability", "offline")
    assert (kept[1][0], json.loads(kept[1][1])["count"]) == (STATE, 0)
    assert kept[2] == (f"{BASE}/status", "offline")


def test_publisher_that_dies_is_reported_by_the_broker(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """The will: `offline`, retained, when the connection ends without a goodbye."""
    with publishing(a_config(tmp_path, mosquitto.port)) as publisher:
        listener.wait_for(f"{BASE}/status", "online")
        link = publisher._link
        sock = link._client.socket() if link else None
        assert sock is not None
        sock.close()
        listener.wait_for(f"{BASE}/status", "offline")


def test_publisher_announces_again_when_home_assistant_starts(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """Everything, in the same order."""
    with publishing(a_config(tmp_path, mosquitto.port)):
        listener.wait_for(f"{BASE}/status", "online")
        before = len(announced(listener))
        listener.client.publish("homeassistant/status", "online")
        wait_until(lambda: len(announced(listener)) >= before + 6)
    assert announced(listener)[before + 1 : before + 6] == ANNOUNCEMENT


def test_publisher_obeys_only_what_it_understands(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """ON and OFF are passed on; everything else is a line in the log."""
    heard: list[bool] = []
    with publishing(a_config(tmp_path, mosquitto.port), on_enabled=heard.append) as publisher:
        connected(publisher)
        listener.wait_for(f"{BASE}/status", "online")
        for payload in ("OFF", "off", b"\xff\xfe", "", "ON"):
            listener.client.publish(f"{ENABLED}/set", payload, 1)
        listener.client.publish(f"{BASE}/camera/zoom/set", "2", 1)
        wait_until(lambda: any("zoom" in m for m in caplog.messages))
    assert heard == [False, True]
    assert sum(r.levelno == logging.WARNING for r in caplog.records) == 4


def test_publisher_ignores_a_retained_command(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """It would pause the camera at every connect for ever."""
    listener.client.publish(f"{ENABLED}/set", "OFF", 1, retain=True)
    heard: list[bool] = []
    with publishing(a_config(tmp_path, mosquitto.port), on_enabled=heard.append):
        wait_until(lambda: any("retain" in m for m in caplog.messages))
    assert heard == []


@pytest.mark.parametrize("same_client_id", [False, True])
def test_publisher_notices_a_second_one_with_its_device_id(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture, same_client_id: bool
) -> None:
    """On machines of their own, and on one card that was copied, machine id and all."""
    names = ("one", "one") if same_client_id else ("one", "two")
    configs = [
        a_config(tmp_path / str(i), mosquitto.port, mqtt={"client_id": name})
        for i, name in enumerate(names)
    ]
    with publishing(configs[0]) as first:
        connected(first)
        with publishing(configs[1]):
            wait_until(lambda: any("its own `device`" in m for m in caplog.messages), 20.0)


def test_publisher_says_a_wrong_password_and_shows_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in plain words; the password stands nowhere."""
    users = tmp_path / "users"
    users.write_text("")
    lines = ("allow_anonymous false", f"password_file {users}")
    secret = {"user": "porch", "password": "hunter2-secret"}
    with Mosquitto(tmp_path, lines) as mosquitto:
        caplog.set_level(logging.DEBUG)
        with publishing(a_config(tmp_path, mosquitto.port, mqtt=secret)):
            wait_until(lambda: any("user porch" in m for m in caplog.messages))
    assert "hunter2" not in caplog.text


def test_publisher_speaks_3_1_1_where_the_broker_knows_no_more(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener
) -> None:
    """With the version forced; the contract stays the same."""
    config = a_config(tmp_path, mosquitto.port, mqtt={"protocol": "3.1.1"})
    with publishing(config) as publisher:
        publisher.event(an_event())
        wait_until(lambda: len(ids(listener)) == 1)


def test_publisher_keeps_events_that_the_broker_forbids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MQTT 5 tells of a refusal: they are kept, and the log says why."""
    rules = tmp_path / "acl"
    rules.write_text(f"topic read #\ntopic write {BASE}/status\n")
    with Mosquitto(tmp_path, (*ANYBODY, f"acl_file {rules}")) as mosquitto:
        accepted: list[str] = []
        config = a_config(tmp_path, mosquitto.port)
        with publishing(config, on_accepted=accepted.append) as publisher:
            connected(publisher)
            publisher.event(an_event())
            wait_until(lambda: len(accepted) == 1)
    assert any(EVENT in m and "access rules" in m for m in caplog.messages)
    assert (tmp_path / "outbox.sqlite3").exists()


def test_publisher_ends_within_its_time_at_a_broker_that_hangs(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """Frozen, not closed: what can't be said is stored, and no thread is left but the one that may hang."""
    publisher = Publisher(a_config(tmp_path, mosquitto.port), LABELS, on_enabled=lambda _: None)
    publisher.start()
    connected(publisher)
    mosquitto.freeze()
    written = publisher.event(an_event())
    publisher.stop(1.5)
    mosquitto.freeze(frozen=False)
    assert "mqtt-delivery" not in {t.name for t in threading.enumerate()}
    with listening(mosquitto.port) as listener, publishing(a_config(tmp_path, mosquitto.port)):
        wait_until(lambda: written["id"] in ids(listener))


def test_publisher_waits_at_its_end_for_a_slow_disk(tmp_path: Path) -> None:
    """Played by whoever is told of what is stored, for longer than goodbye may take: the last event counts too."""
    accepted: list[str] = []

    def store_slowly(payload: str) -> None:
        threading.Event().wait(0.5)
        accepted.append(payload)

    config = a_config(tmp_path, port=1)
    publisher = Publisher(config, LABELS, on_enabled=lambda _: None, on_accepted=store_slowly)
    publisher.start()
    written = [publisher.event(an_event(face)) for face in range(3)]
    publisher.stop(0.4)
    assert [json.loads(a) for a in accepted] == written


def test_publisher_says_when_a_disk_is_too_slow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends all the same, before systemd ends it, and does not keep quiet about it."""
    free = threading.Event()

    def hang(_: str) -> None:
        free.wait()

    config = a_config(tmp_path, port=1)
    publisher = Publisher(config, LABELS, on_enabled=lambda _: None, on_accepted=hang)
    publisher.start()
    publisher.event(an_event())
    publisher.stop(0.4)
    free.set()
    assert [r.levelname for r in caplog.records if "may be lost" in r.message] == ["WARNING"]
    publisher._thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_publisher_tells_of_a_thread_that_died(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Whoever is told of an accepted event stumbles: from then on nothing would be sent."""

    def stumble(_: str) -> None:
        raise ZeroDivisionError

    config = a_config(tmp_path, mosquitto.port)
    publisher = Publisher(config, LABELS, on_enabled=lambda _: None, on_accepted=stumble)
    publisher.start()
    try:
        publisher.check()
        publisher.event(an_event())
        wait_until(lambda: "mqtt-delivery" not in {t.name for t in threading.enumerate()})
        with pytest.raises(RuntimeError, match="the thread mqtt-delivery has died"):
            publisher.check()
    finally:
        publisher.stop(1.0)


def test_publisher_comes_back_after_the_broker_was_killed(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """Lost: one line. Back: one line. In between events wait, and arrive."""
    caplog.set_level(logging.INFO)
    with publishing(a_config(tmp_path, mosquitto.port)) as publisher:
        connected(publisher)
        mosquitto.stop(signal.SIGKILL)
        wait_until(lambda: not publisher.is_connected)
        written = publisher.event(an_event())
        mosquitto.start()
        with listening(mosquitto.port) as listener:
            wait_until(lambda: ids(listener) == [written["id"]], 20.0)
    assert sum("connection was lost" in m for m in caplog.messages) == 1
    assert sum(m.startswith("connected to") for m in caplog.messages) == 2


def test_publisher_delivers_through_jumps_of_the_clock(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """A machine starts in 1970, is set to 2027, and then to 2001: all arrives, each with the time of its clock."""
    mosquitto.stop()
    reading = [WallTime(60.0, is_synced=False)]
    accepted: list[str] = []
    config = a_config(tmp_path, mosquitto.port, outbox={"max_age_s": 3600})
    with publishing(config, clock=lambda: reading[-1], on_accepted=accepted.append) as publisher:
        for number, later in enumerate((1.8e9, 1e9, 1e9), start=1):
            publisher.event(an_event(number))
            wait_until(lambda number=number: len(accepted) == number, what="the outbox")
            reading.append(WallTime(later, is_synced=True))
        mosquitto.start()
        with listening(mosquitto.port) as listener:
            wait_until(lambda: len(ids(listener)) == 3, 20.0)
    events = [json.loads(p) for p in listener.payloads(EVENT)]
    assert [(e["face"], e["time"][:4], e["time_synced"]) for e in events] == [
        (1, "1970", False),
        (2, "2027", True),
        (3, "2001", True),
    ]


@pytest.mark.parametrize("setting", ["max_packet_size", "message_size_limit"])
def test_publisher_works_with_a_broker_that_takes_small_packets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    """The discovery message is left out, which is said with the broker's setting; all else arrives."""
    caplog.set_level(logging.INFO)
    with (
        Mosquitto(tmp_path, (*ANYBODY, f"{setting} 2000")) as mosquitto,
        listening(mosquitto.port) as listener,
        publishing(a_config(tmp_path, mosquitto.port)) as publisher,
    ):
        listener.wait_for(f"{BASE}/status", "online")
        publisher.event(an_event())
        wait_until(lambda: ids(listener), what="the event")
    assert DISCOVERY not in announced(listener)
    assert [m for m in caplog.messages if setting in m and DISCOVERY in m]
    assert sum(m.startswith("connected to") for m in caplog.messages) == 1


HELD_S = 0.2
"""For so long the publisher is kept from its work, while more of it comes."""


def the_end_of(listener: Listener) -> list[tuple[str, str]]:
    """What came last: an event's kind, or the availability, by topic."""
    return [
        (topic, json.loads(payload)["event_type"] if topic == EVENT else payload)
        for topic, payload, _ in listener.messages
        if topic in (EVENT, f"{BASE}/camera/availability")
    ][-2:]


@pytest.mark.parametrize("is_stopping", [False, True])
def test_publisher_tells_who_left_before_the_camera_is_offline(
    tmp_path: Path, mosquitto: Mosquitto, listener: Listener, is_stopping: bool
) -> None:
    """Both at once, at a loss and at stop: where it is offline already nobody looks for events any more."""
    held, free = threading.Event(), threading.Event()

    def hold(_: bool) -> None:
        held.set()
        free.wait()

    with publishing(a_config(tmp_path, mosquitto.port), on_enabled=hold) as publisher:
        publisher.availability(True)
        listener.wait_for(f"{BASE}/camera/availability", "online")
        listener.client.publish(f"{ENABLED}/set", "ON", 1)
        assert held.wait(10.0)
        publisher.event(an_event(1, EventKind.LEFT))
        if not is_stopping:
            publisher.availability(False)
        threading.Timer(HELD_S, free.set).start()
    listener.wait_for(f"{BASE}/camera/availability", "offline")
    assert the_end_of(listener) == [(EVENT, "left"), (f"{BASE}/camera/availability", "offline")]
