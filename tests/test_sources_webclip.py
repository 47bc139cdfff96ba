"""Clips that lie on a plain web server: played like a camera's stream, but no faster than they are."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from clips import plain, write_clip
from edgeemo.config import CameraConfig
from edgeemo.errors import SourceError
from edgeemo.sources import make_source

LEVELS = tuple(range(5, 250, 5))
FPS = 10.0


class QuietHandler(SimpleHTTPRequestHandler):
    """Sends the files of a folder, without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests look at what is printed."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that holds what lies in `tmp_path`."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_web_clip_gives_every_frame_when_it_is_due(site: str, tmp_path: Path, name: str) -> None:
    """None is taken for a backlog, and a server's speed is not the clip's."""
    write_clip(tmp_path / name, LEVELS, FPS)
    config = CameraConfig(source=f"{site}/{name}", stall_s=60.0)
    source = make_source(config, clock=lambda: 1000.0)
    source.open()
    seen = [source.read() for _ in LEVELS]
    with pytest.raises(SourceError, match="no more pictures come"):
        source.read()
    source.close()
    assert [f.image.mean() for f in seen] == pytest.approx(LEVELS, abs=4)
    assert [f.at - 1000.0 for f in seen] == pytest.approx([i / FPS for i in range(49)], abs=1e-3)


def test_web_clip_without_an_index_is_watched_after_a_backlog_at_most(
    site: str, tmp_path: Path
) -> None:
    """Pictures one after the other tell of no end: some seconds of them are taken for old, no more."""
    pictures = [cv2.imencode(".jpg", plain(level))[1].tobytes() for level in LEVELS * 4]
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures))
    source = make_source(CameraConfig(source=f"{site}/clip.mjpeg"))
    source.open()
    seen = [source.read() for _ in range(100)]
    source.close()
    assert seen[-1].index == 99
