"""What a camera's state says, and how often."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.delivery.state import CameraState, FaceState, StateThrottle
from examples import a_face


def state(*faces: tuple[int, str, float]) -> CameraState:
    """A state of these faces: (id, emotion, confidence)."""
    return CameraState(tuple(FaceState(*face) for face in faces))


def test_state_of_nobody_is_no_face() -> None:
    """An empty room is a state like any other."""
    assert CameraState.of([]).as_dict() == {
        "emotion": "no_face",
        "confidence": 1.0,
        "count": 0,
        "occupied": False,
        "faces": [],
    }


def test_state_of_faces_names_them_and_what_dominates() -> None:
    """Two happy faces outweigh one sad one that is surer."""
    seen = CameraState.of([a_face(1, "sad", 0.9), a_face(2, "happy", 0.5), a_face(3, "happy", 0.6)])
    assert seen.as_dict() == {
        "emotion": "happy",
        "confidence": 0.55,
        "count": 3,
        "occupied": True,
        "faces": [
            {"face": 1, "emotion": "sad", "confidence": 0.9},
            {"face": 2, "emotion": "happy", "confidence": 0.5},
            {"face": 3, "emotion": "happy", "confidence": 0.6},
        ],
    }


def test_state_does_not_waver_between_two_faces() -> None:
    """The one that is there longest decides, however the confidences move and the faces are listed."""
    faces = [(2, "happy", 0.9), (1, "sad", 0.6)]
    assert {state(*order).dominant for order in (faces, faces[::-1])} == {("sad", 0.6)}


@pytest.mark.parametrize(
    ("faces", "dominant"),
    [
        ([(1, "uncertain", 0.9), (2, "sad", 0.5)], ("sad", 0.5)),
        ([(1, "uncertain", 0.3)], ("uncertain", 0.3)),
    ],
)
def test_state_is_uncertain_only_if_every_face_is(
    faces: list[tuple[int, str, float]], dominant: tuple[str, float]
) -> None:
    """A sure face counts before any number of unsure ones."""
    assert state(*faces).dominant == dominant


@pytest.mark.parametrize(
    ("told", "now", "is_news"),
    [
        (state((1, "happy", 0.8)), state((1, "happy", 0.85)), False),
        (state((1, "happy", 0.8)), state((1, "happy", 0.95)), True),
        (state((1, "happy", 0.8)), state((1, "sad", 0.8)), True),
        (state((1, "happy", 0.8)), state((2, "happy", 0.8)), True),
        (state((1, "happy", 0.8)), state(), True),
        (state(), state(), False),
    ],
)
def test_state_is_news_when_something_changed(
    told: CameraState, now: CameraState, is_news: bool
) -> None:
    """Who, how many, which mood, or a confidence that moved by a tenth."""
    assert now.is_news(told) is is_news


def test_throttle_sends_the_last_change_when_the_interval_is_over() -> None:
    """A change that came too soon is not lost."""
    throttle = StateThrottle(1.0)
    throttle.offer(state((1, "happy", 0.8)))
    sent = [(0.0, throttle.take(0.0))]
    throttle.offer(state((1, "sad", 0.8)))
    throttle.offer(state())
    sent += [(at, throttle.take(at)) for at in (0.2, 0.9, 1.0, 1.2)]
    assert [s for s in sent if s[1] is not None] == [
        (0.0, state((1, "happy", 0.8))),
        (1.0, state()),
    ]


def test_throttle_takes_up_another_interval() -> None:
    """What waits comes when the new one is over, counted from the last that was said."""
    throttle = StateThrottle(3600.0)
    throttle.offer(state((1, "happy", 0.8)))
    throttle.take(0.0)
    throttle.offer(state())
    throttle.pace(2.0)
    assert [throttle.take(at) for at in (1.9, 2.0)] == [None, state()]


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.booleans()), min_size=1, max_size=200))
def test_throttle_floods_nobody_and_forgets_nothing(steps: list[tuple[float, bool]]) -> None:
    """However a face flickers: at most one state an interval, and the last one is always sent."""
    throttle, now, sent_at, last = StateThrottle(1.0), 0.0, [], CameraState()
    current = CameraState()
    for pause, is_there in steps:
        now += pause
        current = state((1, "happy", 0.8)) if is_there else CameraState()
        throttle.offer(current)
        if (taken := throttle.take(now)) is not None:
            sent_at.append(now)
            last = taken
    last = throttle.take(now + 1.0) or last
    assert last == current
    assert all(b - a >= 1.0 - 1e-9 for a, b in itertools.pairwise(sent_at))
