"""What several test modules share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.annotate import ClipCanvas, PictureCanvas
from edgeemo.sources.demo import Stage

CLIP_SIZE = (480, 270)
CLIP_FPS = 10
CLIP_S = 16.0


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
