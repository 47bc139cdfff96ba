"""Network cameras, against a real RTSP server: right, wrong, missing, killed, frozen, back again."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from edgeemo.capture import Capture
from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.mailbox import Mailbox
from edgeemo.sources import Source, frames, make_source
from edgeemo.sources.rtsp import explain
from netcamera import NetCamera

pytestmark = pytest.mark.real

LONG_S = 30.0
FPS = 15
"""What the test's camera sends a second."""
USER, PASSWORD = "cam", "p@ss:w/rd%41"
"""With everything in it that means something in a URL."""


@pytest.fixture
def camera() -> Iterator[NetCamera]:
    """An open camera, running."""
    camera = NetCamera()
    camera.start()
    yield camera
    camera.stop()


@pytest.fixture(scope="module")
def guarded() -> Iterator[NetCamera]:
    """A camera that asks for a log-in, running."""
    camera = NetCamera(USER, PASSWORD)
    camera.start()
    yield camera
    camera.stop()


def quick(url: str, **settings: object) -> CameraConfig:
    """Settings that give a stream up soon."""
    limits = {"open_timeout_s": 3.0, "stall_s": 1.0, "retry_max_s": 0.2}
    return CameraConfig.model_validate({"source": url, **limits, **settings})


@pytest.mark.parametrize("path", ["/h264", "/mjpeg"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_stream_gives_pictures(camera: NetCamera, path: str, transport: str) -> None:
    """Both common encodings arrive, over both transports, as pictures that move."""
    seen = []
    for frame in frames(make_source(quick(camera.url(path), transport=transport, stall_s=5.0))):
        seen.append(frame)
        if len(seen) == 5:
            break
    assert {frame.size for frame in seen} == {(320, 240)}
    assert seen[0].image.tobytes() != seen[-1].image.tobytes()


@pytest.mark.parametrize(
    "login",
    [
        {"user": USER, "password": SecretStr(PASSWORD)},
        {"user": USER, "password_file": "file"},
    ],
    ids=["settings", "file"],
)
def test_stream_logs_in(guarded: NetCamera, login: dict[str, object], tmp_path: Path) -> None:
    """User and password come from the settings or a file; special characters are no trouble."""
    if "password_file" in login:
        path = tmp_path / "secret"
        path.write_text(f"{PASSWORD}\n")
        login = {**login, "password_file": path}
    source = make_source(quick(guarded.url(), **login))
    source.open()
    frame = source.read()
    source.close()
    assert frame.size == (320, 240)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nobody:wrong@", "it refuses the log-in"),
        ("cam:wrong-secret@", "it refuses the log-in"),
        ("", "it wants a log-in: set camera.user and camera.password"),
    ],
)
def test_stream_refused_login_is_an_error_without_the_password(
    guarded: NetCamera, given: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong log-in, or none, is told in one line, which holds no secret; nor does FFmpeg say it."""
    url = guarded.url().replace("rtsp://", f"rtsp://{given}")
    source = make_source(quick(url))
    with pytest.raises(SourceError, match=says) as caught:
        source.open()
    assert "wrong" not in str(caught.value)
    assert "wrong" not in source.name
    assert "wrong" not in "".join(capfd.readouterr())


def test_stream_whose_password_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    """A file that is empty while it is replaced counts as a lost camera, not as a bad configuration."""
    path = tmp_path / "secret"
    path.touch()
    source = make_source(quick("rtsp://127.0.0.1:9/x", user=USER, password_file=path))
    with pytest.raises(SourceError, match="its first line holds no password"):
        source.open()


def test_stream_missing_path_is_an_error(camera: NetCamera) -> None:
    """A stream that the server does not have is told as such."""
    with pytest.raises(SourceError, match="it has no such stream: is the path right"):
        make_source(quick(camera.url("/nothing"))).open()


def test_stream_without_server_is_an_error(camera: NetCamera) -> None:
    """A server that is not there is an error at once, with the address in it."""
    camera.stop()
    with pytest.raises(SourceError) as caught:
        make_source(quick(camera.url())).open()
    assert str(caught.value) == (
        f"{camera.url()} can't be opened: nothing listens at 127.0.0.1:{camera.port}"
    )


def test_stream_that_never_answers_is_given_up(camera: NetCamera) -> None:
    """A server that accepts and says nothing is given up within the time-out, not hung on."""
    camera.freeze()
    try:
        with pytest.raises(SourceError, match="does not answer"):
            make_source(quick(camera.url(), open_timeout_s=1.0)).open()
    finally:
        camera.thaw()


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
def test_stream_that_goes_away_is_opened_again_when_it_is_back(
    camera: NetCamera, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed or frozen, the camera counts as lost; back again, its pictures are there again."""
    caplog.set_level(logging.INFO, logger="edgeemo")
    mailbox = Mailbox()
    config = quick(camera.url())
    capture = Capture(make_source(config), mailbox, config)
    capture.start()
    try:
        assert mailbox.take(LONG_S) is not None
        camera.freeze() if trouble == "frozen" else camera.stop()
        drain(mailbox, capture)
        camera.thaw() if trouble == "frozen" else camera.start()
        back = mailbox.take(LONG_S)
    finally:
        capture.stop(LONG_S)
    assert back is not None
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


def drain(mailbox: Mailbox, capture: Capture) -> None:
    """Take what comes until the camera counts as lost and the mailbox is empty."""
    for _ in range(int(LONG_S / 0.1)):
        if mailbox.take(0.1) is None and not capture.available:
            return
    pytest.fail("the loss was not noticed")


@pytest.mark.parametrize("path", ["/h264", "/mjpeg"])
def test_stream_begins_with_pictures_of_now(camera: NetCamera, path: str) -> None:
    """What gathered during the opening is skipped: pictures arrive at the camera's pace at once."""
    source = make_source(quick(camera.url(path)))
    source.open()
    arrivals = [source.read().at for _ in range(20)]
    source.close()
    at_pace_s = (len(arrivals) - 1) / FPS
    assert arrivals[-1] - arrivals[0] > at_pace_s / 2


def test_stream_frozen_shows_no_old_pictures(camera: NetCamera) -> None:
    """Pictures that FFmpeg still had when the camera froze are not handed out as new ones."""
    config = quick(camera.url(), stall_s=0.5)
    source = make_source(config)
    source.open()
    arrivals = [source.read().at for _ in range(10)]
    camera.freeze()
    late, told = read_until_lost(source)
    source.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals + late)]
    assert max(gaps) < config.stall_s
    assert told.endswith("is lost: no picture for 0.5 s")


