"""What the daemon did since the last report, counted."""

from __future__ import annotations

import json
import random
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from broker import free_port
from edgeemo.clock import Beginning, WallTime
from edgeemo.daemon import Daemon
from edgeemo.delivery.mqtt import Publisher
from edgeemo.telemetry import SAMPLE_SIZE, Tally
from edgeemo.thermal import Thermometer
from edgeemo.vitals import FIRST_REPORT_S, Vitals
from examples import a_config
from sysfs import NOWHERE

MQTT_PAGE = Path(__file__).resolve().parent.parent / "docs" / "mqtt.md"
TELEMETRY = "edgeemo/porch/telemetry"


def a_tally(now: float = 0.0, seed: int = 0) -> Tally:
    """One that draws the same frames each time."""
    return Tally(now, random.Random(seed).randrange)


def test_report_counts_what_was_seen_and_skipped() -> None:
    """Rates by the time that passed, a stage by the frames that went through it, the median latency."""
    tally = a_tally(now=100.0)
    for _ in range(4):
        tally.add(None, {"unlikely": 2}, {"detect": 0.010, "tell": 0.001}, latency_s=0.020)
    for _ in range(6):
        tally.add("still", {}, {"tell": 0.001}, latency_s=0.002)
    tally.add("rate", {}, {}, latency_s=0.002)
    assert tally.report(now=110.0, captured=150) == {
        "interval_s": 10.0,
        "fps": 15.0,
        "fps_analysed": 0.4,
        "skipped": {"still": 6, "rate": 1},
        "refused": {"unlikely": 8},
        "stage_ms": {"detect": 10.0, "tell": 1.0},
        "latency_ms": 2.0,
    }


def test_report_starts_anew() -> None:
    """What was reported is not counted again; that nothing was taken is a report too."""
    tally = a_tally()
    tally.add(None, {"zone": 1}, {"detect": 1.0}, latency_s=1.0)
    tally.report(now=1.0, captured=30)
    assert tally.report(now=3.0, captured=40) == {
        "interval_s": 2.0,
        "fps": 5.0,
        "fps_analysed": 0.0,
        "skipped": {},
        "refused": {},
        "stage_ms": {},
        "latency_ms": 0.0,
    }


def latency_ms(latencies_s: list[float], seed: int = 0) -> float:
    """What a report says of frames that took so long."""
    tally = a_tally(seed=seed)
    for latency_s in latencies_s:
        tally.add(None, {}, {}, latency_s)
    reported: float = tally.report(1.0, captured=0)["latency_ms"]
    return reported


def test_report_has_the_exact_median_of_few_frames() -> None:
    """Of as many as the sample holds, whatever their order."""
    latencies_s = [milliseconds / 1000 for milliseconds in range(SAMPLE_SIZE)]
    random.Random(1).shuffle(latencies_s)
    assert latency_ms(latencies_s) == SAMPLE_SIZE / 2


@pytest.mark.parametrize("seed", range(5))
def test_report_has_about_the_median_of_many_frames(seed: int) -> None:
    """A hundred thousand in rising order: within four standard errors of 1.6 % around the middle."""
    latencies_s = [frame / 1e6 for frame in range(100_000)]
    assert latency_ms(latencies_s, seed) == pytest.approx(50.0, abs=6.4)


def test_report_is_not_fooled_by_a_rhythm() -> None:
    """Three of four frames are skipped, at little cost: the sample sees as many of them."""
    assert latency_ms([0.1, 0.002, 0.002, 0.002] * 10_000) == 2.0


def test_tally_needs_no_more_memory_for_more_frames() -> None:
    """However long the time between two reports: 20,000 numbers alone would take 640 kB."""
    tally = a_tally()
    tracemalloc.start()
    for frame in range(20_000):
        tally.add(None, {"zone": 1}, {"grey": 1e-4}, latency_s=frame / 1000)
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < 100_000


def documented() -> dict[str, bool]:
    """The fields of the table in the docs, and whether they may be null."""
    section = MQTT_PAGE.read_text("utf-8").partition("\n## Telemetry\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*?\|.*?\| (.*?) \|", section, re.MULTILINE)
    return {field: null != "never" for field, null in rows}


def published(daemon: Daemon) -> dict[str, Any]:
    """The first report of a daemon that is not connected, as it waits for the broker."""
    assert isinstance(daemon._publisher, Publisher)
    daemon._keep_up(time.monotonic() + FIRST_REPORT_S)
    daemon._publisher._work_off_facts()
    waiting = iter(daemon._publisher._standing.take, None)
    (report,) = [message.payload for message in waiting if message.topic == TELEMETRY]
    fields: dict[str, Any] = json.loads(report)
    return fields


def test_report_has_the_fields_that_the_docs_have(tmp_path: Path) -> None:
    """All of them and no other; null, where nobody knows, are those of which the table says so."""
    config = a_config(tmp_path, free_port(), camera={"source": "demo"}, log={"level": "warning"})
    daemon = Daemon(config, lambda _: None, lambda: config)
    daemon._vitals = Vitals(config, Thermometer(tmp_path, NOWHERE), time.monotonic())
    daemon._beginning = Beginning(lambda: WallTime(0.0, is_synced=False))
    report = published(daemon)
    assert {field: value is None for field, value in report.items()} == documented()
