"""Settings read again while a clip is watched: the same pictures, however fast the machine is."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeemo.config import Config
from edgeemo.daemon import Daemon

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """What the daemon changes in its process is put back."""
    handlers, level = {number: signal.getsignal(number) for number in SIGNALS}, logging.root.level
    yield
    logging.root.setLevel(level)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def config(clip: Path, tmp_path: Path) -> Config:
    """The clip and no broker."""
    return Config.model_validate({"camera": {"source": str(clip)}, "state_dir": tmp_path})


def told(config: Config, fresh: Config) -> list[tuple[str, int, float]]:
    """What a run tells of whom, and for how long it had been so; at the first event it reads `fresh`."""
    seen: list[tuple[str, int, float]] = []

    def take(text: str) -> None:
        event = json.loads(text)
        seen.append((event["event_type"], event["face"], event["duration_s"]))
        if len(seen) == 1:
            signal.raise_signal(signal.SIGHUP)

    Daemon(config, take, reread=lambda: fresh).run()
    return seen


def test_reload_loses_nobody_by_what_changes_nothing_of_what_is_seen(config: Config) -> None:
    """The log, the heat and how often is spoken: who is there stays, and everything is told as before."""
    others = config.changed({"log": {"level": "debug"}, "power": {"hot_c": 80.0}})
    others = others.changed({"publish": {"telemetry_s": 5.0, "state_interval_s": 0.5}})
    assert told(config, others) == told(config, config)


def test_reload_takes_up_another_interval_between_changes(config: Config) -> None:
    """Before, a second change would have had to wait for an hour."""
    slow = config.changed({"publish": {"change_interval_s": 3600.0}})
    assert told(slow, config) == told(config, config)


def test_reload_of_how_faces_are_seen_begins_anew(config: Config) -> None:
    """With another mood.threshold everybody leaves, and comes under a new id."""
    first, second, third = told(config, config.changed({"mood": {"threshold": 0.5}}))[:3]
    assert [kind for kind, _, _ in (first, second, third)] == ["appeared", "left", "appeared"]
    assert (second[1], third[1]) == (first[1], first[1] + 1)
