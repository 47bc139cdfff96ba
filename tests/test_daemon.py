"""The daemon as a process of its own, at a real broker."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import pytest

from broker import Listener, Mosquitto, listening
from eventschema import validate
from process import Program, run
from waiting import wait_until

pytestmark = pytest.mark.real

STATE, EVENT = "edgeemo/lab/camera/state", "edgeemo/lab/camera/event"
AVAILABILITY = "edgeemo/lab/camera/availability"
ENABLED = "edgeemo/lab/camera/enabled"
STATUS = "edgeemo/lab/status"
TELEMETRY = "edgeemo/lab/telemetry"


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto) -> Path:
    """A configuration file: the demo, at that broker."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"device: lab\nstate_dir: {tmp_path / 'state'}\n"
        "camera: {source: demo, width: 640, height: 360}\n"
        f"mqtt: {{host: 127.0.0.1, port: {mosquitto.port}}}\n"
    )
    return path


def events(listener: Listener) -> list[dict[str, object]]:
    """The events that came so far, each held against the schema."""
    return [validate(json.loads(payload)) for payload in listener.payloads(EVENT)]


def met(listener: Listener) -> list[object]:
    """The faces that appeared so far."""
    return [e["face"] for e in events(listener) if e["event_type"] == "appeared"]


def test_daemon_publishes_who_comes_and_says_goodbye(settings: Path, listener: Listener) -> None:
    """Online, a face appears, and at SIGTERM: everybody leaves, no stale face is kept, offline."""
    with Program(settings) as daemon:
        listener.wait_for(STATUS, "online")
        wait_until(lambda: events(listener), what="an event")
        started = time.monotonic()
        assert daemon.end() == 0
        assert time.monotonic() - started < 2.0
    listener.wait_for(STATUS, "offline")
    assert listener.payloads(AVAILABILITY) == ["offline", "online", "offline"]
    assert json.loads(listener.payloads(STATE)[-1])["emotion"] == "no_face"
    seen = events(listener)
    assert {e["face"] for e in seen if e["event_type"] == "appeared"} == {
        e["face"] for e in seen if e["event_type"] == "left"
    }
    assert len({e["id"] for e in seen}) == len(seen)


def test_daemon_never_retains_events(settings: Path, mosquitto: Mosquitto) -> None:
    """Who subscribes later gets the states, and no event of the past."""
    with listening(mosquitto.port) as early, Program(settings) as daemon:
        wait_until(lambda: events(early), what="an event")
        daemon.end()
    with listening(mosquitto.port) as late:
        late.wait_for(STATUS, "offline")
    assert not late.payloads(EVENT)


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening_to:
        listening_to.bind(str(tmp_path / "notify"))
        listening_to.settimeout(20.0)
        yield listening_to


def told_until(notify: socket.socket, word: str, times: int = 1) -> list[str]:
    """What systemd is told until it was told this so often."""
    said: list[str] = []
    while sum(word in text for text in said) < times:
        said.append(notify.recv(4096).decode())
    return said


def test_daemon_tells_systemd_when_it_works_and_when_it_stops(
    settings: Path, notify: socket.socket
) -> None:
    """READY once pictures come, a status line, pings, STOPPING."""
    address = notify.getsockname()
    with Program(settings, NOTIFY_SOCKET=address, WATCHDOG_USEC="3000000") as daemon:
        said = told_until(notify, "WATCHDOG=1", times=3)
        daemon.end()
        said += told_until(notify, "STOPPING=1")
    assert sum("READY=1" in text for text in said) == 1
    assert any(text.startswith("STATUS=") for text in said)


