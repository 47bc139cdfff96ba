"""What other clients may say, and that nothing else changes anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.delivery.commands import Announce, Command, Enable, Hello, Unusable, understand
from edgeemo.delivery.messages import Topics

TOPICS = Topics("edgeemo", "porch", "camera")
SET = "edgeemo/porch/camera/enabled/set"


@pytest.mark.parametrize(
    ("topic", "payload", "is_retained", "meaning"),
    [
        (SET, "ON", False, Enable(True)),
        (SET, "OFF", False, Enable(False)),
        ("homeassistant/status", "online", False, Announce()),
        ("homeassistant/status", "offline", False, None),
        ("homeassistant/status", "online", True, None),
        ("edgeemo/porch/instance/set", Hello("c", "b").encode(), False, Hello("c", "b")),
        ("edgeemo/porch/instance/set", Hello("c", "b").encode(), True, None),
    ],
)
def test_understand_knows_the_commands(
    topic: str, payload: str, is_retained: bool, meaning: Command | None
) -> None:
    """The words that mean something."""
    assert understand(TOPICS, "homeassistant", topic, payload, is_retained=is_retained) == meaning


@pytest.mark.parametrize(
    ("topic", "payload", "is_retained", "says"),
    [
        (SET, "on", False, "neither ON nor OFF"),
        (SET, "", False, "neither ON nor OFF"),
        (SET, "OFF", True, "without retain"),
        ("edgeemo/porch/camera/zoom/set", "1", False, "unknown command '1'"),
        ("edgeemo/porch/instance/set", "[]", False, "where only edgeemo speaks"),
    ],
)
def test_understand_says_what_is_wrong(
    topic: str, payload: str, is_retained: bool, says: str
) -> None:
    """Everything else comes to one line for the log."""
    meaning = understand(TOPICS, "homeassistant", topic, payload, is_retained=is_retained)
    assert isinstance(meaning, Unusable)
    assert says in meaning.text


topics = st.sampled_from([SET, "edgeemo/porch/x/y/set", "edgeemo/porch/instance/set"]) | st.text()


@given(topics, st.text() | st.binary().map(lambda b: b.decode("utf-8", "replace")), st.booleans())
def test_understand_survives_any_payload(topic: str, payload: str, is_retained: bool) -> None:
    """Nothing but the two words on the one topic switches the camera; log lines stay short and single."""
    meaning = understand(TOPICS, "homeassistant", topic, payload, is_retained=is_retained)
    if isinstance(meaning, Enable):
        assert (topic, payload in ("ON", "OFF"), is_retained) == (SET, True, False)
    if isinstance(meaning, Unusable):
        assert len(meaning.text) < 1000
        assert "\n" not in meaning.text
