"""Network cameras that send MJPEG over HTTP, as doorbells and phones do."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest
from pydantic import SecretStr

from clips import plain
from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.sources import Source, make_source

USER, PASSWORD = "phone", "p@ss word"
SIZE = (320, 240)
INTERVAL_S = 1 / 30


class MjpegHandler(BaseHTTPRequestHandler):
    """One picture after the other, to whoever is logged in, until the server is told to stop."""

    def do_GET(self) -> None:
        """Ask for the log-in, then send pictures that grow lighter."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {login}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        server = self.server
        assert isinstance(server, MjpegServer)
        level = 0
        while not server.stopping.wait(INTERVAL_S):
            level = (level + 1) % 256
            picture = cv2.imencode(".jpg", plain(level, SIZE))[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:  # the viewer hung up
                return

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests look at what is printed."""


class MjpegServer(ThreadingHTTPServer):
    """A camera on a free port of loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MjpegHandler)
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """Its stream."""
        return f"http://127.0.0.1:{self.server_port}/video"


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    """A camera, serving."""
    server = MjpegServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


def settings(url: str, **given: object) -> CameraConfig:
    """The camera's section."""
    return CameraConfig.model_validate(
        {"source": url, "stall_s": 3.0, "open_timeout_s": 3.0, **given}
    )


def test_http_stream_gives_pictures_to_who_logs_in(camera: MjpegServer) -> None:
    """User and password of the settings are put into the address, special characters and all."""
    source = make_source(settings(camera.url, user=USER, password=SecretStr(PASSWORD)))
    source.open()
    seen = [source.read() for _ in range(5)]
    source.close()
    assert {frame.size for frame in seen} == {SIZE}
    assert seen[0].image.mean() != seen[-1].image.mean()


def test_http_stream_with_a_wrong_password_is_an_error_that_says_so(
    camera: MjpegServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """The camera answers and gives nothing: a path or a log-in."""
    source = make_source(settings(camera.url, user=USER, password=SecretStr("guessed")))
    with pytest.raises(SourceError, match="a wrong path, or a refused log-in") as caught:
        source.open()
    assert "guessed" not in str(caught.value)
    assert "guessed" not in "".join(capfd.readouterr())


def test_http_stream_that_ends_is_lost(camera: MjpegServer) -> None:
    """A camera that hangs up is lost, not at the end of a file."""
    source = make_source(settings(camera.url, user=USER, password=SecretStr(PASSWORD)))
    source.open()
    camera.stopping.set()
    with pytest.raises(SourceError, match="is lost"):
        read_on(source)


def read_on(source: Source) -> None:
    """Read more than can still be on its way."""
    for _ in range(200):
        source.read()
