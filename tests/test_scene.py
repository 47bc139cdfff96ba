"""Scenes with faces in them, through the whole pipeline, to exactly the events they should give."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeemo.config import Config, PublishConfig
from edgeemo.pipeline import Look, Pipeline, build_pipeline
from edgeemo.types import Box, Frame
from realfaces import DATA
from scenery import SIZE, Actor, TileClassifier, play

CLIPS = DATA / "clips"
needs_clips = pytest.mark.skipif(
    not (CLIPS / "faces.json").is_file(), reason="the clips in ../shared/data are not here"
)


def run(frames: Sequence[Frame], pipeline: Pipeline | None = None) -> list[Look]:
    """Every look of a pipeline at some frames."""
    pipeline = pipeline or build_pipeline(Config(), TileClassifier())
    return [pipeline.step(frame) for frame in frames]


def story(looks: Sequence[Look]) -> list[tuple[str, int, str]]:
    """What was told, in order: kind, face, label."""
    return [(e.kind.value, e.face, e.label) for look in looks for e in look.events]


def visit(at: float) -> list[Actor]:
    """One face enters from the left, smiles, and leaves to the right."""
    if 1 <= at < 2:
        return [Actor(-60 + 300 * (at - 1), 135)]
    if 2 <= at < 6.5:
        return [Actor(240, 135, emotion="neutral" if at < 4 else "happiness")]
    if 6.5 <= at < 8:
        return [Actor(240 + 280 * (at - 6.5), 135, emotion="happiness")]
    return []


@pytest.mark.parametrize("fps", [5.0, 12.5, 30.0, 60.0])
def test_scene_one_face_enters_smiles_leaves(fps: float) -> None:
    """Exactly three events, the same at any rate, the change at the same time."""
    looks = run(list(play(visit, 10, fps)))
    assert story(looks) == [
        ("appeared", 1, "neutral"),
        ("changed", 1, "happiness"),
        ("left", 1, "happiness"),
    ]
    appeared, changed, left = (e for look in looks for e in look.events)
    assert 1.2 < appeared.at < 2.5
    assert changed.at == pytest.approx(5.0, abs=0.3)
    assert 7.5 < left.at < 9.0


def test_scene_of_nobody_gives_no_events() -> None:
    """An empty room is not looked at for long."""
    looks = run(list(play(lambda _: [], 5)))
    assert story(looks) == []
    assert sum(look.analysed for look in looks) < 35


def test_scene_skipping_changes_no_label() -> None:
    """Against the same pipeline with nothing skipped: the same labels, within 0.3 s."""

    def moods(at: float) -> list[Actor]:
        emotion = ("neutral", "happiness", "surprise", "neutral")[int(at / 2.5) % 4]
        return [Actor(240 + 20 * np.sin(at), 130, emotion=emotion)]

    frames = list(play(moods, 10))
    daemon = run(frames)
    thorough = run(frames, build_pipeline(Config(), TileClassifier(), exhaustive=True))
    assert story(daemon) == story(thorough)
    assert sum(look.analysed for look in thorough) == len(frames)
    pairs = zip(
        (e.at for look in daemon for e in look.events),
        (e.at for look in thorough for e in look.events),
        strict=True,
    )
    assert all(abs(a - b) <= 0.3 for a, b in pairs)


@pytest.mark.parametrize("light", [1.0, 0.15])
def test_scene_of_tilting_heads_keeps_their_ids(light: float) -> None:
    """Two people tilt their heads by 35 degrees to and fro, by day and by night."""

    def two(at: float) -> list[Actor]:
        sway = 35 * np.sin(2 * np.pi * at / 3)
        return [Actor(130, 120, 90, tilt=sway), Actor(350, 150, 80, "happiness", tilt=-sway)]

    looks = run(list(play(two, 8, light=light)))
    seen = [{face.track.id for face in look.faces} for look in looks]
    assert set().union(*seen) == {1, 2}
    assert sum(ids == {1, 2} for ids in seen) >= 0.95 * len(seen)


def test_scene_a_face_hidden_for_a_moment_stays_the_same_person() -> None:
    """A cup before the face for a third of a second."""

    def drinker(at: float) -> list[Actor]:
        return [] if 3.0 <= at < 3.3 else [Actor(240, 130)]

    assert story(run(list(play(drinker, 6)))) == [("appeared", 1, "neutral")]


@pytest.mark.parametrize("pixels", [100, 120])
def test_scene_a_face_that_jumps_is_framed_where_it_went(pixels: float) -> None:
    """A picture or two are missing, as over a radio link: the same person, about a side away."""

    def jumper(at: float) -> list[Actor]:
        return [Actor(150 if at < 3 else 150 + pixels, 135)]

    looks = run(list(play(jumper, 6)))
    assert story(looks) == [("appeared", 1, "neutral")]
    (face,) = looks[-1].faces
    assert face.track.box.center == pytest.approx(jumper(6.0)[0].box.center, abs=10)


@pytest.mark.parametrize("pixels", [-100, 100])
def test_scene_somebody_who_comes_close_to_a_known_person_is_met(pixels: float) -> None:
    """Where a person's shoulders are is searched too, only more seldom."""

    def company(at: float) -> list[Actor]:
        first = Actor(240 + 6 * np.sin(2 * at), 135)
        return [first, Actor(240 + pixels, 135, 80, "happiness")] if at >= 2 else [first]

    met = [("appeared", 1, "neutral"), ("appeared", 2, "happiness")]
    assert story(run(list(play(company, 16)))) == met


