"""What goes over the wire: topics, event objects, and the messages that carry them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeemo.types import EmotionEvent, Message

SCHEMA_VERSION = 1
ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"

AT_LEAST_ONCE = 1
"""MQTT's quality of service for all but telemetry: sent again until the broker has acknowledged it."""

LARGEST_PACKET_BYTES = 5 + 268_435_455
"""MQTT's own bound: the first byte, four for the length, and the most that those can say."""

ENOUGH_BYTES = 8000
"""The discovery message is the longest, and shorter than that."""

TOO_LARGE = "Packet too large"
"""What MQTT 5 calls it when a broker does not take a packet for its length."""

RAISE_LIMIT = f"raise its limit to {ENOUGH_BYTES // 1000} kB or more (mosquitto: max_packet_size, message_size_limit)"

_AROUND_BYTES = 5 + 2 + 2 + 1
"""Around topic and payload of a publish: that, the topic's length, an identifier, no properties."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one camera of one device."""

    prefix: str
    device: str
    camera: str

    @property
    def base(self) -> str:
        """What all of them begin with."""
        return f"{self.prefix}/{self.device}"

    @property
    def status(self) -> str:
        """Whether the daemon is there."""
        return f"{self.base}/status"

    @property
    def telemetry(self) -> str:
        """How the daemon is."""
        return f"{self.base}/telemetry"

    @property
    def event(self) -> str:
        """Emotion events."""
        return f"{self.base}/{self.camera}/event"

    @property
    def state(self) -> str:
        """What is true now."""
        return f"{self.base}/{self.camera}/state"

    @property
    def availability(self) -> str:
        """Whether the camera is there."""
        return f"{self.base}/{self.camera}/availability"

    @property
    def enabled(self) -> str:
        """Whether the camera is switched on."""
        return f"{self.base}/{self.camera}/enabled"

    @property
    def enabled_set(self) -> str:
        """Where the camera is switched on and off."""
        return f"{self.enabled}/set"

    @property
    def instance_set(self) -> str:
        """Where daemons with this device's id meet, to notice that they are two."""
        return f"{self.base}/instance/set"

    @property
    def commands(self) -> tuple[str, str]:
        """Filters that match every command to this device, known or not."""
        return f"{self.base}/+/set", f"{self.base}/+/+/set"

    @property
    def retained(self) -> tuple[str, ...]:
        """All topics that keep their last message."""
        return self.status, self.telemetry, self.state, self.availability, self.enabled


@dataclass(slots=True)
class EventWriter:
    """Gives events their ids and turns them into the objects of the event contract.

    `boot` is random and new with every start, so that no two starts share an id, whatever the
    clock or the disk did between them.
    """

    device: str
    camera: str
    boot: str
    sequence: int = 0

    def write(self, event: EmotionEvent, time: str, *, is_synced: bool) -> dict[str, Any]:
        """Return the JSON object of an event that happened at `time` (RFC 3339), under the next id."""
        self.sequence += 1
        duration = event.duration_s
        return {
            "schema": SCHEMA_VERSION,
            "id": f"{self.device}-{self.boot}-{self.sequence}",
            "event_type": event.kind.value,
            "device": self.device,
            "camera": self.camera,
            "face": event.face,
            "emotion": event.label,
            "previous": event.previous,
            "confidence": round(event.confidence, 3),
            "scores": {label: round(p, 4) for label, p in event.scores.as_dict().items()},
            "box": list(event.box.rounded()),
            "frame": list(event.frame_size),
            "time": time,
            "time_synced": is_synced,
            # A clock that is asked in the same tick may differ by a rounding error; time never runs backwards.
            "duration_s": None if duration is None else round(max(duration, 0.0), 3),
        }


def encode(fields: Mapping[str, Any]) -> str:
    """One JSON object in its shortest form, on one line."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def packet_bytes(message: Message) -> int:
    """As a packet the message has at most so many bytes."""
    return _AROUND_BYTES + len(message.topic.encode()) + len(message.payload.encode())


def retained(topic: str, payload: str, qos: int = AT_LEAST_ONCE) -> Message:
    """A message that the broker keeps for those who come later."""
    return Message(topic, payload, qos, retain=True)
