"""What the daemon did since the last report, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


class Tally:
    """Sums up looks between two telemetry messages. `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._captured = 0
        self._clear()

    def _clear(self) -> None:
        self._analysed = 0
        self._skipped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._stage_s: Counter[str] = Counter()
        self._stage_runs: Counter[str] = Counter()
        self._latency_s: list[float] = []

    def add(
        self,
        skipped: str | None,
        refused: Mapping[str, int],
        stage_s: Mapping[str, float],
        latency_s: float,
    ) -> None:
        """Count one frame.

        Args:
            skipped: why it was not analysed; None if it was.
            refused: how many candidates came to nothing, by cause.
            stage_s: seconds by stage.
            latency_s: from capture to the end of the step.
        """
        if skipped is None:
            self._analysed += 1
        else:
            self._skipped[skipped] += 1
        self._refused.update(refused)
        self._stage_s.update(stage_s)
        self._stage_runs.update(stage_s.keys())
        self._latency_s.append(latency_s)

    def report(self, now: float, captured: int) -> dict[str, Any]:
        """Return the figures since the last report, and start anew.

        Rates are frames a second: `fps` of the camera, of which more may come than are taken,
        `fps_analysed` of those that were analysed. `stage_ms` is the mean of the frames that went
        through that stage (a skipped one leaves early), `latency_ms` the median of all that were taken.

        Args:
            now: monotonic seconds.
            captured: frames that the camera has given since the start.
        """
        elapsed = max(now - self._since, 1e-3)
        figures = {
            "interval_s": round(elapsed, 1),
            "fps": round((captured - self._captured) / elapsed, 2),
            "fps_analysed": round(self._analysed / elapsed, 2),
            "skipped": dict(self._skipped),
            "refused": dict(self._refused),
            "stage_ms": {
                stage: round(1000 * seconds / self._stage_runs[stage], 3)
                for stage, seconds in self._stage_s.items()
            },
            "latency_ms": round(1000 * _median(self._latency_s), 1),
        }
        self._since, self._captured = now, captured
        self._clear()
        return figures


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
