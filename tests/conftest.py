"""What several test modules share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from broker import Listener, Mosquitto, listening
from edgeemo.annotate import ClipCanvas, PictureCanvas
from edgeemo.sources.demo import Stage
from realfaces import DATA

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("edgeemo", deadline=None)
hypothesis.settings.load_profile("edgeemo")

# As tools/converting has it; tests may import TensorFlow before that.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

CLIP_SIZE = (480, 270)
CLIP_FPS = 10
CLIP_S = 16.0


def pytest_report_header() -> list[str]:
    """What is skipped in this run, so that nobody takes it for the whole."""
    lines = []
    if importlib.util.find_spec("keras") is None:
        lines.append("without TensorFlow: the tests of the tools that need it are skipped")
    if not DATA.is_dir():
        lines.append("without ../shared/data: the tests on its faces and clips are skipped")
    return lines


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker."""
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    """A second client at that broker, which hears everything."""
    with listening(mosquitto.port) as client:
        yield client


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds of the demo as a file: faces appear, change and leave in it."""
    path = tmp_path_factory.mktemp("clip") / "demo.avi"
    stage, canvas = Stage(CLIP_SIZE), ClipCanvas(path, CLIP_FPS)
    for index in range(int(CLIP_S * CLIP_FPS)):
        canvas.add(stage.draw(index / CLIP_FPS))
    canvas.close()
    return path


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A picture with one calm face in it."""
    path = tmp_path / "face.png"
    PictureCanvas(path).add(Stage(CLIP_SIZE).draw(3.5))
    return path
