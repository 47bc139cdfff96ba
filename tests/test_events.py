"""Events: what is told of faces that come, change and go."""

from __future__ import annotations

from edgeemo.config import PublishConfig
from edgeemo.sight.events import EventDiff
from edgeemo.types import Box, EmotionEvent, Face, Scores, Track

SIZE = (480, 270)
BOX = Box(10.0, 20.0, 50.0, 50.0)


def face(label: str, face_id: int = 1, since: float = 0.0) -> Face:
    """A face in a mood."""
    other = "neutral" if label != "neutral" else "happy"
    track = Track(face_id, BOX, since, since)
    return Face(track, label, 0.8, Scores((label, other), (0.8, 0.2)))


def told(interval_s: float, *steps: tuple[float, list[Face]]) -> list[EmotionEvent]:
    """The events of faces seen at some instants."""
    diff = EventDiff(PublishConfig(change_interval_s=interval_s))
    return [event for at, faces in steps for event in diff.advance(faces, SIZE, at)]


def short(events: list[EmotionEvent]) -> list[tuple[str, str, str | None, float, float | None]]:
    """What a test looks at: kind, label, previous label, time, duration."""
    return [(e.kind.value, e.label, e.previous, e.at, e.duration_s) for e in events]


def test_events_tell_of_a_face_from_beginning_to_end() -> None:
    """Appeared, changed with the time in the label before, left with the time seen."""
    events = told(
        0.0,
        (1.0, [face("neutral", since=0.8)]),
        (2.0, [face("neutral", since=0.8)]),
        (3.0, [face("happy", since=0.8)]),
        (4.0, [face("happy", since=0.8)]),
        (5.0, []),
    )
    assert short(events) == [
        ("appeared", "neutral", None, 1.0, None),
        ("changed", "happy", "neutral", 3.0, 2.0),
        ("left", "happy", "happy", 5.0, 3.2),
    ]


def test_events_carry_where_and_how_sure() -> None:
    """Box, frame size, confidence and scores are those of the face."""
    (event,) = told(0.0, (1.0, [face("happy")]))
    assert event.box == BOX
    assert event.frame_size == SIZE
    assert event.confidence == 0.8
    assert event.scores.as_dict() == {"happy": 0.8, "neutral": 0.2}


def test_events_hold_a_hasty_change_back_until_the_interval_is_over() -> None:
    """A second change that comes too soon is told when it may be, if it still holds."""
    events = told(
        1.0,
        (0.0, [face("neutral")]),
        (0.5, [face("happy")]),
        (0.9, [face("sad")]),
        (1.4, [face("sad")]),
        (1.5, [face("sad")]),
    )
    assert short(events)[1:] == [
        ("changed", "happy", "neutral", 0.5, 0.5),
        ("changed", "sad", "happy", 1.5, 0.4),
    ]


def test_events_count_a_label_that_was_told_late_from_when_it_began() -> None:
    """A change held back makes neither the label before it longer nor its own shorter."""
    events = told(
        1.0,
        (0.0, [face("neutral")]),
        (0.5, [face("happy")]),
        (0.9, [face("sad")]),
        (1.1, [face("angry")]),
        (1.5, [face("angry")]),
        (3.0, [face("happy")]),
    )
    assert short(events)[2:] == [
        ("changed", "angry", "happy", 1.5, 0.4),
        ("changed", "happy", "angry", 3.0, 1.9),
    ]


def test_events_count_a_label_through_a_change_that_was_taken_back() -> None:
    """What was never told has not ended it."""
    events = told(
        1.0,
        (0.0, [face("neutral")]),
        (0.4, [face("happy")]),
        (0.9, [face("sad")]),
        (1.2, [face("happy")]),
        (2.4, [face("sad")]),
    )
    assert short(events)[2:] == [("changed", "sad", "happy", 2.4, 2.0)]


def test_events_forget_a_change_that_was_taken_back_in_time() -> None:
    """Back at the label that was told, there is nothing to tell."""
    events = told(
        1.0,
        (0.0, [face("neutral")]),
        (0.4, [face("happy")]),
        (0.9, [face("sad")]),
        (1.6, [face("happy")]),
    )
    assert [(e.kind.value, e.label) for e in events] == [
        ("appeared", "neutral"),
        ("changed", "happy"),
    ]


def test_events_tell_a_held_change_before_the_face_leaves() -> None:
    """The last change is never lost."""
    events = told(
        5.0, (0.0, [face("neutral")]), (1.0, [face("happy")]), (2.0, [face("sad")]), (3.0, [])
    )
    assert short(events)[2:] == [
        ("changed", "sad", "happy", 3.0, 1.0),
        ("left", "sad", "sad", 3.0, 2.0),
    ]


def test_events_tell_who_left_before_who_came() -> None:
    """A reader who counts never counts too many."""
    events = told(0.0, (0.0, [face("neutral", 1)]), (1.0, [face("happy", 2)]))
    assert [(e.kind.value, e.face) for e in events] == [
        ("appeared", 1),
        ("left", 1),
        ("appeared", 2),
    ]


def test_events_of_one_face_do_not_hold_back_those_of_another() -> None:
    """The interval is each face's own."""
    events = told(
        1.0,
        (0.0, [face("neutral", 1), face("neutral", 2)]),
        (0.5, [face("happy", 1), face("neutral", 2)]),
        (0.6, [face("happy", 1), face("happy", 2)]),
    )
    assert [(e.kind.value, e.face, e.at) for e in events][2:] == [
        ("changed", 1, 0.5),
        ("changed", 2, 0.6),
    ]


def test_events_keep_the_interval_that_was_adopted_last() -> None:
    """A change that waits is told with the next look when it has to wait no longer."""
    diff = EventDiff(PublishConfig(change_interval_s=3600.0))
    for at, label in enumerate(("neutral", "happy", "sad")):
        diff.advance([face(label)], SIZE, at)
    diff.adopt(PublishConfig(change_interval_s=1.0))
    (event,) = diff.advance([face("sad")], SIZE, 3.0)
    assert (event.label, event.previous, event.duration_s) == ("sad", "happy", 1.0)
