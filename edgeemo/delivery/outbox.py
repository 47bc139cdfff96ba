"""Events that wait for the broker, kept in SQLite: a kill or a power cut loses none that was stored.

The file is made when the first event has to wait, and not touched while none does. It belongs to
one thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from edgeemo.clock import Clock, machine_boot_id, uptime_s, wall_time
from edgeemo.config import OutboxConfig
from edgeemo.delivery import salvage
from edgeemo.errors import EdgeemoError

logger = logging.getLogger(__name__)

FILE_NAME = "outbox.sqlite3"
VERSION = 1
RUN_BITS = 40
"""A position is a run's number above this many bits of the event's number in that run: one integer
key, in the order in which events happened over restarts, with room for a trillion events a run."""

BUSY_S = 1.0
"""How long somebody who looks into the file may hold us up."""

CREATE = f"""
CREATE TABLE IF NOT EXISTS event (
    position INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    crc INTEGER NOT NULL,    -- of both: SQLite itself does not notice damage inside a text
    boot TEXT NOT NULL,      -- the machine's start in which uptime_s was read
    uptime_s REAL NOT NULL,  -- when the event happened: a clock that never jumps
    unix_s REAL              -- the same by the wall clock; NULL while nobody had set it
) STRICT;
PRAGMA user_version = {VERSION};
"""


class StorageError(EdgeemoError, OSError):
    """The disk does not take or give events now: full, read-only, gone."""


class Stored(NamedTuple):
    """An event as it lies on disk."""

    position: int
    topic: str
    payload: str


class Outbox:
    """A bounded queue on disk; the oldest give way, and are counted.

    `commits` counts the transactions, each of which costs the disk one synchronised write.
    """

    def __init__(
        self,
        path: Path,
        config: OutboxConfig,
        clock: Clock = wall_time,
        uptime: Callable[[], float] = uptime_s,
        boot: str | None = None,
    ) -> None:
        self.path = path
        self.count = 0
        self.bytes = 0
        self.dropped = 0
        self.commits = 0
        self._max_bytes = int(config.max_mb * 1_000_000)
        self._config = config
        self._clock = clock
        self._uptime = uptime
        self._boot = machine_boot_id() if boot is None else boot
        self._connection: sqlite3.Connection | None = None
        self._base = 0

    def open(self) -> None:
        """Open the file, or make it. What can be read of a damaged one is taken over, and it put aside.

        Raises:
            StorageError: the disk does not allow it now.
        """
        with self._translated():
            self._connect()

    @property
    def is_there(self) -> bool:
        """Whether an earlier run has left something.

        Raises:
            OSError: the folder may not be searched.
        """
        return self.path.exists() or salvage.is_rescued(self.path)

    def position(self, sequence: int) -> int:
        """Where this run's event of that number lies, or would lie."""
        return self._base + sequence

    def put(self, events: Sequence[tuple[int, str, str, float]]) -> None:
        """Store events, given as (number in this run, topic, payload, age in seconds), then keep the bounds.

        Raises:
            StorageError: none of them was stored.
        """
        with self._translated():
            connection = self._connect()
            now, wall = self._uptime(), self._clock()
            rows = [
                (
                    self.position(number),
                    topic,
                    text,
                    salvage.checksum(topic, text),
                    self._boot,
                    now - age_s,
                    wall.unix_s - age_s if wall.is_synced else None,
                )
                for number, topic, text, age_s in events
            ]
            with self._transaction(connection):
                for row in rows:
                    self._insert(connection, row)
                lost = self._expire(connection) + self._trim(connection)
            self.dropped += lost

    def after(self, position: int, limit: int) -> list[Stored]:
        """The oldest events behind a position; a damaged one ends the file, see `open`.

        Raises:
            StorageError: they can't be read now.
        """
        with self._translated():
            query = "SELECT position, topic, payload, crc FROM event WHERE position > ? ORDER BY position LIMIT ?"
            rows = self._connect().execute(query, (position, limit)).fetchall()
            if all(salvage.is_unchanged(*row[1:]) for row in rows):
                return [Stored(*row[:3]) for row in rows]
            self._replace("an event in it is not what was stored")
            rows = self._connect().execute(query, (position, limit)).fetchall()
            return [Stored(*row[:3]) for row in rows]

    def remove(self, positions: Sequence[int]) -> None:
        """Forget events that the broker has acknowledged.

        Raises:
            StorageError: they are still there, and would be sent once more after a restart.
        """
        with self._translated():
            connection = self._connect()
            with self._transaction(connection):
                for position in positions:
                    self._delete(connection, "position = ?", position)

    def expire(self) -> None:
        """Drop and count what has waited too long.

        Raises:
            StorageError: the disk does not allow it now.
        """
        with self._translated():
            connection = self._connect()
            with self._transaction(connection):
                lost = self._expire(connection)
            self.dropped += lost

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            salvage.put_in_place(self.path)
            try:
                self._connection = self._prepare()
            except sqlite3.DatabaseError as error:
                if not salvage.is_damage(error):
                    raise
                self._replace(error)
                self._connection = self._prepare()
        return self._connection

    def _prepare(self) -> sqlite3.Connection:
        salvage.check_header(self.path)
        connection = connect(self.path)
        try:
            salvage.check(connection, VERSION)
            create(connection)
            self._recount(connection)
            self._set_base(connection)
            self._adopt(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _set_base(self, connection: sqlite3.Connection) -> None:
        """Begin a new run behind all that are stored, once: a file that is opened again goes on."""
        if not self._base:
            (last,) = connection.execute("SELECT max(position) FROM event").fetchone()
            self._base = (((last or 0) >> RUN_BITS) + 1) << RUN_BITS

    def _adopt(self, connection: sqlite3.Connection) -> None:
        """Date the events of earlier starts of the machine by this start's clock.

        Only two wall times that a time server stands behind can tell an age; without them it is
        counted from now on. So no jump of the clock makes an event too old.
        """
        wall = self._clock()
        with self._transaction(connection):
            connection.execute(
                "UPDATE event SET boot = ?1, uptime_s = ?2 - CASE"
                " WHEN ?3 AND unix_s IS NOT NULL THEN max(0.0, ?4 - unix_s) ELSE 0.0 END"
                " WHERE boot != ?1",
                (self._boot, self._uptime(), wall.is_synced, wall.unix_s),
            )

    def _insert(self, connection: sqlite3.Connection, row: tuple[object, ...]) -> None:
        # It may be there: a commit can fail after it has reached the disk, and is then made again.
        cursor = connection.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        if cursor.rowcount:
            self.count += 1
            self.bytes += len(str(row[2]).encode())

    def _expire(self, connection: sqlite3.Connection) -> int:
        return self._delete(connection, "uptime_s < ?", self._uptime() - self._config.max_age_s)

    def _trim(self, connection: sqlite3.Connection) -> int:
        """Drop the oldest until both bounds are kept."""
        surplus, surplus_bytes = self.count - self._config.max_events, self.bytes - self._max_bytes
        last = 0
        oldest = connection.execute(
            "SELECT position, length(CAST(payload AS BLOB)) FROM event ORDER BY position"
        )
        for position, size in oldest:
            if surplus <= 0 and surplus_bytes <= 0:
                break
            last, surplus, surplus_bytes = position, surplus - 1, surplus_bytes - size
        oldest.close()
        return self._delete(connection, "position <= ?", last)

    def _delete(self, connection: sqlite3.Connection, condition: str, value: float) -> int:
        sizes = connection.execute(
            f"DELETE FROM event WHERE {condition} RETURNING length(CAST(payload AS BLOB))",  # noqa: S608  # three literals
            (value,),
        ).fetchall()
        self.count -= len(sizes)
        self.bytes -= sum(size for (size,) in sizes)
        return len(sizes)

    def _recount(self, connection: sqlite3.Connection) -> None:
        self.count, self.bytes = connection.execute(
            "SELECT count(*), coalesce(sum(length(CAST(payload AS BLOB))), 0) FROM event"
        ).fetchone()

    def _replace(self, cause: object) -> None:
        """Begin a new file with what can be read of the damaged one, and put that aside."""
        self.close()
        with salvage.drafting(self.path) as draft, closing(connect(draft)) as fresh:
            create(fresh)
            saved = salvage.take_over(self.path, fresh, draft)
        # From here on nothing has to be begun anew, and so nothing is said twice.
        logger.error(
            "the outbox was damaged (%s): %d events taken over, the file put aside as %s",
            *(cause, saved, salvage.aside_name(self.path)),
        )
        salvage.put_in_place(self.path)

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commits += connection.total_changes > before

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what SQLite and the file system say into one error; after any, the file is opened anew."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StorageError(f"{self.path}: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes ahead and waits until the disk has it: one synchronised write a commit."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    # Damage may reach into a text; it is then recognised by its content, not by an exception here.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Make the table, unless it is there; a file that has it is not written to."""
    connection.execute(f"PRAGMA page_size = {salvage.PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        connection.executescript(CREATE)