def test_daemon_is_not_ready_while_a_camera_gives_nothing(
    settings: Path, notify: socket.socket
) -> None:
    """Neither a picture nor a refusal yet: systemd hears that it waits, and no READY."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        waiting = ("--set", f"camera.source={source}", "--set", "camera.open_timeout_s=60")
        with Program(settings, *waiting, NOTIFY_SOCKET=notify.getsockname()) as daemon:
            said = told_until(notify, "STATUS=waiting for", times=3)
            daemon.end()
    assert not any("READY=1" in text for text in said)


def test_daemon_pauses_and_remembers(settings: Path, listener: Listener) -> None:
    """OFF closes the camera and clears the state, over a restart too; ON opens it again."""
    with Program(settings) as daemon:
        wait_until(lambda: events(listener), what="an event")
        listener.client.publish(f"{ENABLED}/set", "OFF")
        listener.wait_for(ENABLED, "OFF")
        listener.wait_for(AVAILABILITY, "offline")
        wait_until(lambda: json.loads(listener.payloads(STATE)[-1])["count"] == 0, what="no face")
        listener.client.publish(f"{ENABLED}/set", "perhaps")
        daemon.wait_for("perhaps")
        daemon.end()
    listener.wait_for(STATUS, "offline")
    listener.messages.clear()
    with Program(settings, "--set", "publish.telemetry_s=1"):
        wait_until(lambda: listener.payloads(TELEMETRY), 30.0, "a second of the new run")
        listener.wait_for(STATUS, "online")
        assert "online" not in listener.payloads(AVAILABILITY)
        assert listener.payloads(ENABLED) == ["OFF"]
        listener.client.publish(f"{ENABLED}/set", "ON")
        listener.wait_for(AVAILABILITY, "online")
        listener.wait_for(ENABLED, "ON")


def test_daemon_reloads_what_can_change(settings: Path) -> None:
    """SIGHUP: a changed mood is taken up, a changed camera is named, a bad file changes nothing."""
    good = settings.read_text()
    with Program(settings) as daemon:
        daemon.wait_for("pictures of")
        settings.write_text(good.replace("640", "480") + "mood: {threshold: 0.6}\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("needs a restart to take effect: camera")
        daemon.wait_for("reloaded: mood")
        settings.write_text("mood: {threshold: 7}\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("mood.threshold: 7 is not allowed")
        settings.write_text(good + "detect: {model: /nowhere.tflite}\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("stays as it was: can't read the sidecar /nowhere.json")
        assert daemon.end() == 0


def test_daemon_takes_up_another_interval_between_states(
    settings: Path, listener: Listener
) -> None:
    """SIGHUP: a state that had to wait for an hour comes when it has to no longer."""

    def counts() -> list[int]:
        """How many faces there were, as far as it was said; first nobody."""
        return [json.loads(payload)["count"] for payload in listener.payloads(STATE)]

    good = settings.read_text()
    settings.write_text(good + "publish: {state_interval_s: 3600}\n")
    with Program(settings) as daemon:
        wait_until(lambda: any(counts()), what="a face")
        known = len(counts())
        settings.write_text(good + "publish: {state_interval_s: 0.1}\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("reloaded: publish")
        wait_until(lambda: len(counts()) > known, 30.0, "another state")


def test_daemon_gives_no_id_twice_over_a_reload(settings: Path, listener: Listener) -> None:
    """With other settings everybody is met anew: as somebody new, never under an id used before."""
    with Program(settings) as daemon:
        wait_until(lambda: events(listener), what="an event")
        settings.write_text(settings.read_text() + "mood: {threshold: 0.3}\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("reloaded: mood")
        known = len(met(listener))
        wait_until(lambda: len(met(listener)) > known, 30.0, "somebody new")
        daemon.end()
    faces = met(listener)
    assert len(set(faces)) == len(faces) >= 2


def test_daemon_reports_how_it_is(settings: Path, listener: Listener) -> None:
    """Telemetry comes within the first seconds, with what Home Assistant shows of it."""
    with Program(settings, "--set", "publish.telemetry_s=1"):
        wait_until(lambda: listener.payloads(TELEMETRY), what="telemetry")
    figures = json.loads(listener.payloads(TELEMETRY)[0])
    assert figures["fps"] >= figures["fps_analysed"] > 0
    assert {"skipped", "refused", "latency_ms", "temperature_c", "throttled", "started_at"} <= set(
        figures
    )
    assert {"queued", "dropped"} <= set(figures)


def test_daemon_starts_without_a_broker_and_finds_it_later(
    settings: Path, mosquitto: Mosquitto
) -> None:
    """The broker comes after the daemon: what happened meanwhile arrives."""
    mosquitto.stop()
    with Program(settings, "--set", "log.level=debug") as daemon:
        daemon.wait_for("refuses connections")
        daemon.wait_for("appeared")
        mosquitto.start()
        with listening(mosquitto.port) as late:
            wait_until(lambda: events(late), 30.0, "the event of before")
        assert events(late)[0]["event_type"] == "appeared"


def test_daemon_waits_for_a_camera_that_is_not_there(settings: Path, listener: Listener) -> None:
    """Said once, tried again, the camera's availability offline, the daemon's online."""
    with Program(settings, "--set", "camera.source=/dev/video77") as daemon:
        daemon.wait_for("/dev/video77")
        listener.wait_for(STATUS, "online")
        assert listener.payloads(AVAILABILITY) == ["offline"]
        assert daemon.end() == 0


def test_run_reads_a_file_to_its_end(tmp_path: Path, clip: Path) -> None:
    """At the end of a file it exits 0, every face has left, and --events holds schema-valid lines."""
    out = tmp_path / "events.jsonl"
    done = run(
        "run", "--set", f"camera.source={clip}", "--set", f"state_dir={tmp_path}", "--events", out
    )
    assert done.returncode == 0, done.stderr
    seen = [validate(json.loads(line)) for line in out.read_text().splitlines()]
    assert [e["event_type"] for e in seen].count("appeared") >= 1
    assert [e["event_type"] for e in seen].count("appeared") == [
        e["event_type"] for e in seen
    ].count("left")


def test_run_waits_for_the_broker_at_the_end_of_a_file(
    settings: Path, listener: Listener, clip: Path
) -> None:
    """The last events are out when it exits, also when there was hardly time to connect."""
    done = run("run", settings, "--set", f"camera.source={clip}")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: listener.payloads(STATUS)[-1:] == ["offline"], what="the goodbye")
    kinds = [e["event_type"] for e in events(listener)]
    assert kinds.count("appeared") == kinds.count("left") >= 1


def test_daemon_writes_no_line_for_an_event(settings: Path, listener: Listener) -> None:
    """The journal lies on the card, and need not keep who was there in which mood."""
    with Program(settings) as daemon:
        wait_until(lambda: events(listener), what="an event")
        assert daemon.end() == 0
    assert not [line for line in daemon.log if "face" in line]


@contextmanager
def doorbell(picture: Path) -> Iterator[tuple[str, threading.Event]]:
    """A network camera, by its address, that shows a picture over and over until it is gone for good."""
    image = cv2.imread(str(picture))
    assert image is not None
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    is_gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def show() -> None:
            viewer, _ = server.accept()
            with viewer, suppress(OSError):
                viewer.sendall(
                    b"HTTP/1.0 200 OK\r\n"
                    b"Content-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n"
                )
                while not is_gone.wait(0.1):
                    viewer.sendall(b"--next\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")
            server.close()

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", is_gone
        is_gone.set()
        thread.join(10.0)


def test_daemon_tells_who_left_before_a_lost_camera_is_offline(
    settings: Path, listener: Listener, still: Path
) -> None:
    """Where the camera is offline, Home Assistant takes no event any more."""
    with doorbell(still) as (url, is_gone), Program(settings, "--set", f"camera.source={url}"):
        wait_until(lambda: events(listener), 30.0, "an event")
        is_gone.set()
        listener.wait_for(AVAILABILITY, "offline", 30.0)
        last = [topic for topic, _, _ in listener.messages if topic in (EVENT, AVAILABILITY)][-2:]
    assert (events(listener)[-1]["event_type"], last) == ("left", [EVENT, AVAILABILITY])
