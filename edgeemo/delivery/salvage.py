"""Damage to the outbox: noticed, put aside, and what can still be read saved.

The file format is SQLite's own (sqlite.org/fileformat.html): pages of equal size, the first with a
header and the table of contents, which are the same in every outbox but for a few counters.
"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = 4096
SIZE_IN_PAGES = slice(28, 32)
"""Where the header holds the size of the file, a big-endian number of pages."""

COMPANIONS = ("", "-wal", "-shm")
"""SQLite's log of what is not in the file yet, and its index, are part of the file."""

LARGEST_GAP = 1_000_000
"""Positions that are tried one by one between two that could be read."""

COLUMNS = ("position", "topic", "payload", "crc", "boot", "uptime_s", "unix_s")
"""Of the table, in the order in which the outbox makes them."""

Row = tuple[int, str, str, int, str, float, float | None]


class DamagedError(sqlite3.DatabaseError):
    """A file that SQLite opens but that is no sound outbox."""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether an error means that the file is broken, rather than that the disk is full or locked."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extension bits
    return isinstance(error, DamagedError) or code in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def check(connection: sqlite3.Connection, version: int) -> None:
    """Look the whole file over.

    Raises:
        sqlite3.DatabaseError: it is damaged, or of a version we do not know.
    """
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version):
            raise DamagedError(f"made by another version ({found})")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        names = tuple(column[1] for column in connection.execute("PRAGMA table_info(event)"))
    except UnicodeDecodeError as error:
        # The verdict quotes names from the file, whatever became of them.
        raise DamagedError("its names are no text") from error
    except sqlite3.OperationalError as error:
        # Nothing is wrong with the statements, so it is the file: of a format that no SQLite has written, say.
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise DamagedError(str(error)) from error
        raise
    if verdict != "ok":
        raise DamagedError(verdict)
    if found and names != COLUMNS:
        raise DamagedError(f"its columns are {', '.join(names) or 'gone'}")


def checksum(payload: str) -> int:
    """What a payload is known by again."""
    return zlib.crc32(payload.encode())


def put_aside(path: Path) -> Path:
    """Rename a file and its companions to a name that is free, and return it."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in COMPANIONS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def take_over(damaged: Path, fresh: sqlite3.Connection, fresh_path: Path) -> int:
    """Copy every event that can be read from a damaged file into a new one; returns how many.

    What was put aside stays as it is: the reading is done on a copy.
    """
    copy = damaged.with_name(damaged.name + ".copy")
    try:
        _copy(damaged, copy)
        rows = _sound_rows(copy)
        if not rows:
            _remove(copy)
            _copy(damaged, copy)
            _mend_first_page(copy, fresh, fresh_path)
            rows = _sound_rows(copy)
    finally:
        _remove(copy)
    fresh.execute("BEGIN IMMEDIATE")
    fresh.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    fresh.execute("COMMIT")
    return len(rows)


def _copy(damaged: Path, copy: Path) -> None:
    """The file and its log; the log's index is made anew."""
    for suffix in COMPANIONS[:2]:
        part = damaged.with_name(damaged.name + suffix)
        if part.exists():
            shutil.copyfile(part, copy.with_name(copy.name + suffix))


def _remove(copy: Path) -> None:
    for suffix in COMPANIONS:
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _mend_first_page(copy: Path, fresh: sqlite3.Connection, fresh_path: Path) -> None:
    """Give a file the first page of a new outbox, with the header and the table's layout."""
    with copy.open("r+b") as file:
        fresh.execute(
            "PRAGMA wal_checkpoint(TRUNCATE)"
        )  # the new page into the file, not only its log
        page = bytearray(fresh_path.read_bytes()[:PAGE_BYTES])
        pages = -(-copy.stat().st_size // PAGE_BYTES)
        page[SIZE_IN_PAGES] = pages.to_bytes(4, "big")
        file.seek(0)
        file.write(page)


def _sound_rows(path: Path) -> list[Row]:
    return [row for row in _read(path).values() if _is_sound(row)]


def _read(path: Path) -> dict[int, Row]:
    """Every event that can be reached: from the front, from the back, and one by one in between."""
    rows: dict[int, Row] = {}
    connection = sqlite3.connect(path)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        for order in ("ASC", "DESC"):
            rows |= {r[0]: r for r in _select(connection, f"ORDER BY position {order}")}
        for position in _gap(rows):
            rows |= {r[0]: r for r in _select(connection, "WHERE position = ?", position)}
    finally:
        connection.close()
    return dict(sorted(rows.items()))


def _select(connection: sqlite3.Connection, clause: str, *values: int) -> Iterator[Row]:
    """The rows up to the first that can't be read."""
    try:
        yield from connection.execute(f"SELECT {', '.join(COLUMNS)} FROM event {clause}", values)  # noqa: S608  # literals
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # names of columns may be damaged too
        return


def _gap(rows: dict[int, Row]) -> Iterator[int]:
    """The positions between the first and the last that were not read, if they are not too many."""
    if rows and max(rows) - min(rows) <= LARGEST_GAP:
        yield from (p for p in range(min(rows), max(rows)) if p not in rows)


def _is_sound(row: Row) -> bool:
    """Whether a row still holds an event: damage may lie in the middle of a text."""
    position, topic, payload, crc, boot, uptime, unix = row
    if not (isinstance(topic, str) and isinstance(payload, str) and isinstance(boot, str)):
        return False
    if not (isinstance(uptime, float) and isinstance(unix, float | None)) or position < 0:
        return False
    return checksum(payload) == crc
