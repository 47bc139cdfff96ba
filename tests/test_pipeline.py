"""The pipeline's own promises: what a look says, what a reset does, what is looked at when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeemo.config import Config, PublishConfig
from edgeemo.errors import ModelError
from edgeemo.pipeline import Look, build_pipeline
from edgeemo.sight.cadence import Skip
from edgeemo.types import EmotionEvent, Frame
from scenery import SIZE, Actor, TileClassifier, paint, play


def one(at: float) -> list[Actor]:
    """A face that keeps still."""
    return [Actor(240, 130)]


def ticks() -> Iterator[float]:
    """A clock that is a second later every time it is asked."""
    now = 0.0
    while True:
        now += 1.0
        yield now


def test_pipeline_says_of_every_frame_what_it_did() -> None:
    """Index, time and size are the frame's; a skipped one has a cause, no refusals, no run."""
    pipeline = build_pipeline(Config(), TileClassifier())
    looks = [pipeline.step(frame) for frame in play(one, 4)]
    assert [look.index for look in looks] == list(range(50))
    assert {look.size for look in looks} == {SIZE}
    assert {look.skipped for look in looks} == {None, Skip.RATE, Skip.STILL}
    for look in looks:
        assert look.analysed == (look.skipped is None)
        if look.skipped:
            assert (look.classified, dict(look.refused)) == (0, {})


def test_pipeline_keeps_faces_through_skipped_frames() -> None:
    """What a skipped frame shows is what the one before showed."""
    pipeline = build_pipeline(Config(), TileClassifier())
    looks = [pipeline.step(frame) for frame in play(one, 4)]
    assert all(len(look.faces) == 1 for look in looks[2:])


def test_pipeline_takes_stage_times_from_the_clock_it_was_given() -> None:
    """Every stage lasts a second on a clock that adds one when asked."""
    clock = ticks()
    pipeline = build_pipeline(Config(), TileClassifier(), clock=lambda: next(clock))
    look = pipeline.step(next(play(one, 1)))
    assert list(look.stages) == ["grey", "follow", "probe", "search", "track", "classify", "tell"]
    assert set(look.stages.values()) == {1.0}


def test_pipeline_reset_lets_every_face_leave() -> None:
    """A camera that is lost has nobody before it; who comes after it is somebody else."""
    pipeline = build_pipeline(Config(), TileClassifier())
    frames = list(play(one, 4))
    for frame in frames[:25]:
        pipeline.step(frame)
    (left,) = pipeline.reset(at=2.5)
    assert (left.kind.value, left.face, left.at) == ("left", 1, 2.5)
    assert pipeline.reset(at=2.6) == ()
    looks = [pipeline.step(frame) for frame in frames[30:]]
    assert looks[0].analysed
    assert {face.track.id for look in looks for face in look.faces} == {2}


def test_pipeline_takes_ids_from_where_it_is_told() -> None:
    """A pipeline that takes over from another goes on with its ids."""
    pipeline = build_pipeline(Config(), TileClassifier(), ids=iter([41, 42]))
    looks = [pipeline.step(frame) for frame in play(one, 2)]
    assert {face.track.id for look in looks for face in look.faces} == {41}


@pytest.mark.parametrize("tilt", [0.0, 35.0, -35.0])
def test_pipeline_sees_all_of_a_still_at_once(tilt: float) -> None:
    """Thorough: one look, every face, tilted ones too; the next picture is seen as afresh."""
    pipeline = build_pipeline(Config(), TileClassifier(), thorough=True)
    actors = [Actor(120, 100, 80, tilt=tilt), Actor(350, 150, 110, "happiness")]
    for index in range(2):
        look = pipeline.step(Frame(paint(actors), 0.0, index))
        assert sorted(face.label for face in look.faces) == ["happiness", "neutral"]
        pipeline.reset(at=0.0)


@pytest.mark.parametrize("thorough", [False, True])
def test_pipeline_finds_a_face_that_fills_a_small_picture(thorough: bool) -> None:
    """48 by 48 pixels, as faces come in sets of them."""
    pipeline = build_pipeline(Config(), TileClassifier(), thorough=thorough)
    picture = paint([Actor(24, 24, 54)], (48, 48))
    looks = [pipeline.step(Frame(picture, index / 10, index)) for index in range(4)]
    assert [face.label for face in looks[-1].faces] == ["neutral"]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (30, 30), (100, 50)])
