"""What the daemon did since the last report, counted."""

from __future__ import annotations

from edgeemo.telemetry import Tally


def test_report_counts_what_was_seen_and_skipped() -> None:
    """Rates by the time that passed, a stage by the frames that went through it, the median latency."""
    tally = Tally(now=100.0)
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
    tally = Tally(now=0.0)
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
