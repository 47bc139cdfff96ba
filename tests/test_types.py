"""The values that travel through edgeemo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.types import Box, EmotionEvent, EventKind, Scores

sides = st.floats(0.5, 500.0)
places = st.floats(-500.0, 500.0)
boxes = st.builds(Box, places, places, sides, sides)

SURE = Scores(("happy", "sad"), (0.9, 0.1))


@given(boxes, boxes)
def test_iou_is_a_symmetric_share(a: Box, b: Box) -> None:
    """Between 0 and 1, the same from both sides, and 1 with itself."""
    assert 0.0 <= a.iou(b) <= 1.0 + 1e-9
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert a.iou(a) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (Box(0, 0, 10, 10), 1.0),
        (Box(5, 0, 10, 10), 1 / 3),
        (Box(10, 0, 10, 10), 0.0),
        (Box(20, 20, 5, 5), 0.0),
        (Box(0, 0, 20, 20), 0.25),
    ],
)
def test_iou_of_known_boxes(other: Box, iou: float) -> None:
    """Equal, half over, touching, apart, within."""
    assert Box(0, 0, 10, 10).iou(other) == pytest.approx(iou)


@given(boxes, st.floats(10, 400), st.floats(10, 400))
def test_clip_stays_within_the_picture(box: Box, width: float, height: float) -> None:
    """What is left lies in the picture, and is no larger than before."""
    clipped = box.clip(width, height)
    assert 0 <= clipped.x <= clipped.right <= width + 1e-6
    assert 0 <= clipped.y <= clipped.bottom <= height + 1e-6
    assert clipped.area <= box.area + 1e-6


@given(boxes, st.floats(0.0, 2.0))
def test_grow_keeps_the_centre(box: Box, margin: float) -> None:
    """A margin is added on every side."""
    grown = box.grow(margin)
    assert grown.center == pytest.approx(box.center)
    assert grown.w == pytest.approx(box.w * (1 + 2 * margin))


def test_scale_and_shift_move_to_another_picture() -> None:
    """The same place in a picture half as wide, and moved."""
    assert Box(10, 20, 30, 40).scale(0.5, 0.25).shift(1, 2) == Box(6, 7, 15, 10)


def test_scores_refuse_what_is_no_distribution() -> None:
    """Probabilities sum to one, one for each label."""
    with pytest.raises(ValueError, match=r"sum to 1\.4000"):
        Scores(("a", "b"), (0.7, 0.7))
    with pytest.raises(ValueError, match="1 labels but 2 values"):
        Scores(("a",), (0.5, 0.5))


def test_scores_best_is_the_first_of_equals() -> None:
    """The label of the greatest value, and that value."""
    assert Scores(("a", "b", "c"), (0.2, 0.4, 0.4)).best == ("b", 0.4)


@pytest.mark.parametrize(
    ("kind", "previous", "duration_s", "line"),
    [
        (EventKind.APPEARED, None, None, "face 3 appeared: happy (90%)"),
        (EventKind.CHANGED, "sad", 4.21, "face 3 changed: sad -> happy (90%) after 4.2 s"),
        (EventKind.LEFT, "happy", 40.0, "face 3 left: happy, seen for 40.0 s"),
    ],
)
def test_event_reads_as_a_line(
    kind: EventKind, previous: str | None, duration_s: float | None, line: str
) -> None:
    """What the log says of an event."""
    event = EmotionEvent(
        kind, 3, "happy", previous, 0.9, SURE, Box(0, 0, 9, 9), (99, 99), 7.0, duration_s
    )
    assert str(event) == line
