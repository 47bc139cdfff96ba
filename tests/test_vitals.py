"""What the daemon knows of itself, and keeps when its settings are read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.config import Config
from edgeemo.power import STEP
from edgeemo.vitals import FIRST_REPORT_S, HEALTH_S, Vitals
from sysfs import board_of


def a_config(**sections: dict[str, float]) -> Config:
    """Settings with these sections changed."""
    return Config.model_validate(sections)


@pytest.fixture
def vitals(tmp_path: Path) -> Vitals:
    """A board that is hot, and was seen to be so twice."""
    hot = Vitals(a_config(), board_of(tmp_path, 99.0), 0.0)
    for now in (0.0, HEALTH_S):
        hot.keep_up(now)
    return hot


@pytest.mark.parametrize("changed", [{"mood": {"threshold": 0.6}}, {"publish": {"telemetry_s": 5}}])
def test_vitals_keep_the_limit_of_a_hot_board(
    vitals: Vitals, changed: dict[str, dict[str, float]]
) -> None:
    """Settings that have nothing to do with it leave it as it is."""
    vitals.adopt(a_config(**changed), HEALTH_S)
    assert vitals.limit_fps == pytest.approx(a_config().cadence.max_fps * STEP**2)


@pytest.mark.parametrize("changed", [{"cadence": {"max_fps": 4.0}}, {"power": {"hot_c": 100.0}}])
def test_vitals_begin_anew_when_the_limits_change(
    vitals: Vitals, changed: dict[str, dict[str, float]]
) -> None:
    """Another ceiling or another temperature: the heat is judged by it from now on."""
    config = a_config(**changed)
    vitals.adopt(config, HEALTH_S)
    assert vitals.limit_fps == config.cadence.max_fps


def test_vitals_report_as_often_as_is_asked_for_last(vitals: Vitals) -> None:
    """A shorter time between reports counts at once, not after the long one."""
    vitals.adopt(a_config(publish={"telemetry_s": 3600.0}), HEALTH_S)
    assert vitals.report(FIRST_REPORT_S, captured=10) is not None
    vitals.adopt(a_config(publish={"telemetry_s": 2.0}), 20.0)
    assert [bool(vitals.report(at, captured=10)) for at in (21.9, 22.0, 23.9, 24.0)] == [
        *(False, True),
        *(False, True),
    ]


def test_vitals_keep_what_was_counted(vitals: Vitals) -> None:
    """Frames of before a reload are in the report after it."""
    vitals.tally.add(None, {}, {}, latency_s=0.0)
    vitals.adopt(a_config(mood={"threshold": 0.6}), HEALTH_S)
    figures = vitals.report(HEALTH_S, captured=100)
    assert figures is not None
    assert (figures["fps"], figures["fps_analysed"]) == (10.0, 0.1)
