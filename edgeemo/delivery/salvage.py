"""Damage to the outbox: noticed, what can still be read saved, and the file put aside.

The damaged file stays in its place until all that can be read of it lies in another one on the disk:
whatever ends the work before that, a kill, a power cut or a full disk, the next open begins it anew.

The file format is SQLite's own (sqlite.org/fileformat.html): pages of equal size, the first with a
header and the table of contents, which are the same in every outbox but for a few counters.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE_BYTES = 4096
FORMATS = slice(18, 20)
"""Where the header says which format one has to know to write to the file, and to read it."""
LATEST_FORMAT = 2
"""With a log that is written ahead. To a file of a later one SQLite does not write, and says no more
than of one that may not be written to. A header of zeros it sees itself, or finds in the log."""
SIZE_IN_PAGES = slice(28, 32)
"""Where the header holds the size of the file, a big-endian number of pages."""

COMPANIONS = ("", "-wal", "-shm", "-journal")
"""SQLite's log of what is not in the file yet, and its index, are part of the file; so is the journal
that it keeps while it makes one."""

COPY = ".copy"
"""After the file's name: what is read in place of the damaged one, which stays as it is."""

DRAFT = ".draft"
"""After the file's name: what is being saved. It counts for nothing, and is begun anew."""

RESCUED = ".rescued"
"""After the file's name: all that was saved, on its way into the damaged file's place."""

OUT_OF_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM)
"""SQLite's result codes; of their extended ones the last byte."""

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


def check_header(path: Path) -> None:
    """Look at what SQLite itself takes no offence at before it is to write; a file may be missing.

    Nobody in this process may have the file open: closing it here would give up SQLite's locks.

    Raises:
        sqlite3.DatabaseError: it is damaged.
        OSError: it can't be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        formats = file.read(FORMATS.stop)[FORMATS]
    if any(number > LATEST_FORMAT for number in formats):
        raise DamagedError(f"its header names formats that there are not: {tuple(formats)}")


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


def checksum(topic: str, payload: str) -> int:
    """What an event is known by again."""
    return zlib.crc32(f"{topic}\0{payload}".encode())


def is_unchanged(topic: object, payload: object, crc: object) -> bool:
    """Whether topic and payload are what was stored; damage may have made them anything but text."""
    if not (isinstance(topic, str) and isinstance(payload, str)):
        return False
    # What an edgeemo before topics were covered has stored is believed as far as its checksum goes.
    return crc in (checksum(topic, payload), zlib.crc32(payload.encode()))


@contextmanager
def drafting(path: Path) -> Iterator[Path]:
    """Lend the name of a new file beside a damaged one; `put_in_place` may follow once the block ends well.

    By then the new file has to be closed, with everything in it and nothing in a log.
    """
    draft = _beside(path, DRAFT)
    _remove(draft)  # of an attempt that was killed
    try:
        yield draft
        draft.rename(_beside(path, RESCUED))
        _sync_folder(path)
    finally:
        _remove(draft)


def put_in_place(path: Path) -> None:
    """Put a damaged file aside and what was saved of it in its place; nothing if nothing was saved.

    Where this was interrupted it goes on when it is called again.
    """
    if is_rescued(path):
        _put_aside(path)
        _sync_folder(path)  # a log of the old file beside the new one would be taken for its own
        _beside(path, RESCUED).rename(path)
        _sync_folder(path)


def is_rescued(path: Path) -> bool:
    """Whether something was saved that is not in its place yet."""
    return _beside(path, RESCUED).exists()


def aside_name(path: Path) -> Path:
    """The name under which a damaged file will be kept: the next that is free."""
    number = 1
    while (aside := _beside(path, f".damaged-{number}")).exists():
        number += 1
    return aside


def take_over(damaged: Path, fresh: sqlite3.Connection, fresh_path: Path) -> int:
    """Copy every event that can be read from a damaged file into a new one; returns how many.

    The damaged one stays as it is: the reading is done on a copy.
    """
    copy = _beside(damaged, COPY)
    _remove(copy)
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
    _write_back(fresh)
    return len(rows)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _put_aside(path: Path) -> None:
    """Rename a file and its companions; the file last, so that its name is free until all is done."""
    aside = aside_name(path)
    for suffix in reversed(COMPANIONS):
        part = _beside(path, suffix)
        if part.exists():
            part.rename(_beside(aside, suffix))


def _sync_folder(path: Path) -> None:
    """Wait until the disk has the names of the files in a path's folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_back(connection: sqlite3.Connection) -> None:
    """Bring everything into the file itself, which can then be copied or renamed without its log."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(damaged: Path, copy: Path) -> None:
    """The file and its log; the log's index is made anew."""
    for suffix in COMPANIONS[:2]:
        part = _beside(damaged, suffix)
        if part.exists():
            shutil.copyfile(part, _beside(copy, suffix))


def _remove(path: Path) -> None:
    for suffix in COMPANIONS:
        _beside(path, suffix).unlink(missing_ok=True)


def _mend_first_page(copy: Path, fresh: sqlite3.Connection, fresh_path: Path) -> None:
    """Give a file the first page of a new outbox, with the header and the table's layout."""
    with copy.open("r+b") as file:
        _write_back(fresh)
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
    """The rows up to the first that can't be read; raises where not the file is at fault but the disk."""
    try:
        yield from connection.execute(f"SELECT {', '.join(COLUMNS)} FROM event {clause}", values)  # noqa: S608  # literals
    except sqlite3.DatabaseError as error:
        if _is_out_of_room(error):
            raise
    except UnicodeDecodeError:  # names of columns may be damaged too
        return


def _is_out_of_room(error: sqlite3.DatabaseError) -> bool:
    """Whether there was no room for what SQLite needs beside a file to read it."""
    code: int = getattr(error, "sqlite_errorcode", 0)  # Python's own errors of this kind have none
    return code == sqlite3.SQLITE_IOERR_SHMSIZE or code & 0xFF in OUT_OF_ROOM


def _gap(rows: dict[int, Row]) -> Iterator[int]:
    """The positions between the first and the last that were not read, if they are not too many."""
    if rows and max(rows) - min(rows) <= LARGEST_GAP:
        yield from (p for p in range(min(rows), max(rows)) if p not in rows)


def _is_sound(row: Row) -> bool:
    """Whether a row still holds an event: damage may lie in the middle of a text."""
    position, topic, payload, crc, boot, uptime, unix = row
    if not (isinstance(boot, str) and isinstance(uptime, float) and isinstance(unix, float | None)):
        return False
    return position >= 0 and is_unchanged(topic, payload, crc)
