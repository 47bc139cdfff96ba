"""Only the latest of each topic counts."""

from __future__ import annotations

from edgeemo.delivery.messages import retained
from edgeemo.delivery.standing import Standing


def drain(standing: Standing) -> list[tuple[str, str]]:
    """Everything that can be sent now."""
    sent = []
    while message := standing.take():
        sent.append((message.topic, message.payload))
    return sent


def test_standing_sends_everything_in_order_at_first() -> None:
    """The order of the list is the order of the announcement."""
    standing = Standing([retained("b", "1"), retained("a", "2")])
    assert drain(standing) == [("b", "1"), ("a", "2")]
    assert not standing.is_said


def test_standing_holds_the_next_of_a_topic_until_the_last_is_settled() -> None:
    """A slow broker gets the latest, not a queue of old ones."""
    standing = Standing([retained("a", "1")])
    drain(standing)
    standing.set(retained("a", "2"))
    standing.set(retained("a", "3"))
    while_under_way = drain(standing)
    standing.settle("a")
    assert (while_under_way, drain(standing)) == ([], [("a", "3")])


def test_standing_does_not_repeat_itself() -> None:
    """The same again is no message."""
    standing = Standing([retained("a", "1")])
    drain(standing)
    standing.settle("a")
    standing.set(retained("a", "1"))
    assert drain(standing) == []
    assert standing.is_said


def test_standing_announces_everything_again() -> None:
    """After a new connection, or Home Assistant's birth; in the same order, with the latest values."""
    standing = Standing([retained("a", "1"), retained("b", "1")])
    drain(standing)
    standing.forget_link()
    standing.set(retained("a", "2"))
    standing.announce()
    assert drain(standing) == [("a", "2"), ("b", "1")]


def test_standing_tracks_no_message_that_is_not_acknowledged() -> None:
    """Quality of service 0 has no answer to wait for."""
    standing = Standing([retained("t", "1", qos=0)])
    drain(standing)
    assert standing.is_said


def test_standing_announces_a_topic_that_came_later_before_the_others() -> None:
    """What was last at first is last at every announcement: `online`, after everything else."""
    standing = Standing([retained("a", "1"), retained("online", "1")])
    standing.set(retained("late", "1"))
    standing.announce()
    assert drain(standing) == [("late", "1"), ("a", "1"), ("online", "1")]
