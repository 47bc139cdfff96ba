"""How much may be analysed while the board is hot: a pure decision with hysteresis."""

from __future__ import annotations

from edgeemo.config import PowerConfig

STEP_S = 10.0
"""Seconds between two changes: a heat sink takes longer than that to answer."""

STEP = 0.7
"""What one change makes of the rate; 0.7 twice is half, so a quarter is reached in 40 s."""


class PowerPolicy:
    """Lowers the rate step by step while the board is hot and raises it again once it is cool.

    Between `cool_c` and `hot_c` it stays as it is, so that it can't swing around one limit.
    """

    def __init__(self, config: PowerConfig, max_fps: float, min_fps: float) -> None:
        """Stay between `min_fps`, the user's floor, and `max_fps`, both frames a second."""
        self._config = config
        self._max_fps = max_fps
        self._min_fps = min(min_fps, max_fps)
        self._step_at = float("-inf")
        self._is_hot = False
        self.limit_fps = max_fps
        """At most so many frames a second are to be analysed now."""

    @property
    def is_reduced(self) -> bool:
        """Whether less is analysed than was asked for."""
        return self.limit_fps < self._max_fps

    def update(self, temperature_c: float | None, is_throttled: bool, now: float) -> float:
        """Take a reading made at `now` (monotonic seconds) and return the new `limit_fps`.

        Args:
            temperature_c: degrees Celsius; None where nobody knows, which alone changes nothing.
            is_throttled: whether the firmware already slows the processor down for heat.
            now: when it was read.
        """
        self._is_hot = self._judge(temperature_c, is_throttled)
        is_wanted = self._is_hot or (self.is_reduced and self._is_cool(temperature_c, is_throttled))
        if is_wanted and now - self._step_at >= STEP_S:
            self._step_at = now
            factor = STEP if self._is_hot else 1 / STEP
            self.limit_fps = min(max(self.limit_fps * factor, self._min_fps), self._max_fps)
        return self.limit_fps

    def _judge(self, temperature_c: float | None, is_throttled: bool) -> bool:
        return is_throttled or (temperature_c is not None and temperature_c >= self._config.hot_c)

    def _is_cool(self, temperature_c: float | None, is_throttled: bool) -> bool:
        # Without a thermometer the end of throttling is all there is to go by.
        return not is_throttled and (temperature_c is None or temperature_c < self._config.cool_c)
