"""The real publisher for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgeemo.config import Config
from edgeemo.delivery.mqtt import Publisher
from examples import LABELS


@contextmanager
def publishing(config: Config, **options: Any) -> Iterator[Publisher]:
    """Start one for the length of a block; at its end the threads must be alive still."""
    publisher = Publisher(config, LABELS, **({"on_enabled": lambda _: None} | options))
    publisher.start()
    try:
        yield publisher
        publisher.check()
    finally:
        publisher.stop(2.0)