def read_until_lost(source: Source) -> tuple[list[float], str]:
    """When pictures still arrived, and what was said when none did any more."""
    arrivals: list[float] = []
    while True:
        try:
            arrivals.append(source.read().at)
        except SourceError as error:
            return arrivals, str(error)


def test_stream_pause_hangs_up(camera: NetCamera) -> None:
    """Paused, edgeemo reads no pictures; resumed, it shows what is now."""
    mailbox = Mailbox()
    config = quick(camera.url())
    capture = Capture(make_source(config), mailbox, config)
    capture.start()
    try:
        first = mailbox.take(LONG_S)
        capture.pause()
        drain(mailbox, capture)
        capture.resume()
        second = mailbox.take(LONG_S)
    finally:
        capture.stop(LONG_S)
    assert first is not None
    assert second is not None
    assert second.at > first.at


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rtsp://no-such-machine.invalid/x", "no machine is called no-such-machine.invalid"),
        ("udp://@", "nothing arrives there"),
    ],
)
def test_explain_names_what_is_wrong_with_an_address(url: str, says: str) -> None:
    """A name that leads nowhere, and an address without one."""
    assert explain(url, 1.0) == says


@pytest.mark.parametrize(
    ("scheme", "reply", "says"),
    [
        ("rtsp", b"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak RTSP"),
        (
            "rtsp",
            b"RTSP/1.0 454 Session Not Found\r\n",
            "it answers 454, which is no way to a stream",
        ),
        ("rtsp", b"RTSP/1.0 200 OK\r\n", "it has the stream, but sends no pictures"),
        ("http", b"", "answers, but gives no stream"),
    ],
)
def test_explain_tells_by_the_answer(scheme: str, reply: bytes, says: str) -> None:
    """What the other side says decides what is told, and it is asked without the log-in."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=_answer, args=(server, reply, asked))
        answering.start()
        port = server.getsockname()[1]
        assert says in explain(f"{scheme}://me:secret@127.0.0.1:{port}/x", LONG_S)
        answering.join(LONG_S)
    assert b"secret" not in b"".join(asked)


def _answer(server: socket.socket, reply: bytes, asked: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        asked.append(connection.recv(1024))
        connection.sendall(reply)
