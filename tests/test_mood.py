"""Moods: smoothed over time, with hysteresis, uncertain when they are."""

from __future__ import annotations

import pytest

from edgeemo.config import MoodConfig
from edgeemo.sight.mood import Mood
from edgeemo.types import UNCERTAIN, Scores

LABELS = ("happy", "neutral", "sad")
CONFIG = MoodConfig(smoothing_s=0.5, threshold=0.5, hysteresis=0.1, hold_s=0.4)


def scores(happy: float, neutral: float) -> Scores:
    """Scores over LABELS."""
    return Scores(LABELS, (happy, neutral, 1 - happy - neutral))


HAPPY, NEUTRAL, NOTHING = scores(0.9, 0.05), scores(0.05, 0.9), scores(0.35, 0.33)


def course(fps: float, until_s: float) -> list[tuple[str, float]]:
    """The labels and their beginnings of a face that turns from neutral to happy at 1 s."""
    mood = Mood(CONFIG, NEUTRAL, 0.0)
    changes = [(mood.label, 0.0)]
    for step in range(1, round(until_s * fps) + 1):
        at = step / fps
        mood.feed(NEUTRAL if at <= 1.0 else HAPPY, at)
        if mood.label != changes[-1][0]:
            changes.append((mood.label, at))
    return changes


def test_mood_begins_with_the_strongest_label() -> None:
    """The first scores decide."""
    assert Mood(CONFIG, HAPPY, 0.0).label == "happy"


def test_mood_begins_uncertain_below_the_threshold() -> None:
    """Scores that favour nothing name no label; the confidence is the strongest one's."""
    mood = Mood(CONFIG, NOTHING, 0.0)
    assert (mood.label, mood.confidence) == (UNCERTAIN, 0.35)


@pytest.mark.parametrize("fps", [5, 12.5, 30, 60])
def test_mood_takes_the_same_course_at_any_rate(fps: float) -> None:
    """Smoothing is over time: only the beginning and the end of the hold are rounded to frames."""
    (_, first), (_, second) = course(fps, 4.0), course(240, 4.0)[:2]
    assert [label for label, _ in course(fps, 4.0)] == ["neutral", "happy"]
    assert first == course(fps, 4.0)[1]
    assert abs(first[1] - second[1]) <= 2 / fps


def test_mood_changes_only_after_the_hold() -> None:
    """A rival must have been ahead for hold_s on end."""
    changed_at = course(100, 4.0)[1][1]
    overtakes_at = 1.0 + 0.5 * 0.693  # where two exponentials of 0.5 s cross: ln 2 time constants
    assert changed_at >= overtakes_at + CONFIG.hold_s


def test_mood_ignores_a_single_odd_frame() -> None:
    """One frame of another expression changes nothing."""
    mood = Mood(CONFIG, NEUTRAL, 0.0)
    for step in range(1, 60):
        mood.feed(HAPPY if step == 20 else NEUTRAL, step / 12.5)
        assert mood.label == "neutral"


def test_mood_stays_between_two_equal_labels() -> None:
    """A rival that does not lead by the hysteresis never wins."""
    mood = Mood(CONFIG, scores(0.52, 0.46), 0.0)
    for step in range(1, 100):
        mood.feed(scores(0.46, 0.52), step / 10)
    assert mood.label == "happy"


def test_mood_becomes_uncertain_when_nothing_is_likely() -> None:
    """Below threshold less hysteresis for long enough the label is given up."""
    mood = Mood(CONFIG, HAPPY, 0.0)
    for step in range(1, 40):
        mood.feed(NOTHING, step / 10)
    assert mood.label == UNCERTAIN


def test_mood_advances_as_if_classified_on_every_frame() -> None:
    """Between two runs of the network the face is taken to look as it did."""
    fed, coasted = Mood(CONFIG, NEUTRAL, 0.0), Mood(CONFIG, NEUTRAL, 0.0)
    coasted.feed(HAPPY, 0.1)
    fed.feed(HAPPY, 0.1)
    for step in range(2, 20):
        fed.feed(HAPPY, step / 10)
        coasted.advance(step / 10)
    assert fed.label == coasted.label == "happy"
    assert fed.scores.values == pytest.approx(coasted.scores.values)


def test_mood_keeps_probabilities_that_sum_to_one() -> None:
    """Smoothing mixes distributions into a distribution."""
    mood = Mood(CONFIG, HAPPY, 0.0)
    for step in range(1, 500):
        mood.feed(NEUTRAL if step % 3 else HAPPY, step / 60)
    assert sum(mood.scores.values) == pytest.approx(1.0)


def test_mood_is_unsettled_while_the_network_says_something_else() -> None:
    """A face whose last scores disagree with its label is worth another look."""
    mood = Mood(CONFIG, NEUTRAL, 0.0)
    assert mood.is_settled
    mood.feed(HAPPY, 0.01)
    assert not mood.is_settled


def test_mood_ignores_time_that_does_not_pass() -> None:
    """Two frames of one instant, or one from before, change nothing."""
    mood = Mood(CONFIG, NEUTRAL, 1.0)
    mood.feed(HAPPY, 1.0)
    mood.advance(0.5)
    assert mood.scores == NEUTRAL
