"""Whether the camera is switched off on purpose, remembered over restarts as a file's presence."""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)

MARK = "paused"


class PauseFlag:
    """The pause of one camera, kept in the state directory."""

    def __init__(self, state_dir: Path, camera: str) -> None:
        self._mark = state_dir / f"{camera}.{MARK}"

    def is_paused(self) -> bool:
        """Whether the last thing asked for was a pause."""
        try:
            return self._mark.exists()
        except OSError as error:
            logger.warning("whether there is a pause can't be told: %s", error)
            return False

    def store(self, *, paused: bool) -> None:
        """Remember; where the disk does not take it, the pause holds until the next start, and that is said."""
        try:
            if paused:
                self._mark.parent.mkdir(parents=True, exist_ok=True)
                self._mark.touch()
            else:
                self._mark.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the pause can't be remembered over a restart: %s", error)
