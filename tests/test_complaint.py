"""The same trouble is said once."""

from __future__ import annotations

import logging

import pytest

from edgeemo.delivery.complaint import BUDGET, REMINDER_S, STEADY_S, Complaints


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def complaints(clock: Clock, caplog: pytest.LogCaptureFixture) -> Complaints:
    """Nothing said yet."""
    caplog.set_level(logging.INFO)
    return Complaints(logging.getLogger("test"), clock)


def test_complaints_say_the_same_once_and_again_after_an_hour(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Attempts every two minutes, a line an hour."""
    for minute in range(0, 121, 2):
        clock.now = minute * 60.0
        complaints.about("no broker")
    assert caplog.messages == ["no broker"] * 3


def test_complaints_end_with_how_long_it_took(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """And trouble that comes after it was well for a while is said anew."""
    complaints.about("no broker")
    clock.now = 90.0
    complaints.end("connected")
    clock.now += STEADY_S
    complaints.about("no broker")
    assert caplog.messages == ["no broker", "connected, after 90 s", "no broker"]


def test_complaints_say_what_comes_and_goes_once_an_hour(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that lets us in and hangs up, every two seconds: a line each for that and its end."""
    for _ in range(2 * 1800):
        complaints.end("connected")
        clock.now += 1.0
        complaints.about("connection lost")
        clock.now += 1.0
    assert caplog.messages == [
        "connected",
        *("connection lost", "connected, after 1 s"),
        *("connection lost", "connected, after 1 s"),
    ]


def test_complaints_say_what_comes_again_and_stays(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage soon after the last one is kept quiet only as long as it may be one of many short ones."""
    complaints.about("connection lost")
    complaints.end("connected")
    for _ in range(100):
        clock.now += 1.0
        complaints.about("connection lost")
    complaints.end("connected")
    assert caplog.messages == [
        "connection lost",
        "connected, after 0 s",
        "connection lost",
        "connected, after 99 s",
    ]


def test_complaints_are_bounded_however_many_others_cause(
    complaints: Complaints, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand different bad commands do not fill the log; how many were left out is said."""
    for number in range(1000):
        complaints.about(f"bad command {number}")
    clock.now = REMINDER_S + 1
    complaints.about("one more")
    assert len(caplog.messages) == BUDGET + 1
    assert caplog.messages[-1] == f"one more ({1000 - BUDGET} other lines left out)"
