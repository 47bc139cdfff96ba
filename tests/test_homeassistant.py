"""The discovery message, as Home Assistant's documentation of device discovery asks for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jinja2 import Environment

from edgeemo.delivery.homeassistant import discovery, discovery_topic
from edgeemo.delivery.messages import Topics
from examples import LABELS

TOPICS = Topics("edgeemo", "Porch-1", "door")
ENTITIES = discovery(TOPICS, LABELS, "1.2.3", "Raspberry Pi 4")
COMPONENTS: dict[str, Any] = ENTITIES["components"]

PLATFORMS = {
    "door_emotion": "sensor",
    "door_faces": "sensor",
    "door_occupancy": "binary_sensor",
    "door_event": "event",
    "door_enabled": "switch",
    "door_connectivity": "binary_sensor",
    "door_fps": "sensor",
    "door_latency": "sensor",
    "door_temperature": "sensor",
    "door_throttled": "binary_sensor",
    "door_started": "sensor",
}
"""The entities of docs/mqtt.md, in its order."""

REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "switch": {"state_topic", "command_topic"},
}


def test_discovery_goes_where_home_assistant_looks_for_devices() -> None:
    """homeassistant/device/<id>/config."""
    assert discovery_topic("homeassistant", "porch") == "homeassistant/device/porch/config"


def test_discovery_names_device_and_origin() -> None:
    """Both are required; the device's identifier is what holds its entities together."""
    assert (ENTITIES["device"]["identifiers"], ENTITIES["origin"]["name"]) == (
        ["edgeemo_Porch-1"],
        "edgeemo",
    )


def test_discovery_has_the_entities_that_are_documented() -> None:
    """All eleven, each of its kind, and no other."""
    assert {key: entity["platform"] for key, entity in COMPONENTS.items()} == PLATFORMS


@pytest.mark.parametrize("key", PLATFORMS)
def test_discovery_entity_is_complete(key: str) -> None:
    """A platform, what it requires, an id for ever and one to begin with, and when it is available."""
    entity = COMPONENTS[key]
    assert REQUIRED[entity["platform"]] <= entity.keys()
    assert entity["unique_id"] == f"edgeemo_Porch-1_{key}"
    assert entity["default_entity_id"] == f"{entity['platform']}.edgeemo_porch_1_{key}"
    assert entity["availability_mode"] == "all"
    assert entity["availability"][0]["topic"] == "edgeemo/Porch-1/status"


def test_discovery_emotion_is_an_enumeration_of_everything_it_can_be() -> None:
    """Labels, uncertain, nobody."""
    emotion = COMPONENTS["door_emotion"]
    assert (emotion["device_class"], emotion["options"]) == (
        "enum",
        ["happy", "neutral", "sad", "uncertain", "no_face"],
    )


def test_discovery_switch_and_diagnostics_outlive_the_camera() -> None:
    """What the camera sees needs the camera; what switches it on must not."""
    topics = {k: [a["topic"] for a in c["availability"]] for k, c in COMPONENTS.items()}
    camera = "edgeemo/Porch-1/door/availability"
    needing = {key for key, where in topics.items() if camera in where}
    assert needing == {"door_emotion", "door_faces", "door_occupancy", "door_event"}


def test_discovery_makes_no_attributes_that_change_with_every_message() -> None:
    """They would fill the recorder; the event entity takes four fields of the event and no more."""
    assert not any("json_attributes_topic" in c for c in COMPONENTS.values())
    assert "scores" not in COMPONENTS["door_event"]["value_template"]


@pytest.mark.parametrize(
    ("age_s", "is_synced", "is_told"),
    [(1, True, True), (110, True, True), (130, True, False), (130, False, True)],
)
def test_discovery_event_is_of_now(age_s: float, is_synced: bool, is_told: bool) -> None:
    """What waited for the broker is no event any more, unless nobody knows when it was."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    at = (now - timedelta(seconds=age_s)).isoformat(timespec="milliseconds")
    told_of = {"event_type": "changed", "face": 3, "emotion": "happy", "previous": "sad"}
    event = told_of | {"id": "x", "time": at.replace("+00:00", "Z"), "time_synced": is_synced}
    template = Environment(autoescape=False).from_string(
        COMPONENTS["door_event"]["value_template"]
    )  # no HTML
    told = template.render(value_json=event, now=lambda: now, as_datetime=datetime.fromisoformat)
    assert (json.loads(told) if told else None) == (told_of if is_told else None)


def test_discovery_is_small_json() -> None:
    """It is sent at every connect; brokers on small machines limit messages."""
    assert len(json.dumps(ENTITIES)) < 8192
