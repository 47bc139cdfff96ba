"""How this device presents itself to Home Assistant: one discovery message for all entities. Pure.

Written against Home Assistant's documentation of MQTT device discovery
(home-assistant.io/integrations/mqtt, "Device discovery payload").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from edgeemo.delivery.messages import OFF, OFFLINE, ON, ONLINE, Topics
from edgeemo.types import NO_FACE, UNCERTAIN, EventKind

Component = dict[str, Any]

PROJECT = "edgeemo"

LATE_S = 120
"""An event entity stands for what happens now: what waited longer for the broker would set off automations hours later."""

# Home Assistant passes over what comes out empty. By a clock that nobody has set no event is late.
# The rest of an event changes with every message; as attributes it would fill the recorder's database.
_EVENT_TEMPLATE = (
    "{% if not value_json.time_synced or (now() - as_datetime(value_json.time)).total_seconds() < LATE_S %}"
    "{{ {'event_type': value_json.event_type, 'face': value_json.face,"
    " 'emotion': value_json.emotion, 'previous': value_json.previous} | tojson }}"
    "{% endif %}"
).replace("LATE_S", str(LATE_S))


def discovery_topic(prefix: str, device: str) -> str:
    """Where the device's discovery message goes; an empty one there takes the device away."""
    return f"{prefix}/device/{device}/config"


def birth_topic(prefix: str) -> str:
    """Where Home Assistant says `online` when it has started, and wants to be told everything."""
    return f"{prefix}/status"


def discovery(
    topics: Topics, labels: Sequence[str], version: str, model: str | None = None
) -> dict[str, Any]:
    """Return the discovery payload of a device with one camera.

    Args:
        topics: where everything is.
        labels: the emotions that the network tells apart.
        version: edgeemo's own.
        model: what the board is called, if known.
    """
    device = {
        "identifiers": [f"{PROJECT}_{topics.device}"],
        "name": topics.device,
        "manufacturer": PROJECT,
        "sw_version": version,
    }
    return {
        "device": device | ({"model": model} if model else {}),
        "origin": {"name": PROJECT, "sw_version": version},
        "qos": 1,
        "components": {
            f"{topics.camera}_{key}": component | _identity(topics, key, component["platform"])
            for key, component in (_of_camera(topics, labels) | _of_daemon(topics)).items()
        },
    }


def _identity(topics: Topics, key: str, platform: str) -> Component:
    unique_id = f"{PROJECT}_{topics.device}_{topics.camera}_{key}"
    object_id = re.sub(r"[^a-z0-9]+", "_", unique_id.lower()).strip("_")
    return {"unique_id": unique_id, "default_entity_id": f"{platform}.{object_id}"}


def _available(*topics: str) -> Component:
    return {
        "availability": [
            {"topic": t, "payload_available": ONLINE, "payload_not_available": OFFLINE}
            for t in topics
        ],
        "availability_mode": "all",
    }


def _of_camera(topics: Topics, labels: Sequence[str]) -> dict[str, Component]:
    """The entities that mean nothing while the camera is away."""
    entities: dict[str, Component] = {
        "emotion": {
            "platform": "sensor",
            "name": "Emotion",
            "state_topic": topics.state,
            "value_template": "{{ value_json.emotion }}",
            "device_class": "enum",
            "options": list(dict.fromkeys([*labels, UNCERTAIN, NO_FACE])),
            "icon": "mdi:emoticon-outline",
        },
        "faces": {
            "platform": "sensor",
            "name": "Faces",
            "state_topic": topics.state,
            "value_template": "{{ value_json.count }}",
            "state_class": "measurement",
            "icon": "mdi:account-multiple",
        },
        "occupancy": {
            "platform": "binary_sensor",
            "name": "Occupancy",
            "state_topic": topics.state,
            "value_template": "{{ 'ON' if value_json.occupied else 'OFF' }}",
            "device_class": "occupancy",
        },
        "event": {
            "platform": "event",
            "name": "Face",
            "state_topic": topics.event,
            "value_template": _EVENT_TEMPLATE,
            "event_types": [kind.value for kind in EventKind],
            "icon": "mdi:face-recognition",
        },
    }
    availability = _available(topics.status, topics.availability)
    return {key: entity | availability for key, entity in entities.items()}


def _of_daemon(topics: Topics) -> dict[str, Component]:
    """The switch and the diagnostics, which also serve while the camera is away or paused."""
    entities = {
        "enabled": {
            "platform": "switch",
            "name": "Camera",
            "state_topic": topics.enabled,
            "command_topic": topics.enabled_set,
            "payload_on": ON,
            "payload_off": OFF,
            "icon": "mdi:camera",
        },
        "connectivity": _diagnostic("binary_sensor", "Camera connection", topics.availability)
        | {"device_class": "connectivity", "payload_on": ONLINE, "payload_off": OFFLINE},
        "fps": _measurement(topics, "Frames per second", "fps", "fps"),
        "latency": _measurement(topics, "Latency", "latency_ms", "ms")
        | {"device_class": "duration"},
        "temperature": _measurement(topics, "Board temperature", "temperature_c", "°C")
        | {"device_class": "temperature"},
        "throttled": _diagnostic("binary_sensor", "Throttled", topics.telemetry)
        | {
            "device_class": "problem",
            "value_template": "{{ value_json.throttled }}",
            "payload_on": "True",
            "payload_off": "False",
        },
        "started": _diagnostic("sensor", "Started", topics.telemetry)
        | {"device_class": "timestamp", "value_template": "{{ value_json.started_at }}"},
    }
    return {key: entity | _available(topics.status) for key, entity in entities.items()}


def _diagnostic(platform: str, name: str, topic: str) -> Component:
    return {
        "platform": platform,
        "name": name,
        "state_topic": topic,
        "entity_category": "diagnostic",
    }


def _measurement(topics: Topics, name: str, field: str, unit: str) -> Component:
    """A number out of the telemetry; one that this board does not have is null there, unknown here."""
    return _diagnostic("sensor", name, topics.telemetry) | {
        "value_template": f"{{{{ value_json.{field} }}}}",
        "unit_of_measurement": unit,
        "state_class": "measurement",
    }
