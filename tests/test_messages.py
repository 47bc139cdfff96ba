"""Event objects, their ids, and the schema that ships."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgeemo.delivery.messages import EventWriter, Topics, encode
from edgeemo.types import Box, EmotionEvent, EventKind, Scores
from eventschema import validate
from examples import an_event

BOOT = "0123456789abcdef"
TIME = "2026-11-20T14:00:00.000Z"
README = Path(__file__).resolve().parent.parent / "README.md"


def test_event_writer_fills_every_field_of_the_contract() -> None:
    """A changed event as other people's software reads it."""
    writer = EventWriter("porch", "camera", BOOT)
    written = writer.write(an_event(7, EventKind.CHANGED), TIME, is_synced=True)
    assert written == {
        "schema": 1,
        "id": f"porch-{BOOT}-1",
        "event_type": "changed",
        "device": "porch",
        "camera": "camera",
        "face": 7,
        "emotion": "happy",
        "previous": "sad",
        "confidence": 0.75,
        "scores": {"happy": 0.75, "neutral": 0.2, "sad": 0.05},
        "box": [10, 21, 100, 110],
        "frame": [640, 480],
        "time": TIME,
        "time_synced": True,
        "duration_s": 3.25,
    }


def test_event_writer_gives_each_event_an_id_of_its_own() -> None:
    """Ids count up within a run and differ between runs."""
    first, second = EventWriter("a", "c", BOOT), EventWriter("a", "c", BOOT[::-1])
    ids = [w.write(an_event(), TIME, is_synced=True)["id"] for w in (first, first, second)]
    assert ids == [f"a-{BOOT}-1", f"a-{BOOT}-2", f"a-{BOOT[::-1]}-1"]


def test_event_of_the_readme_keeps_the_contract() -> None:
    """What people copy from there is what they will get."""
    blocks = re.findall(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert [validate(json.loads(block))["event_type"] for block in blocks] == ["changed"]


probabilities = st.lists(st.floats(0.001, 1.0), min_size=2, max_size=8)
pixels = st.floats(-5000, 5000)


@given(
    kind=st.sampled_from(EventKind),
    weights=probabilities,
    box=st.builds(Box, pixels, pixels, pixels, pixels),
    at=st.floats(0, 1e9),
    duration=st.floats(-1e-9, 1e9),
    is_synced=st.booleans(),
)
def test_event_writer_keeps_to_the_schema_whatever_happens(
    kind: EventKind, weights: list[float], box: Box, at: float, duration: float, is_synced: bool
) -> None:
    """No event that the pipeline can build breaks the contract, and JSON gives it back unchanged."""
    labels = tuple(f"label{i}" for i in range(len(weights)))
    scores = Scores(labels, tuple(w / sum(weights) for w in weights))
    is_first = kind is EventKind.APPEARED
    event = EmotionEvent(
        kind=kind,
        face=3,
        label=scores.best[0],
        previous=None if is_first else "uncertain",
        confidence=scores.best[1],
        scores=scores,
        box=box,
        frame_size=(640, 480),
        at=at,
        duration_s=None if is_first else duration,
    )
    written = EventWriter("porch", "camera", BOOT).write(event, TIME, is_synced=is_synced)
    validate(written)
    assert json.loads(encode(written)) == written


def test_topics_of_a_camera_lie_below_its_device() -> None:
    """The topic table of the contract."""
    topics = Topics("home/edgeemo", "porch", "door")
    assert (topics.event, topics.status, topics.enabled_set) == (
        "home/edgeemo/porch/door/event",
        "home/edgeemo/porch/status",
        "home/edgeemo/porch/door/enabled/set",
    )
