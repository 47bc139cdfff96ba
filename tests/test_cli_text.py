"""What commands print for people; what they print for programs is in test_cli."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from edgeemo.cli.bench import _lines
from edgeemo.cli.doctor import _lines as _finding_lines
from edgeemo.cli.watch import _line
from edgeemo.doctor import Finding, Verdict
from process import run

CHANGED = {
    "time": "2026-11-20T14:05:06.789Z",
    "device": "hall",
    "camera": "door",
    "face": 7,
    "event_type": "changed",
    "emotion": "happy",
    "previous": "sad",
    "confidence": 0.754,
}


def without(*keys: str) -> dict[str, Any]:
    """That event, as of another version that does not tell some things."""
    return {key: value for key, value in CHANGED.items() if key not in keys}


LINE = "2026-11-20T14:05:06.789Z  hall/door             face 7 changed: happy <- sad"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (CHANGED, "2026-11-20T14:05:06.789Z  hall/door             face 7 changed: happy <- sad (75%)"),
        (
            CHANGED | {"event_type": "appeared", "previous": None},
            "2026-11-20T14:05:06.789Z  hall/door             face 7 appeared: happy (75%)",
        ),
        (
            without("previous", "confidence"),
            "2026-11-20T14:05:06.789Z  hall/door             face 7 changed: happy",
        ),
        (
            CHANGED | {"confidence": "much"},
            LINE,
        ),
        ({"id": "1"}, "-  -/-                   face - -: "),
        (CHANGED | {"confidence": 10**400}, LINE),
        (
            {"device": "\ud800", "camera": "\x1b[2J"},
            r"-  \ud800/\x1b[2J                face - -: ",
        ),
    ],
)  # fmt: skip
def test_watch_shows_an_event_on_a_line(event: dict[str, Any], line: str) -> None:
    """When, where, who, what, how sure; what is missing in it is no error."""
    assert _line(event) == line


def cost(cpu_ms: float) -> dict[str, float]:
    """The cost of something a frame."""
    return {"cpu_ms": cpu_ms, "wall_ms": 2 * cpu_ms}


REPORT = {
    "frames": 160,
    "analysed": 100,
    "skipped": {"rate": 40, "still": 20},
    "faces": 2,
    "refused": {"unconfirmed": 3},
    **cost(4.0),
    "stages_cpu_ms": {"probe": 1.5, "search": 2.25},
    "read": cost(0.5),
    "peak_rss_mb": 90.5,
}


def test_bench_shows_its_figures() -> None:
    """Each figure of the report has its place and its unit."""
    assert list(_lines(REPORT)) == [
        "160 frames, 100 analysed, skipped: 40 rate, 20 still",
        "2 faces; candidates refused: 3 unconfirmed",
        "a frame           4.000 ms CPU     8.000 ms wall",
        "  probe           1.500 ms CPU",
        "  search          2.250 ms CPU",
        "reading it        0.500 ms CPU     1.000 ms wall",
        "peak memory        90.5 MB",
    ]


def test_bench_shows_the_plain_loop_beside_them() -> None:
    """With the parts of its cost, and how many times as much it is."""
    baseline = cost(40.0) | {"haar": cost(30.0), "classify": cost(8.0)}
    report = REPORT | {"skipped": {}, "refused": {}}
    plain = list(_lines(report | {"baseline": baseline, "ratio": 10.0, "ratio_haar": 7.5}))
    assert plain[:2] == [
        "160 frames, 100 analysed, skipped: none",
        "2 faces; candidates refused: none",
    ]
    assert plain[7:] == [
        "plain loop       40.000 ms CPU    80.000 ms wall",
        "  Haar           30.000 ms CPU    60.000 ms wall",
        "  classify        8.000 ms CPU    16.000 ms wall",
        "the plain loop costs 10.0 times as much, its Haar 7.5 times",
    ]


def test_bench_prints_lines_where_no_json_is_asked_for(still: Path) -> None:
    """A picture is one frame, which is analysed; it ends with the memory that it took."""
    done = run("bench", still)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "1 frames, 1 analysed, skipped: none"
    assert lines[-1].startswith("peak memory ")


def test_analyze_prints_events_where_no_json_is_asked_for(still: Path) -> None:
    """Who was seen when, each with the name of the input, and how many frames there were."""
    done = run("analyze", still)
    assert done.returncode == 0, done.stderr
    event, end = done.stdout.splitlines()
    assert event.startswith(f"{still}     0.00 s  face 1 appeared: ")
    assert end == f"{still}: 1 frames, 1 analysed"


def found(verdict: Verdict, subject: str) -> list[str]:
    """What the doctor prints of a finding, without its colours."""
    finding = Finding(verdict, subject, "what there is", "what to do")
    return [click.unstyle(line) for line in _finding_lines(finding)]


@pytest.mark.parametrize("subject", ["heat", "broker publish", "broker subscribe"])
def test_doctor_shows_findings_in_columns(subject: str) -> None:
    """What was found, and how to mend it below that, whatever is looked at."""
    assert found(Verdict.DOUBTFUL, subject) == [
        f"warning {subject:<18}what there is",
        "                          -> what to do",
    ]


def test_doctor_keeps_a_name_that_is_too_long_apart_from_its_text() -> None:
    """It leaves its column rather than touch what follows."""
    assert found(Verdict.BAD, "broker of a neighbour") == [
        "wrong   broker of a neighbour  what there is",
        "                               -> what to do",
    ]
