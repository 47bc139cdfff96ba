"""What the daemon knows of itself: how hot the board is, what it does about it, and what it has done."""

from __future__ import annotations

import logging
import random
from typing import Any

from edgeemo.config import Config
from edgeemo.power import PowerPolicy
from edgeemo.telemetry import Tally
from edgeemo.thermal import Health, Thermometer

logger = logging.getLogger(__name__)

HEALTH_S = 10.0
"""Between two readings of the thermometer."""
FIRST_REPORT_S = 5.0
"""The first report comes early, so that nobody has to wait for the first figures."""


class Vitals:
    """Reads the board's health and counts the looks; `now` is monotonic seconds."""

    def __init__(self, config: Config, thermometer: Thermometer, now: float) -> None:
        self.tally = Tally(now, random.randrange)
        self._config = config
        self._thermometer = thermometer
        self._health = Health()
        self._health_at = now
        self._report_at = now + min(FIRST_REPORT_S, config.publish.telemetry_s)
        self._power = _power(config)

    def adopt(self, config: Config, now: float) -> None:
        """Take up settings that were read again.

        What was counted stays, and so does the limit of a hot board, unless `power` or `cadence` has changed.
        """
        if (config.power, config.cadence) != (self._config.power, self._config.cadence):
            self._power = _power(config)
        self._config = config
        self._report_at = min(self._report_at, now + config.publish.telemetry_s)

    @property
    def limit_fps(self) -> float:
        """At most so many frames a second are to be analysed now."""
        return self._power.limit_fps

    def keep_up(self, now: float) -> None:
        """Take the temperature if it is time to, and decide what follows from it."""
        if now < self._health_at:
            return
        self._health_at = now + HEALTH_S
        self._health = self._thermometer.read()
        was_reduced = self._power.is_reduced
        self._power.update(self._health.temperature_c, self._health.is_throttled_for_heat, now)
        if self._power.is_reduced != was_reduced:
            change = "hot: analysing fewer" if self._power.is_reduced else "cool again: all the"
            logger.warning("the board is %s frames (%s °C)", change, self._health.temperature_c)

    def report(self, now: float, captured: int) -> dict[str, Any] | None:
        """The figures for telemetry since the last report, if it is time for one.

        `captured` is how many frames the camera has given since the start.
        """
        if now < self._report_at:
            return None
        self._report_at = now + self._config.publish.telemetry_s
        return {
            **self.tally.report(now, captured),
            **self._health.as_dict(),
            "limit_fps": round(self.limit_fps, 2),
        }


def _power(config: Config) -> PowerPolicy:
    return PowerPolicy(config.power, config.cadence.max_fps, config.cadence.min_fps)
