"""How often and how much to look: frame skipping as a policy. Pure; time comes in as `at`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgeemo.config import CadenceConfig
from edgeemo.sight.motion import Motion
from edgeemo.types import Track


class Skip(StrEnum):
    """Why a frame is not analysed."""

    RATE = "rate"
    STILL = "still"


FIRST = 3.5
"""Budget of a look at a picture of which nothing is known: all of it is searched, upright and tilted
to either side (which costs nearly twice as much, since the turned picture is larger)."""

EARLY = 0.25
"""Share of the interval by which a frame may come too soon: cameras are not exact, and of 12.5 frames
a second 10 are to be looked at, the first two among them. The average is kept all the same."""

CATCH_UP = 3.0
"""How much more than usual is searched until every way of searching has seen the whole picture."""

ACCOMPANIED = 0.4
"""How much of the usual is searched while faces are in view: a second one may take a second."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with one frame; `skip` None means that it is analysed.

    `budget` is how much of the picture may be searched for new faces, 1 being all of it at every size.
    """

    skip: Skip | None = None
    budget: float = 0.0


class Cadence:
    """Decides which frames are analysed, how much is searched in them, which faces are classified.

    `limit_fps` is the greatest number of frames analysed a second; it may be lowered while the board
    is hot, and is never taken for less than the configured `min_fps`.
    """

    def __init__(self, config: CadenceConfig) -> None:
        self._config = config
        self._due_at = self._floor_at = float("-inf")
        self._classified_at: dict[int, float] = {}
        self._owed: set[int] = set()
        self.limit_fps = config.max_fps

    def clear(self) -> None:
        """Forget when was last looked: the next frame is analysed."""
        self._due_at = self._floor_at = float("-inf")
        self._classified_at.clear()
        self._owed.clear()

    def is_due(self, at: float) -> bool:
        """Whether a frame of `at` may be analysed; earlier ones are skipped for their rate."""
        return at >= self._due_at - EARLY * self._interval_s

    def plan(
        self,
        at: float,
        motion: Motion,
        tracks: Sequence[Track],
        *,
        is_settled: bool,
        is_caught_up: bool,
    ) -> Plan:
        """What to do with a frame that is due at `at`, given what has `motion` in it and the faces known.

        While faces are not settled (not believed yet, or missed) a picture that keeps still is
        looked at all the same. The search is caught up when it has been everywhere in every way.
        """
        is_first = self._due_at == float("-inf")
        is_idle = self._is_still(motion, tracks, at) and is_settled
        if is_idle and at < self._floor_at:
            return Plan(Skip.STILL)
        self._due_at, self._floor_at = self._next_due(at), self._next_floor(at)
        if is_first:
            return Plan(budget=max(FIRST, self._config.search_share))
        return Plan(budget=self._budget(is_idle, bool(tracks), is_caught_up))

    def _budget(self, is_idle: bool, has_faces: bool, is_caught_up: bool) -> float:
        if is_idle:
            # Looks are rare now, and what moved last may be somebody who has come and stands still:
            # with a share of 0.02 here the demo's second face was found after 3.6 s, with this after 0.8.
            return self._config.search_share
        if not is_caught_up:
            return CATCH_UP * self._config.search_share
        return self._config.search_share * (ACCOMPANIED if has_faces else 1.0)

    def _next_due(self, at: float) -> float:
        """When to look next, having looked at `at`."""
        # Counted from when the look was due, not from when its frame came, so that a camera of
        # 12.5 fps is looked at 10 times a second and not 6; but a long gap earns no burst.
        is_late = at - self._due_at < (1 - EARLY) * self._interval_s
        return (self._due_at if is_late else at) + self._interval_s

    def _next_floor(self, at: float) -> float:
        """When to look next though nothing moves, having looked at `at`."""
        # An average as well, if `at` was due for this; never early, so that a look may be a frame late.
        floor_s = 1 / self._config.min_fps
        is_late = 0 <= at - self._floor_at < (1 + EARLY) * floor_s
        return (self._floor_at if is_late else at) + floor_s

    @property
    def _interval_s(self) -> float:
        return 1 / max(self.limit_fps, self._config.min_fps)

    def _is_still(self, motion: Motion, tracks: Sequence[Track], at: float) -> bool:
        """Whether too little has changed, nothing where faces are, and no face is owed a run."""
        touched = {track.id for track in tracks if motion.touches(track.box)}
        self._owed = (self._owed | touched) & {track.id for track in tracks}
        if touched or motion.share >= self._config.motion_threshold:
            return False
        # A face that changed too soon after it was classified, and then kept still.
        return not any(self._is_stale(face, at) for face in self._owed)

    def to_classify(
        self, tracks: Sequence[Track], settled: Collection[int], at: float
    ) -> tuple[Track, ...]:
        """The faces among all that are tracked to give to the network now; noted as classified.

        Those are the ones that are not `settled` (ids), and those that have changed since they were
        classified, once that is long enough ago. A face that keeps still would say the same again.
        """
        chosen = tuple(t for t in tracks if t.id not in settled or self._is_stale(t.id, at))
        known = {t.id for t in tracks}
        self._classified_at = {f: since for f, since in self._classified_at.items() if f in known}
        for track in chosen:
            self._classified_at[track.id] = at
            self._owed.discard(track.id)
        return chosen

    def _is_stale(self, face: int, at: float) -> bool:
        since = self._classified_at.get(face, float("-inf"))
        return face in self._owed and at - since >= self._config.classify_s
