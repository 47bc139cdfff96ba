"""How long to wait before trying again: longer each time, capped, never in step with others."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Pauses that double from `first_s` up to `most_s`, each shortened by chance to half at most.

    The chance keeps three hundred daemons that lost the same server from coming back at once.
    """

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        most_s: float = 60.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Start at the first pause; `chance` gives numbers in 0..1."""
        self._first_s = min(first_s, most_s)
        self._most_s = most_s
        self._chance = chance
        self._whole_s = self._first_s

    def pause_s(self) -> float:
        """The pause to make now, in seconds; the one after it will be longer."""
        pause_s = self._whole_s * (1 + self._chance()) / 2
        self._whole_s = min(2 * self._whole_s, self._most_s)
        return pause_s

    def reset(self) -> None:
        """Begin with the first pause again: what was tried has worked."""
        self._whole_s = self._first_s
