"""What other clients may tell this device, and what is made of everything else. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from edgeemo.delivery.homeassistant import birth_topic
from edgeemo.delivery.messages import OFF, ON, ONLINE, Topics, encode

SHOWN = 40
"""Characters of a bad payload that a log line shows."""


@dataclass(frozen=True, slots=True)
class Enable:
    """Switch the camera on or off."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """Home Assistant has started: tell it everything."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A daemon with this device's id is connected; perhaps it is us."""

    client: str
    boot: str
    is_reply: bool = False

    def encode(self) -> str:
        """As a payload."""
        return encode({"client": self.client, "boot": self.boot, "reply": self.is_reply})


@dataclass(frozen=True, slots=True)
class Unusable:
    """Nothing is done about it but this line in the log."""

    text: str


Command = Enable | Announce | Hello | Unusable


def understand(
    topics: Topics, ha_prefix: str, topic: str, payload: str, *, is_retained: bool
) -> Command | None:
    """What a message means; None: nothing, and rightly so.

    A command that the broker had retained is refused: it would be obeyed again at every connect,
    long after whoever gave it changed their mind.
    """
    if topic == birth_topic(ha_prefix):
        # Retained, it tells that Home Assistant started some time before us; we announce at every connect anyway.
        return Announce() if payload == ONLINE and not is_retained else None
    if topic == topics.instance_set:
        return None if is_retained else _hello(payload)
    shown = repr(payload[:SHOWN])
    if topic != topics.enabled_set:
        return Unusable(f"unknown command {shown} on {topic[:200]!r}")
    if is_retained:
        return Unusable(f"retained command {shown} on {topic} ignored; publish it without retain")
    if payload not in (ON, OFF):
        return Unusable(f"command {shown} on {topic} is neither {ON} nor {OFF}")
    return Enable(payload == ON)


def _hello(payload: str) -> Command:
    try:
        fields = json.loads(payload)
        return Hello(str(fields["client"])[:128], str(fields["boot"])[:64], bool(fields["reply"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unusable(f"another client says {payload[:SHOWN]!r} where only edgeemo speaks")