def test_scene_two_who_pass_each_other_stay_who_they_are() -> None:
    """One far, one near, in opposite directions."""

    def passing(at: float) -> list[Actor]:
        return [Actor(90 + 60 * at, 80, 70), Actor(390 - 60 * at, 185, 100, "happiness")]

    looks = run(list(play(passing, 5)))
    last = {face.track.id: face.track.box.center[0] for face in looks[-1].faces}
    first = {face.track.id: face.track.box.center[0] for face in looks[8].faces}
    assert first.keys() == last.keys()
    assert len(first) == 2
    assert all((first[i] < 240) == (last[i] > 240) for i in first)


def test_scene_of_a_face_in_an_excluded_zone_is_empty() -> None:
    """A television is no visitor; the person beside it is."""
    config = Config.model_validate({"detect": {"exclude": [[0.5, 0.0, 0.5, 1.0]]}})
    pipeline = build_pipeline(config, TileClassifier())
    looks = run(list(play(lambda _: [Actor(120, 130), Actor(370, 130)], 3)), pipeline)
    assert [round(face.track.box.center[0], -1) for face in looks[-1].faces] == [120]
    assert sum(look.refused.get("zone", 0) for look in looks) >= 1


def test_scene_of_a_face_that_walks_into_an_excluded_zone_ends_there() -> None:
    """Whoever is known leaves at the border, and is neither followed nor told of behind it."""
    config = Config.model_validate({"detect": {"exclude": [[0.5, 0.0, 0.5, 1.0]]}})
    walk = play(lambda at: [Actor(100 + 60 * min(at, 4), 135)], 6)
    looks = run(list(walk), build_pipeline(config, TileClassifier()))
    assert story(looks) == [("appeared", 1, "neutral"), ("left", 1, "neutral")]
    boxes = [face.track.box for look in looks for face in look.faces]
    assert max(box.center[0] for box in boxes) < SIZE[0] / 2


def test_scene_with_largest_only_tells_of_one() -> None:
    """The nearer of two."""
    config = Config.model_validate({"detect": {"largest_only": True}})
    pipeline = build_pipeline(config, TileClassifier())
    looks = run(list(play(lambda _: [Actor(120, 130, 70), Actor(350, 130, 130)], 4)), pipeline)
    assert [round(face.track.box.center[0], -1) for face in looks[-1].faces] == [350]


def test_scene_of_faces_too_small_is_empty() -> None:
    """min_face_px is the smallest that counts."""
    config = Config.model_validate({"detect": {"min_face_px": 120}})
    looks = run(
        list(play(lambda _: [Actor(240, 130, 70)], 3)), build_pipeline(config, TileClassifier())
    )
    assert not any(look.faces for look in looks)


def test_scene_changes_come_apart_by_the_interval() -> None:
    """A face that changes all the time is told of at most every change_interval_s."""

    def restless(at: float) -> list[Actor]:
        return [Actor(240, 130, emotion="neutral" if int(at / 1.2) % 2 else "happiness")]

    config = Config(publish=PublishConfig(change_interval_s=3.0))
    looks = run(list(play(restless, 12)), build_pipeline(config, TileClassifier()))
    changed = [e.at for look in looks for e in look.events if e.kind.value == "changed"]
    assert len(changed) >= 2
    assert all(b - a >= 3.0 - 1e-6 for a, b in itertools.pairwise(changed))


def read(path: Path) -> list[Frame]:
    """The frames of a clip at their own times."""
    capture = cv2.VideoCapture(str(path))
    frames: list[Frame] = []
    while (image := capture.read()[1]) is not None:
        at = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        frames.append(Frame(np.asarray(image, np.uint8), at, len(frames)))
    return frames


def hits(looks: Sequence[Look], truth: Sequence[Sequence[Sequence[float]]]) -> tuple[int, int, int]:
    """How many faces were held, how many boxes were false, how many faces there are."""
    held = false = 0
    for look, boxes in zip(looks, truth, strict=True):
        open_boxes = [Box(*box) for box in boxes]
        for face in look.faces:
            best = max(open_boxes, key=face.track.box.iou, default=None)
            if best is not None and face.track.box.iou(best) >= 0.3:
                held += 1
                open_boxes.remove(best)
            else:
                false += 1
    return held, false, sum(map(len, truth))


@needs_clips
@pytest.mark.parametrize(
    ("name", "recall", "people"),
    [
        ("head-pose-face-detection-male.gif", 0.95, 1),
        ("face-demographics-walking-and-pause.gif", 0.84, 3),
        ("one-by-one-person-detection.gif", 0.0, 0),
    ],
)
def test_clip_is_seen_better_than_by_the_plain_loop(name: str, recall: float, people: int) -> None:
    """Recall as good as Haar's on every frame or better, nothing false, one id a person."""
    truth = json.loads((CLIPS / "faces.json").read_text("utf-8"))[name]
    looks = run(read(CLIPS / name))
    held, false, there = hits(looks, truth)
    assert (false, len({f.track.id for look in looks for f in look.faces})) == (0, people)
    assert held >= recall * there
    assert all(look.size == SIZE for look in looks)
