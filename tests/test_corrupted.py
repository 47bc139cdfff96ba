"""Real files and streams, damaged at random: each is refused in words, or read; nothing else happens."""

from __future__ import annotations

import shutil
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeemo.annotate import open_canvas
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import CameraConfig, ModelConfig, bundled_model
from edgeemo.errors import InputError, ModelError, SourceError
from edgeemo.sources import make_source
from edgeemo.sources.demo import Stage
from edgeemo.sources.file import FileSource
from edgeemo.sources.source import frames

SIZE = (160, 90)
ENOUGH = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)

damage = st.lists(st.tuples(st.floats(0.0, 0.999), st.integers(1, 255)), min_size=1, max_size=20)
"""Where, as a share of the file, and what its byte is exclusive-ored with."""
cuts = st.just(1.0) | st.floats(0.0, 1.0)
"""How much of the file is there: all of it every other time."""


def damaged(path: Path, spots: list[tuple[float, int]], kept: float) -> Path:
    """A copy of a file with some bytes changed and its end missing."""
    content = bytearray(path.read_bytes())
    for where, mask in spots:
        content[int(where * len(content))] ^= mask
    copy = path.with_name(f"damaged{path.suffix}")
    copy.write_bytes(content[: int(kept * len(content))])
    return copy


@pytest.fixture(scope="module", params=[".png", ".jpg", ".webp", ".avi", ".mp4"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good picture or clip of one kind."""
    path: Path = tmp_path_factory.mktemp("good") / f"good{request.param}"
    stage, is_clip = Stage(SIZE), request.param in (".avi", ".mp4")
    canvas = open_canvas(path, 10.0 if is_clip else None)
    for index in range(12 if is_clip else 1):
        canvas.add(stage.draw(3.0 + index / 10))
    canvas.close()
    return path


@ENOUGH
@given(spots=damage, kept=cuts)
def test_damaged_pictures_and_clips_are_read_or_refused(
    original: Path, spots: list[tuple[float, int]], kept: float
) -> None:
    """Every frame that comes is a picture; what can't be read is an InputError of one line."""
    try:
        for frame in frames(FileSource(damaged(original, spots, kept))):
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 3
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the shipped model, to be damaged."""
    folder = tmp_path_factory.mktemp("model")
    for suffix in (".tflite", ".json"):
        shutil.copy(bundled_model().with_suffix(suffix), folder / f"good{suffix}")
    return folder / "good.tflite"


@ENOUGH
@given(spots=damage, kept=cuts)
def test_damaged_models_are_refused(
    model: Path, spots: list[tuple[float, int]], kept: float
) -> None:
    """No runtime ever sees a file that is not what its sidecar describes."""
    bad = damaged(model, spots, kept)
    shutil.copy(model.with_suffix(".json"), bad.with_suffix(".json"))
    if bad.read_bytes() == model.read_bytes():  # the same byte was changed there and back
        return
    with pytest.raises(ModelError) as raised:
        TFLiteClassifier(ModelConfig(path=bad))
    assert "\n" not in str(raised.value)


@ENOUGH
@given(spots=damage, kept=cuts)
def test_damaged_sidecars_are_read_or_refused(
    model: Path, spots: list[tuple[float, int]], kept: float
) -> None:
    """A byte of the provenance may change unseen; anything that matters is a ModelError of one line."""
    bad = damaged(model.with_suffix(".json"), spots, kept)
    shutil.copy(model, bad.with_suffix(".tflite"))
    try:
        TFLiteClassifier(ModelConfig(path=bad.with_suffix(".tflite")))
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


REPLIES = {
    "nothing": b"",
    "noise": np.random.default_rng(1).bytes(4096),
    "half an answer": b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Len",
    "another protocol": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "an endless line": b"RTSP/1.0 " + b"A" * 200_000,
}


@pytest.fixture(params=sorted(REPLIES))
def rubbish(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that answers everything with the same rubbish and hangs up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(REPLIES[request.param])

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """The client hangs up on rubbish, too."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/camera"
        server.shutdown()


def test_rubbish_from_a_stream_is_a_camera_that_is_not_there(rubbish: str) -> None:
    """The source says so within its time-outs, in one line, and can be asked again."""
    source = make_source(CameraConfig(source=rubbish, open_timeout_s=2.0, stall_s=2.0))
    for _ in range(2):
        with pytest.raises(SourceError) as raised:
            source.open()
        assert "\n" not in str(raised.value)
        source.close()
