"""How many messages the worst face can cause: the figures that docs/reliability.md states."""

from __future__ import annotations

import itertools

import pytest

from edgeemo.config import PublishConfig
from edgeemo.delivery.state import CameraState, StateThrottle
from edgeemo.sight.events import EventDiff
from examples import LABELS, a_face

MINUTE_S = 60
FPS = 30


@pytest.mark.parametrize(("faces", "events_at_most"), [(1, 61), (8, 488)])
def test_flickering_faces_stay_under_a_number_of_messages(faces: int, events_at_most: int) -> None:
    """Another label in every frame, for a minute: an event a second and face, a state a second."""
    config = PublishConfig()
    diff, throttle = EventDiff(config), StateThrottle(config.state_interval_s)
    labels = itertools.cycle(LABELS)
    events = states = 0
    for frame in range(MINUTE_S * FPS):
        now = frame / FPS
        label = next(labels)
        seen = [a_face(number, label, 0.9) for number in range(faces)]
        events += len(diff.advance(seen, (640, 480), now))
        throttle.offer(CameraState.of(seen))
        states += throttle.take(now) is not None
    assert 0.9 * events_at_most <= events <= events_at_most
    assert 50 <= states <= MINUTE_S