def test_pipeline_sees_nobody_in_a_picture_too_small_for_a_face(size: tuple[int, int]) -> None:
    """It is looked at like any other, and is no reason to fail."""
    pipeline = build_pipeline(Config(), TileClassifier())
    look = pipeline.step(Frame(paint([], size), 0.0, 0))
    assert (look.analysed, look.faces) == (True, ())


def test_pipeline_counts_what_it_refused() -> None:
    """A candidate seen once is counted when it is given up."""
    frames = list(play(lambda t: [Actor(240, 130)] if t == 0 else [], 2))
    pipeline = build_pipeline(Config(), TileClassifier())
    refused = sum(pipeline.step(frame).refused.get("unconfirmed", 0) for frame in frames)
    assert refused == 1


def test_pipeline_classifies_a_settled_face_seldom() -> None:
    """A calm face is given to the network a few times a second at most."""
    classifier = TileClassifier()
    pipeline = build_pipeline(Config(), classifier)
    looks: list[Look] = [pipeline.step(frame) for frame in play(one, 10)]
    assert classifier.runs == sum(look.classified for look in looks) <= 15


def test_pipeline_leaves_nothing_out_when_it_is_exhaustive() -> None:
    """A face that keeps still is classified in every frame all the same."""
    pipeline = build_pipeline(Config(), TileClassifier(), exhaustive=True)
    looks = [pipeline.step(frame) for frame in play(one, 1)]
    assert all(look.analysed for look in looks)
    assert [look.classified for look in looks] == [len(look.faces) for look in looks]
    assert len(looks[-1].faces) == 1


def test_pipeline_prefers_the_grey_picture_of_the_source() -> None:
    """With a luma plane of half the size, boxes are still in pixels of the image."""
    pipeline = build_pipeline(Config(), TileClassifier(), thorough=True)
    large = paint([Actor(480, 260, 200)], (960, 540))
    luma = paint([Actor(240, 130, 100)])[:, :, 1].copy()
    (face,) = pipeline.step(Frame(large, 0.0, 0, luma)).faces
    assert face.track.box.center == pytest.approx((480, 260), abs=25)


def test_pipeline_refuses_a_verifier_that_knows_no_faces() -> None:
    """detect.model given the emotion network is said to be the wrong kind."""
    config = Config()
    config = config.model_copy(
        update={"detect": config.detect.model_copy(update={"model": config.model.path})}
    )
    with pytest.raises(ModelError, match=r"detect\.model needs one with the label face"):
        build_pipeline(config, TileClassifier())


@pytest.mark.parametrize(
    ("size", "faces"), [((320, 180), {2}), ((640, 360), {2}), ((270, 480), set()), ((1, 1), set())]
)
def test_pipeline_lets_everybody_leave_when_pictures_change_their_size(
    size: tuple[int, int], faces: set[int]
) -> None:
    """Who was seen leaves first, in the pixels of then; who is seen now is somebody new."""
    pipeline = build_pipeline(Config(), TileClassifier())
    for frame in play(one, 2):
        pipeline.step(frame)
    scale = size[0] / SIZE[0]
    still_there = [Actor(240 * scale, 130 * scale, 96 * scale)] if faces else []
    picture = paint(still_there, size)
    looks = [pipeline.step(Frame(picture, 2 + i / 12.5, 25 + i)) for i in range(10)]
    left = looks[0].events[0]
    assert (left.kind.value, left.face, left.at, left.frame_size) == ("left", 1, 2.0, SIZE)
    assert {face.track.id for look in looks for face in look.faces} == faces


def test_pipeline_tells_as_often_as_settings_say_that_it_adopts() -> None:
    """The face stays who it is; its next change need not wait any longer."""
    config = Config(publish=PublishConfig(change_interval_s=3600))
    moods = ("neutral", "happiness", "surprise")
    pipeline = build_pipeline(config, TileClassifier())
    events: list[EmotionEvent] = []
    for frame in play(lambda t: [Actor(240, 130, emotion=moods[int(t / 3)])], 9):
        if frame.at == 8.0:
            pipeline.adopt(PublishConfig(change_interval_s=0))
        events += pipeline.step(frame).events
    assert [(e.face, e.label) for e in events] == [(1, mood) for mood in moods]
    assert events[-1].at == 8.0
