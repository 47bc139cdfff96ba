"""From raw scores, one network run at a time, to a mood that can be relied on. Pure.

Smoothing is over time, not over frames: whether a face is classified five or sixty times a second,
its mood takes the same course.
"""

from __future__ import annotations

import math

from edgeemo.config import MoodConfig
from edgeemo.types import UNCERTAIN, Scores


class Mood:
    """What one face expresses: smoothed scores, and a label that doesn't flicker.

    A label stays until another leads it by `hysteresis`, or until it falls `hysteresis` below
    `threshold`, and either for `hold_s` on end. Between two runs of the network the face is taken
    to look as it did at the last one, so `advance` on every frame, also on those that are skipped,
    gives the course that classifying every frame would give.
    """

    def __init__(self, config: MoodConfig, scores: Scores, at: float) -> None:
        self._config = config
        self._raw = scores
        self._smooth = scores
        self._at = at
        self._rival: str | None = None
        self._rival_since = at
        label, value = scores.best
        self.label = label if value >= config.threshold else UNCERTAIN

    @property
    def scores(self) -> Scores:
        """The smoothed probabilities."""
        return self._smooth

    @property
    def confidence(self) -> float:
        """The smoothed probability of the label, 0..1; while uncertain, that of the strongest one."""
        if self.label == UNCERTAIN:
            return self._smooth.best[1]
        return self._probability(self.label)

    @property
    def is_settled(self) -> bool:
        """Whether nothing speaks for another label, neither smoothed nor in the last raw scores."""
        return self._rival is None and self._raw.best[0] in (self.label, self._smooth.best[0])

    def feed(self, scores: Scores, at: float) -> None:
        """Take in what the network said of the face at `at` (monotonic seconds)."""
        self._raw = scores
        self.advance(at)

    def advance(self, at: float) -> None:
        """Let time pass until `at`, the face looking as it did when it was last classified."""
        elapsed = at - self._at
        if elapsed <= 0:
            return
        self._at = at
        keep = math.exp(-elapsed / self._config.smoothing_s)
        pairs = zip(self._smooth.values, self._raw.values, strict=True)
        values = tuple(old * keep + new * (1 - keep) for old, new in pairs)
        self._smooth = Scores(self._smooth.labels, values)
        self._settle(at)

    def _settle(self, at: float) -> None:
        """Change the label if another one has been right for long enough."""
        target = self._target()
        if target == self.label:
            self._rival = None
            return
        if target != self._rival:
            self._rival, self._rival_since = target, at
        if at - self._rival_since >= self._config.hold_s:
            self.label, self._rival = target, None

    def _target(self) -> str:
        """The label that the smoothed scores call for, the present one favoured."""
        best, value = self._smooth.best
        entered = best if value >= self._config.threshold else UNCERTAIN
        if self.label == UNCERTAIN:
            return entered
        own = self._probability(self.label)
        if value - own >= self._config.hysteresis:
            return entered
        return self.label if own >= self._config.threshold - self._config.hysteresis else UNCERTAIN

    def _probability(self, label: str) -> float:
        return self._smooth.values[self._smooth.labels.index(label)]
