"""Decides what is sent when: what stands first, then events, in order, from memory or from disk.

An event stays in memory while it is under way. It goes into the outbox when it can't be sent, or
when the broker takes its time, and leaves it when the broker has acknowledged it. No thread and no
clock of its own: everything happens in calls, and `now` is monotonic seconds.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgeemo.config import OutboxConfig
from edgeemo.delivery.complaint import REMINDER_S
from edgeemo.delivery.messages import (
    AT_LEAST_ONCE,
    LARGEST_PACKET_BYTES,
    RAISE_LIMIT,
    TOO_LARGE,
    packet_bytes,
)
from edgeemo.delivery.outbox import Outbox, StorageError, Stored
from edgeemo.delivery.standing import Standing
from edgeemo.types import Message

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""An event that the broker has not taken after this long is stored: so long at most a kill can cost it."""

COMMIT_S = 1.0
"""Least time between two writes: what comes meanwhile shares the next one."""

DISK_RETRY_S = 10.0
"""After the disk refused: when it is tried again."""

REFUSAL_PAUSE_S = 120.0
"""After the broker refused an event: when it is tried again."""

UNANSWERED_S = 300.0
"""What the broker has not acknowledged after this long it has lost, or it takes nothing for now."""

EXPIRE_S = 60.0
"""How often the age of what waits is looked at."""

READ_AHEAD = 100
"""Events read from disk at a time."""

FOREVER = float("inf")


@dataclass(slots=True, eq=False)
class Parcel:
    """An event on its way. `number` is its place in this run, None if it is of an earlier one.

    `row` is its position in the outbox once it lies there.
    """

    topic: str
    payload: str
    number: int | None
    taken_at: float
    row: int | None = None
    is_accepted: bool = False
    is_dropped: bool = False


class Sender(Protocol):
    """A connection, as far as the courier sees it."""

    def publish(self, message: Message) -> int:
        """Hand a message over; returns the number under which it will be acknowledged."""


