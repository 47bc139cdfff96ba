"""Frames from a video, an animated GIF, a picture or a folder of pictures."""

from __future__ import annotations

import time
from pathlib import Path

from edgeemo.errors import EndOfSource, SourceError
from edgeemo.sources.reader import Reader, open_reader
from edgeemo.sources.source import Clock
from edgeemo.types import Frame


class FileSource:
    """Every frame of a file or folder, in order, at its own time stamps.

    With `realtime` it behaves as a camera that sees the clip: frames are due by the clock and
    `live` is true. The pictures of a folder, taken in the order of their names, follow each other
    at `fps`.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float = 15.0,
        realtime: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = str(path)
        self.live = realtime
        self._path = path
        self._fps = fps
        self._clock = clock
        self._reader: Reader | None = None
        self._opened_at = 0.0
        self._index = 0

    def open(self) -> None:
        """Start at the first frame. Raises InputError if there is nothing usable."""
        self.close()
        self._reader = open_reader(self._path, self._fps)
        self._opened_at = self._clock()
        self._index = 0

    def read(self) -> Frame:
        """The next frame; at the end EndOfSource."""
        if self._reader is None:
            raise SourceError(f"{self.name} is not open")
        still = self._reader.read()
        if still is None:
            raise EndOfSource(f"{self.name} ended after {self._index} frames")
        at = self._opened_at + still.at if self.live else still.at
        frame = Frame(image=still.image, at=at, index=self._index)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
