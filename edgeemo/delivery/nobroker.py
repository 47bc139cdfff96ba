"""What stands in for the publisher where no broker is named: events get their ids, and go nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from edgeemo.clock import Clock, wall_time
from edgeemo.config import Config, PublishConfig
from edgeemo.delivery.messages import EventWriter, encode
from edgeemo.delivery.state import CameraState
from edgeemo.types import EmotionEvent


class NoBroker:
    """Takes what a `Publisher` takes; an event counts as accepted at once."""

    def __init__(
        self, config: Config, *, on_accepted: Callable[[str], None], clock: Clock = wall_time
    ) -> None:
        self._writer = EventWriter(config.device, config.camera.name, secrets.token_hex(8))
        self._on_accepted = on_accepted
        self._clock = clock

    def start(self) -> None:
        """There is nobody to connect to."""

    def stop(self, timeout_s: float) -> None:
        """There is nobody to take leave of."""

    def drain(self, timeout_s: float) -> bool:  # noqa: ARG002  # the publisher's signature
        """Nothing waits."""
        return True

    def check(self) -> None:
        """There is no thread that could have died."""

    def event(self, event: EmotionEvent) -> dict[str, Any]:
        """Form the event's JSON object, hand its text to `on_accepted`, and return it."""
        wall = self._clock()
        written = self._writer.write(event, wall.rfc3339, is_synced=wall.is_synced)
        self._on_accepted(encode(written))
        return written

    def state(self, state: CameraState) -> None:
        """Nobody asks."""

    def availability(self, online: bool) -> None:  # the publisher's signature
        """Nobody asks."""

    def enabled(self, enabled: bool) -> None:  # likewise
        """Nobody asks."""

    def telemetry(self, figures: Mapping[str, Any]) -> None:
        """Nobody asks."""

    def adopt(self, publish: PublishConfig) -> None:
        """Nothing is said, however often."""
