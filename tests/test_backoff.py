"""Pauses that grow, are capped, and differ by chance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeemo.backoff import Backoff


def test_backoff_doubles_up_to_its_cap() -> None:
    """Without the chance: 1, 2, 4, 8, then the cap."""
    backoff = Backoff(first_s=1.0, most_s=10.0, chance=lambda: 1.0)
    assert [backoff.pause_s() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_backoff_starts_over_after_a_success() -> None:
    """Once it has worked, the next loss starts with the shortest pause."""
    backoff = Backoff(first_s=1.0, most_s=10.0, chance=lambda: 1.0)
    pauses = [backoff.pause_s(), backoff.pause_s()]
    backoff.reset()
    assert [*pauses, backoff.pause_s()] == [1.0, 2.0, 1.0]


@given(chance=st.floats(0.0, 1.0), tries=st.integers(1, 2000))
def test_backoff_stays_between_half_the_first_pause_and_the_cap(chance: float, tries: int) -> None:
    """Chance shortens a pause to half at most, and nothing makes it longer than the cap."""
    backoff = Backoff(first_s=1.0, most_s=60.0, chance=lambda: chance)
    pauses = [backoff.pause_s() for _ in range(tries)]
    assert all(0.5 <= pause <= 60.0 for pause in pauses)


def test_backoff_never_begins_above_its_cap() -> None:
    """A cap below the first pause holds from the start."""
    assert Backoff(first_s=5.0, most_s=0.5, chance=lambda: 1.0).pause_s() == 0.5
