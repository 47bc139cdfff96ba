"""From settings to a source."""

from __future__ import annotations

import time
from pathlib import Path

from edgeemo.address import Address, Kind
from edgeemo.config import CameraConfig, expanded
from edgeemo.errors import ConfigError
from edgeemo.sources.auto import AutoSource
from edgeemo.sources.demo import DemoSource
from edgeemo.sources.file import FileSource
from edgeemo.sources.oriented import oriented
from edgeemo.sources.picamera2 import Picamera2Source
from edgeemo.sources.source import Clock, Source
from edgeemo.sources.stream import StreamSource
from edgeemo.sources.v4l2 import V4L2Source


def make_source(config: CameraConfig, clock: Clock = time.monotonic) -> Source:
    """The source that `config.source` names, not yet opened; nothing is touched by this.

    Raises:
        ConfigError: the address doesn't follow the grammar.
    """
    try:
        address = Address.parse(config.source)
    except ValueError as error:
        raise ConfigError("the settings", [f"camera.source: {error}"]) from error
    return oriented(_make_backend(address, config, clock), config)


def _make_backend(address: Address, config: CameraConfig, clock: Clock) -> Source:
    match address.kind:
        case Kind.AUTO:
            return AutoSource(config, clock)
        case Kind.PICAMERA2:
            return Picamera2Source(int(address.target), config, clock)
        case Kind.V4L2:
            return V4L2Source(address.target, config, clock)
        case Kind.STREAM:
            return StreamSource(address.target, config, clock)
        case Kind.DEMO:
            return DemoSource((config.width, config.height), config.fps, clock)
        case Kind.FILE:
            path = expanded(Path(address.target))
            return FileSource(path, fps=config.fps, realtime=config.realtime, clock=clock)
