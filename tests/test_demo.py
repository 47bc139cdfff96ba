"""The demo: faces that come, change and leave, found by Haar and told apart by the model."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from edgeemo.sight.detector import load_cascade
from edgeemo.sources.demo import LOOP_S, PLAY, DemoSource, Key, Stage, mix, pose_at
from edgeemo.types import Box

SIZE = (1280, 720)
LABELS = {"neutral": "neutral", "happiness": "happy", "surprise": "surprise"}
"""What the bundled model calls the demo's emotions."""


@pytest.fixture(scope="module")
def stage() -> Stage:
    """The play, ready to be drawn."""
    return Stage(SIZE)


def haar(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[Box]:
    """Faces by OpenCV's plain detector at half the size, as boxes in the whole picture."""
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), None, fx=0.5, fy=0.5)
    found = load_cascade("frontalface_default").detectMultiScale(grey, 1.1, 5, minSize=(40, 40))
    return [Box(*(float(value) for value in box)).scale(2) for box in found]


def settled(at: float) -> list[Key]:
    """The faces that are wholly in the picture at `at` and not changing their expression."""
    poses = [pose for keys in PLAY if (pose := pose_at(keys, at))]
    return [
        start
        for start, end, progress in poses
        if start.emotion == end.emotion and 0.15 < mix(start.x, end.x, progress) < 0.85
    ]


@pytest.mark.parametrize("at", [3.0, 6.5, 8.2, 10.0, 11.8, 14.0, 23.0, 27.5, 30.5])
def test_demo_faces_are_found_and_read_as_what_they_are(stage: Stage, at: float) -> None:
    """Haar finds each face that is there, and the bundled model says its expression."""
    picture = stage.draw(at)
    boxes = haar(picture)
    classifier = TFLiteClassifier(ModelConfig())
    labels = [s.best[0] for s in classifier.classify(picture, [(box, 0.0) for box in boxes])]
    assert sorted(labels) == sorted(LABELS[key.emotion] for key in settled(at))


@pytest.mark.parametrize("at", [0.0, 0.5, 18.5, 20.0, 34.5])
def test_demo_has_empty_stretches(stage: Stage, at: float) -> None:
    """Between the scenes there is the wall and nothing that looks like a face."""
    assert np.array_equal(stage.draw(at), stage.draw(LOOP_S - 0.1))
    assert haar(stage.draw(at)) == []


def test_demo_begins_again_after_its_loop(stage: Stage) -> None:
    """It never ends, and every loop is the same."""
    assert np.array_equal(stage.draw(7.0), stage.draw(7.0 + 3 * LOOP_S))


def test_demo_shows_a_face_that_comes_changes_and_leaves_in_half_a_minute() -> None:
    """Within 30 s some face has come in, shown two expressions and gone out again."""
    whole = [keys for keys in PLAY if keys[-1].at <= 30.0]
    assert any(len({key.emotion for key in keys}) >= 2 for keys in whole)


def test_demo_keeps_its_keys_in_order() -> None:
    """Each face's keys follow each other in time, within the loop."""
    for keys in PLAY:
        times = [key.at for key in keys]
        assert times == sorted(set(times))
        assert times[-1] <= LOOP_S


def test_demo_source_is_the_same_each_time() -> None:
    """Two sources, and one opened twice, give the same pictures for the same indexes."""
    first, second = (DemoSource((320, 240), fps=2.0, clock=lambda: 5.0) for _ in range(2))
    first.open()
    second.open()
    for _ in range(6):
        one, other = first.read(), second.read()
        assert (one.index, one.at) == (other.index, other.at)
        assert np.array_equal(one.image, other.image)


def test_demo_source_is_due_by_the_clock() -> None:
    """Frames bear the instant at which they are due: index / fps after the opening."""
    source = DemoSource((160, 120), fps=4.0, clock=lambda: 100.0)
    source.open()
    assert [source.read().at for _ in range(3)] == [100.0, 100.25, 100.5]


def test_demo_source_skips_what_a_late_reader_missed() -> None:
    """As with a camera, a reader that comes late sees now, not what was."""
    now = [0.0]
    source = DemoSource((160, 120), fps=10.0, clock=lambda: now[0])
    source.open()
    source.read()
    now[0] = 3.05
    assert source.read().index == 30
