"""Messages that say what is true now: only the latest of each topic counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from edgeemo.types import Message


class Standing:
    """The latest message of each topic, in an order that is kept, and which of them are to be sent.

    Of each topic at most one is under way at a time: a slow broker gets fewer states, never a queue
    of old ones.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        """Begin with these; their order is that of every announcement, and the last of them stays last."""
        self._latest = {message.topic: message for message in messages}
        self._unsent = set(self._latest)
        self._under_way: set[str] = set()

    def set(self, message: Message) -> None:
        """This is true from now on; what was said last is not said again."""
        if message.topic not in self._latest:
            self._latest = {message.topic: message, **self._latest}
        elif self._latest[message.topic] == message:
            return
        self._latest[message.topic] = message
        self._unsent.add(message.topic)

    def announce(self) -> None:
        """Say everything again."""
        self._unsent = set(self._latest)

    def forget_link(self) -> None:
        """Nothing is under way any more: the connection is gone."""
        self._under_way.clear()

    def take(self) -> Message | None:
        """The next message to send, in order; None if nothing can be sent now."""
        for topic, message in self._latest.items():
            if topic in self._unsent and topic not in self._under_way:
                self._unsent.discard(topic)
                if message.qos:
                    self._under_way.add(topic)
                return message
        return None

    def settle(self, topic: str) -> None:
        """The broker has taken, or refused, what was under way on a topic."""
        self._under_way.discard(topic)

    @property
    def is_sent(self) -> bool:
        """Whether all of it was sent on this connection, acknowledged or not."""
        return not self._unsent

    @property
    def is_said(self) -> bool:
        """Whether the broker has all of it."""
        return self.is_sent and not self._under_way
