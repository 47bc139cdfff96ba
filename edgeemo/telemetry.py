"""What the daemon did since the last report, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Tally:
    """Sums up looks between two telemetry messages. `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._clear()

    def _clear(self) -> None:
        self._analysed = 0
        self._skipped: Counter[str] = Counter()
        self._stage_s: Counter[str] = Counter()
        self._latency_s: list[float] = []

    def add(self, skipped: str | None, stage_s: Mapping[str, float], latency_s: float) -> None:
        """Count one frame.

        Args:
            skipped: why it was not analysed; None if it was.
            stage_s: seconds by stage.
            latency_s: from capture to the end of the step.
        """
        if skipped is None:
            self._analysed += 1
        else:
            self._skipped[skipped] += 1
        self._stage_s.update(stage_s)
        self._latency_s.append(latency_s)

    def report(self, now: float) -> dict[str, Any]:
        """Return the figures since the last report, and start anew.

        Rates are frames a second, `stage_ms` the mean of an analysed frame, `latency_ms` the median.
        """
        elapsed = max(now - self._since, 1e-3)
        looks = max(self._analysed, 1)
        seen = self._analysed + self._skipped.total()
        figures = {
            "interval_s": round(elapsed, 1),
            "fps": round(seen / elapsed, 2),
            "fps_analysed": round(self._analysed / elapsed, 2),
            "skipped": dict(self._skipped),
            "stage_ms": {k: round(1000 * v / looks, 3) for k, v in self._stage_s.items()},
            "latency_ms": round(1000 * _median(self._latency_s), 1),
        }
        self._since = now
        self._clear()
        return figures


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
