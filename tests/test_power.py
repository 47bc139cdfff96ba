"""The pure decision of how much is analysed while the board is hot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.config import PowerConfig
from edgeemo.power import STEP, STEP_S, PowerPolicy

CONFIG = PowerConfig(hot_c=75.0, cool_c=70.0)


def policy(max_fps: float = 10.0, min_fps: float = 1.0) -> PowerPolicy:
    """A policy that has seen nothing yet."""
    return PowerPolicy(CONFIG, max_fps, min_fps)


def feed(under_test: PowerPolicy, temperatures: list[float | None]) -> list[float]:
    """The limits after readings one step apart, of a board that the firmware does not slow down."""
    at = 1000.0
    limits = []
    for temperature in temperatures:
        limits.append(under_test.update(temperature, False, at))
        at += STEP_S
    return limits


def test_power_leaves_a_cool_board_alone() -> None:
    """Below the limit everything that was asked for is analysed."""
    assert feed(policy(), [40.0, 69.0, 74.9]) == [10.0, 10.0, 10.0]


def test_power_steps_down_while_hot() -> None:
    """Each reading at or above the limit lowers the rate by one step."""
    assert feed(policy(), [75.0, 80.0]) == pytest.approx([10 * STEP, 10 * STEP**2])


def test_power_holds_between_the_two_limits() -> None:
    """In the band the rate neither falls nor rises: that is the hysteresis."""
    limits = feed(policy(), [75.0, 74.9, 70.0, 72.0])
    assert limits == pytest.approx([10 * STEP] * 4)


def test_power_comes_back_when_cool() -> None:
    """Below the lower limit the rate climbs back, and stops where it was."""
    limits = feed(policy(), [76.0, 76.0, 69.0, 69.0, 69.0])
    assert limits == pytest.approx([7.0, 4.9, 7.0, 10.0, 10.0])


def test_power_never_goes_below_the_users_floor() -> None:
    """However long it is hot, the floor is kept."""
    assert feed(policy(min_fps=4.0), [90.0] * 20)[-1] == 4.0


def test_power_takes_one_step_at_a_time() -> None:
    """Readings in quick succession are one step, so that the heat sink can answer."""
    under_test = policy()
    limits = [under_test.update(80.0, False, 5.0 + i * STEP_S / 10) for i in range(10)]
    assert limits == pytest.approx([10 * STEP] * 10)


def test_power_follows_the_firmware_without_a_thermometer() -> None:
    """Throttling alone counts as heat, its end as cool."""
    under_test = policy()
    assert under_test.update(None, True, 0.0) == pytest.approx(7.0)
    assert under_test.update(None, False, STEP_S) == pytest.approx(10.0)


def test_power_does_not_climb_while_throttled() -> None:
    """A cool reading does not count while the firmware slows the processor down."""
    under_test = policy()
    under_test.update(80.0, True, 0.0)
    assert under_test.update(60.0, True, STEP_S) == pytest.approx(10 * STEP**2)


@given(
    readings=st.lists(
        st.tuples(st.none() | st.floats(-40, 130), st.booleans(), st.floats(0, 60)), max_size=60
    ),
    fps=st.tuples(st.floats(0.1, 120), st.floats(0.1, 120)),
)
def test_power_stays_between_floor_and_ceiling(
    readings: list[tuple[float | None, bool, float]], fps: tuple[float, float]
) -> None:
    """Whatever is read, the limit stays within what the user allowed."""
    low, high = sorted(fps)
    under_test = policy(max_fps=high, min_fps=low)
    at = 0.0
    for temperature, is_throttled, pause in readings:
        at += pause
        assert low <= under_test.update(temperature, is_throttled, at) <= high
        assert under_test.is_reduced == (under_test.limit_fps < high)