class Courier:
    """Brings what stands and what happened to the broker.

    `on_accepted` is called with an event's payload, once and in order, when nothing short of a
    broken disk can lose it: the broker has acknowledged it, or it is stored.
    """

    def __init__(
        self,
        outbox: Outbox,
        standing: Standing,
        config: OutboxConfig,
        on_accepted: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.delivered = 0
        self._outbox = outbox
        self._standing = standing
        self._config = config
        self._on_accepted = on_accepted
        self._link: Sender | None = None
        self._window = 0
        self._largest_bytes = LARGEST_PACKET_BYTES
        self._under_way: dict[int, Parcel | str] = {}
        self._handed_over_at: dict[int, float] = {}
        self._memory: deque[Parcel] = deque()
        self._ahead: deque[Parcel] = deque()
        self._cursor = 0
        self._unaccepted: deque[Parcel] = deque()
        self._delivered_rows: list[int] = []
        self._complained_at: dict[tuple[str, str], float] = {}
        self._dropped = self._oversized = 0
        self._write_at = self._remove_at = self._refused_until = 0.0
        self._expire_at = 0.0
        self._is_disk_trouble = self._is_dropping = False
        self._is_unread = False  # whether there may be stored events that could not be read

    @property
    def queued(self) -> int:
        """Events that the broker has not acknowledged."""
        # Of those that were delivered some may have given way to the bounds before.
        stored = max(0, self._outbox.count - len(self._delivered_rows))
        return stored + sum(1 for p in self._unsettled() if p.row is None)

    @property
    def dropped(self) -> int:
        """Events that gave way to the bounds, or that the broker will not take for their size."""
        return self._dropped + self._oversized + self._outbox.dropped

    @property
    def disk_writes(self) -> int:
        """Synchronised writes that events have cost since the start."""
        return self._outbox.commits

    @property
    def is_idle(self) -> bool:
        """Whether the broker has everything."""
        return self._standing.is_said and not self._under_way and not self.queued

    def is_unanswered(self, now: float) -> bool:
        """Whether something is under way for too long, the connection being there all the same."""
        oldest_at = next(iter(self._handed_over_at.values()), now)
        return now - oldest_at >= UNANSWERED_S

    def open(self) -> None:
        """Look what an earlier run has left."""
        try:
            has_left = self._outbox.is_there
        except OSError:  # in a folder that may not be searched: opening it says so
            has_left = True
        if has_left:
            self._is_unread = not self._try(self._outbox.open)

    def take(self, number: int, topic: str, payload: str, now: float) -> None:
        """Accept a new event; `number` grows by one with each."""
        parcel = Parcel(topic, payload, number, now)
        self._memory.append(parcel)
        self._unaccepted.append(parcel)

    def up(self, link: Sender, window: int, largest_bytes: int = LARGEST_PACKET_BYTES) -> None:
        """There is a connection that takes `window` unacknowledged messages at a time, none larger."""
        self._link, self._window, self._largest_bytes = link, window, largest_bytes
        self._refused_until = 0.0
        self._cursor = 0
        self._ahead.clear()
        self._standing.announce()

    def down(self) -> None:
        """The connection is gone: what was under way starts over."""
        self._link = None
        self._standing.forget_link()
        parcels = [p for p in self._under_way.values() if isinstance(p, Parcel) and p.row is None]
        self._memory.extendleft(reversed(parcels))
        self._under_way.clear()
        self._handed_over_at.clear()
        self._ahead.clear()

    def acknowledged(self, mid: int, refusal: str | None, now: float) -> None:
        """The broker has taken a message, or refused it with a reason."""
        self._handed_over_at.pop(mid, None)
        if (parcel := self._under_way.pop(mid, None)) is not None:
            self._settle(parcel, refusal, now)

    def _settle(self, parcel: Parcel | str, refusal: str | None, now: float) -> None:
        if isinstance(parcel, str):
            self._standing.settle(parcel)
            if refusal:
                self._complain(parcel, refusal, now)
        elif refusal:
            self._refuse(parcel, refusal, now)
        else:
            self.delivered += 1
            self._accept(parcel)
            if parcel.row is not None:
                self._delivered_rows.append(parcel.row)

    def step(self, now: float) -> None:
        """Send what can be sent, then store what has to wait."""
        self.send(now)
        self._store(now)
        self._clean(now)

    def put_away(self, now: float) -> None:
        """The end is near: store what the broker has not acknowledged, and close the outbox."""
        self.down()
        self._write_at = self._remove_at = 0.0
        self.step(now)
        self._outbox.close()

    def _unsettled(self) -> list[Parcel]:
        return [*self._memory, *(p for p in self._under_way.values() if isinstance(p, Parcel))]

    def send(self, now: float) -> None:
        """Hand over what the broker takes without an answer: what stands, then events, in order."""
        while self._link and len(self._under_way) < self._window:
            if message := self._standing.take():
                self._hand_over(self._link, message, message.topic, now)
            elif now >= self._refused_until and (parcel := self._next(now)):
                message = Message(parcel.topic, parcel.payload, AT_LEAST_ONCE)
                self._cursor = max(self._cursor, self._place(parcel))
                self._hand_over(self._link, message, parcel, now)
            else:
                return

    def _hand_over(self, link: Sender, message: Message, parcel: Parcel | str, now: float) -> None:
        if packet_bytes(message) > self._largest_bytes:  # the broker would end the connection
            self._settle(parcel, TOO_LARGE, now)
            return
        mid = link.publish(message)
        if message.qos:
            self._under_way[mid] = parcel
            self._handed_over_at[mid] = now

    def _next(self, now: float) -> Parcel | None:
        """The oldest event that is not under way; those on disk are the older ones, but look."""
        if not self._ahead:
            self._read_ahead(now)
        queues = [queue for queue in (self._ahead, self._memory) if queue]
        return min(queues, key=lambda queue: self._place(queue[0])).popleft() if queues else None

    def _place(self, parcel: Parcel) -> int:
        return self._outbox.position(parcel.number or 0) if parcel.row is None else parcel.row

    def _read_ahead(self, now: float) -> None:
        if self._is_unread or not self._outbox.count:
            return
        busy = {p.row for p in self._under_way.values() if isinstance(p, Parcel)}
        busy.update(self._delivered_rows)
        limit = READ_AHEAD + len(busy)  # so that something is found if there is anything else
        rows: list[Stored] = []
        if not self._try(lambda: rows.extend(self._outbox.after(self._cursor, limit))):
            self._is_unread = True
            self._expire_at = min(self._expire_at, now + DISK_RETRY_S)
        self._ahead.extend(
            Parcel(row.topic, row.payload, None, now, row.position, is_accepted=True)
            for row in rows
            if row.position not in busy
        )

    def _store(self, now: float) -> None:
        """Write down what waits too long, at most once in COMMIT_S."""
        is_flowing = self._link is not None and now >= self._refused_until
        patience = PATIENCE_S if is_flowing else 0.0
        due = [p for p in self._unsettled() if p.row is None and now - p.taken_at >= patience]
        if not due or now < self._write_at:
            return
        due.sort(key=self._place)
        batch = [(p.number or 0, p.topic, p.payload, now - p.taken_at) for p in due]
        self._write_at = now + COMMIT_S
        if self._try(lambda: self._outbox.put(batch)):
            self._note_stored(due)
        else:
            self._write_at = now + DISK_RETRY_S
            self._bound_memory(now)
        self._note_dropped()

    def _note_stored(self, parcels: list[Parcel]) -> None:
        if self._is_disk_trouble:
            logger.info("the disk takes events again")
        self._is_disk_trouble = False
        for parcel in parcels:
            parcel.row = self._outbox.position(parcel.number or 0)
            self._accept(parcel)
        self._memory = deque(p for p in self._memory if p.row is None)

    def _bound_memory(self, now: float) -> None:
        """The disk is no help: keep the newest that memory may hold, while they are young enough."""
        size = sum(len(p.payload) for p in self._memory)
        while self._memory and (
            len(self._memory) > self._config.max_events
            or size > self._config.max_mb * 1_000_000
            or now - self._memory[0].taken_at > self._config.max_age_s
        ):
            parcel = self._memory.popleft()
            size -= len(parcel.payload)
            parcel.is_dropped = True
            self._dropped += 1
        self._report_accepted()

    def _clean(self, now: float) -> None:
        """Forget what was delivered, and what has become too old."""
        if self._delivered_rows and now >= self._remove_at:
            if self._try(lambda: self._outbox.remove(self._delivered_rows)):
                self._delivered_rows = []
                self._remove_at = now + COMMIT_S
            else:
                self._remove_at = now + DISK_RETRY_S
        if (self._outbox.count or self._is_unread) and now >= self._expire_at:
            self._expire(now)

    def _expire(self, now: float) -> None:
        if not self._try(self._outbox.expire):
            self._expire_at = now + DISK_RETRY_S
            return
        self._expire_at = now + EXPIRE_S
        self._note_dropped()
        if self._is_unread:  # what could not be read may be older than what was sent meanwhile
            self._is_unread = False
            self._cursor = 0
            self._ahead.clear()

    def _accept(self, parcel: Parcel) -> None:
        parcel.is_accepted = True
        self._report_accepted()

    def _report_accepted(self) -> None:
        """Tell of the accepted ones in order, as far as nothing before them is undecided."""
        while self._unaccepted:
            first = self._unaccepted[0]
            if not (first.is_accepted or first.is_dropped):
                return
            self._unaccepted.popleft()
            if first.is_accepted:
                self._on_accepted(first.payload)

    def _refuse(self, parcel: Parcel, reason: str, now: float) -> None:
        self._complain(parcel.topic, reason, now)
        if reason == TOO_LARGE:  # it would be refused again, and all others wait for it
            self._give_up(parcel)
            return
        self._refused_until = now + REFUSAL_PAUSE_S
        self._cursor = 0
        self._ahead.clear()
        if parcel.row is None:
            self._memory = deque(sorted([parcel, *self._memory], key=self._place))

    def _give_up(self, parcel: Parcel) -> None:
        self._oversized += 1
        parcel.is_dropped = True
        self._report_accepted()
        if parcel.row is not None:
            self._delivered_rows.append(parcel.row)

    def _complain(self, topic: str, reason: str, now: float) -> None:
        """Once an hour: a state may be refused every second, and everything anew on each connection."""
        said_at = self._complained_at.get((topic, reason), -FOREVER)
        if now - said_at >= REMINDER_S:
            self._complained_at[topic, reason] = now
            mend = RAISE_LIMIT if reason == TOO_LARGE else "check its access rules"
            logger.error("the broker refuses %s: %s; %s", topic, reason, mend)

    def _try(self, action: Callable[[], object]) -> bool:
        """Do something with the disk; trouble with it is said once, and costs nothing but itself."""
        try:
            action()
        except StorageError as error:
            if not self._is_disk_trouble:
                logger.warning("events that wait stay in memory, the disk takes none: %s", error)
            self._is_disk_trouble = True
            return False
        return True

    def _note_dropped(self) -> None:
        has_dropped = self.dropped > self._oversized
        if has_dropped and not self._is_dropping:
            logger.warning(
                "the outbox is at a bound: the oldest events are dropped, and counted in telemetry "
                "(at most %d events, %g MB, %g days)",
                *(self._config.max_events, self._config.max_mb, self._config.max_age_s / 86_400),
            )
        self._is_dropping = has_dropped
