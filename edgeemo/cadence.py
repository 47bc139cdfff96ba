"""How often and how closely to look: frame skipping as a policy. Pure; time comes in as `at`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeemo.config import CadenceConfig
from edgeemo.types import Track


class Skip(StrEnum):
    """Why a frame is not analysed."""

    RATE = "rate"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with one frame; `skip` None means that it is analysed."""

    skip: Skip | None = None


class Cadence:
    """Decides which frames are analysed and which faces are classified.

    `limit_fps` is the greatest number of frames analysed a second; it may be lowered while the board
    is hot, and is never taken for less than the configured `min_fps`.
    """

    def __init__(self, config: CadenceConfig) -> None:
        self._config = config
        self._due_at = float("-inf")
        self._looked_at = float("-inf")
        self._classified_at: dict[int, float] = {}
        self.limit_fps = config.max_fps

    def clear(self) -> None:
        """Forget when was last looked: the next frame is analysed."""
        self._due_at = self._looked_at = float("-inf")
        self._classified_at.clear()

    def is_due(self, at: float) -> bool:
        """Whether a frame of `at` may be analysed; earlier ones are skipped for their rate."""
        return at >= self._due_at

    def plan(self, at: float, motion: float, has_open_questions: bool) -> Plan:
        """What to do with a frame in which a share `motion` of the picture has changed.

        Questions are open while a face is neither believed nor refused: then a picture that keeps
        still is looked at all the same.
        """
        if not self.is_due(at):
            return Plan(Skip.RATE)
        is_still = motion < self._config.motion_threshold
        if is_still and not has_open_questions and at - self._looked_at < 1 / self._config.min_fps:
            return Plan(Skip.STILL)
        # Counted from when the look was due, not from when its frame came, so that a camera of
        # 12.5 fps is looked at 10 times a second and not 6; a long gap earns no burst.
        interval_s = 1 / max(self.limit_fps, self._config.min_fps)
        self._due_at = max(self._due_at, at - interval_s) + interval_s
        self._looked_at = at
        return Plan()

    def to_classify(
        self, tracks: Sequence[Track], settled: Collection[int], at: float
    ) -> tuple[Track, ...]:
        """The faces that are not `settled` (ids) or not classified for a while; noted as classified."""
        chosen = tuple(t for t in tracks if t.id not in settled or self._is_stale(t.id, at))
        for track in chosen:
            self._classified_at[track.id] = at
        return chosen

    def _is_stale(self, face: int, at: float) -> bool:
        return at - self._classified_at.get(face, float("-inf")) >= self._config.classify_s
