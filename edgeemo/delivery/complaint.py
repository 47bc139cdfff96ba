"""The same trouble is said once, not at every attempt; and its end, if it was said."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

REMINDER_S = 3600.0
"""Trouble that lasts is said again after this long."""

STEADY_S = 30.0
"""What was well for this long and then goes wrong is new trouble. Before that it is the old one, which
comes and goes, and its end is no news either."""

BUDGET = 20
"""Different lines within REMINDER_S; more are counted, not said: others may cause them at will."""


class Complaints:
    """Warnings about one kind of thing, without repetition and bounded in number."""

    def __init__(
        self, logger: logging.Logger, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._monotonic = monotonic
        self._said: dict[str, float] = {}
        self._unsaid = 0
        self._since: float | None = None
        self._well_at: float | None = None
        self._is_end_news = True

    def about(self, text: str) -> None:
        """Something is wrong."""
        now = self._monotonic()
        if self._well_at is not None and now - self._well_at >= STEADY_S:
            self._said = {}
        self._well_at = None
        self._since = now if self._since is None else self._since
        self._said = {t: at for t, at in self._said.items() if now - at < REMINDER_S}
        is_kept_quiet = not self._is_end_news and now - self._since < STEADY_S
        if text in self._said and (self._is_end_news or is_kept_quiet):
            return
        if len(self._said) >= BUDGET:
            self._unsaid += 1
            return
        suffix = f" ({self._unsaid} other lines left out)" if self._unsaid else ""
        self._said[text], self._unsaid = now, 0
        self._logger.warning("%s%s", text, suffix)
        self._is_end_news = True

    def end(self, text: str) -> None:
        """It is well for the first time, or again; not said where the trouble was not."""
        now = self._monotonic()
        if self._is_end_news:
            lasted = "" if self._since is None else f", after {now - self._since:.0f} s"
            self._logger.info("%s%s", text, lasted)
        self._since, self._well_at, self._is_end_news = None, now, False
