"""What several test modules share."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest

from edgeemo.annotate import ClipCanvas, PictureCanvas
from edgeemo.sources.demo import Stage

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("edgeemo", deadline=None)
hypothesis.settings.load_profile("edgeemo")

# As tools/converting has it; tests may import TensorFlow before that.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

HAS_TENSORFLOW = importlib.util.find_spec("keras") is not None
TRAINING = ["test_augment.py", "test_evaluate.py", "test_train.py", "test_train_parts.py"]
collect_ignore = [] if HAS_TENSORFLOW else TRAINING

CLIP_SIZE = (480, 270)
CLIP_FPS = 10
CLIP_S = 16.0


def pytest_report_header() -> str | None:
    """What is left out of this run, so that nobody takes it for the whole."""
    return None if HAS_TENSORFLOW else f"without TensorFlow, left out: {', '.join(TRAINING)}"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds of the demo as a file: faces appear, change and leave in it."""
    path = tmp_path_factory.mktemp("clip") / "demo.avi"
    stage, canvas = Stage(CLIP_SIZE), ClipCanvas(path)
    for index in range(int(CLIP_S * CLIP_FPS)):
        canvas.add(stage.draw(index / CLIP_FPS), index / CLIP_FPS)
    canvas.close()
    return path


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A picture with one calm face in it."""
    path = tmp_path / "face.png"
    PictureCanvas(path).add(Stage(CLIP_SIZE).draw(3.5), 0.0)
    return path
