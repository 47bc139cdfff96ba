"""What waits on disk: order, bounds, age, and what happens when the disk or the file fails."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeemo.clock import WallTime
from edgeemo.config import OutboxConfig
from edgeemo.delivery.outbox import Outbox, StorageError

YEAR_S = 365 * 86_400.0
TOPIC = "edgeemo/porch/camera/event"


class Machine:
    """A machine's clocks, as a test sets them."""

    def __init__(self) -> None:
        self.uptime_s = 1000.0
        self.unix_s = 1.8e9
        self.is_synced = True
        self.boot = "first"

    def wall(self) -> WallTime:
        """The wall clock."""
        return WallTime(self.unix_s, self.is_synced)

    def pass_s(self, seconds: float) -> None:
        """Time goes by."""
        self.uptime_s += seconds
        self.unix_s += seconds

    def restart(self) -> None:
        """The machine starts anew: its uptime begins at zero."""
        self.uptime_s, self.boot = 5.0, self.boot + "+"


def an_outbox(path: Path, machine: Machine | None = None, **bounds: float) -> Outbox:
    """An outbox at a path with the given bounds."""
    machine = machine or Machine()
    config = OutboxConfig.model_validate(bounds)
    return Outbox(path, config, machine.wall, uptime=lambda: machine.uptime_s, boot=machine.boot)


def payload(number: int) -> str:
    """The JSON text of a numbered event, as long as a real one."""
    return json.dumps({"number": number, "padding": "x" * 400})


def fill(outbox: Outbox, numbers: range) -> None:
    """Store numbered events."""
    outbox.put([(n, TOPIC, payload(n), 0.0) for n in numbers])


def numbers(outbox: Outbox) -> list[int]:
    """The numbers of all that is stored, in order."""
    return [json.loads(row.payload)["number"] for row in outbox.after(0, 1_000_000)]


def test_outbox_makes_no_file_before_it_is_needed(tmp_path: Path) -> None:
    """In normal running the disk sees nothing of it."""
    outbox = an_outbox(tmp_path / "outbox")
    outbox.close()
    assert list(tmp_path.iterdir()) == []


def test_outbox_keeps_order_over_runs(tmp_path: Path) -> None:
    """Each run numbers from one; the later run's events come later all the same."""
    for _ in range(3):
        outbox = an_outbox(tmp_path / "outbox")
        fill(outbox, range(1, 4))
        outbox.close()
    assert numbers(an_outbox(tmp_path / "outbox")) == [1, 2, 3] * 3


def test_outbox_forgets_what_is_removed(tmp_path: Path) -> None:
    """And counts what is left, in events and bytes."""
    outbox = an_outbox(tmp_path / "outbox")
    fill(outbox, range(1, 6))
    outbox.remove([outbox.position(2), outbox.position(4)])
    assert (numbers(outbox), outbox.count, outbox.bytes) == (
        [1, 3, 5],
        3,
        sum(len(payload(n)) for n in (1, 3, 5)),
    )


def test_outbox_takes_the_same_event_only_once(tmp_path: Path) -> None:
    """A commit that was reported as failed may have reached the disk."""
    outbox = an_outbox(tmp_path / "outbox")
    fill(outbox, range(1, 3))
    fill(outbox, range(1, 4))
    assert (numbers(outbox), outbox.count) == ([1, 2, 3], 3)


def test_outbox_drops_the_oldest_beyond_its_count(tmp_path: Path) -> None:
    """The newest stay, the dropped are counted."""
    outbox = an_outbox(tmp_path / "outbox", max_events=10)
    fill(outbox, range(1, 26))
    assert (numbers(outbox), outbox.dropped) == (list(range(16, 26)), 15)


def test_outbox_drops_the_oldest_beyond_its_bytes(tmp_path: Path) -> None:
    """0.1 MB hold 228 events of 438 bytes."""
    outbox = an_outbox(tmp_path / "outbox", max_mb=0.1)
    fill(outbox, range(100, 500))
    assert outbox.bytes <= 100_000 < outbox.bytes + len(payload(100))
    assert (outbox.count + outbox.dropped, numbers(outbox)[-1]) == (400, 499)


def test_outbox_drops_what_is_too_old(tmp_path: Path) -> None:
    """By a clock that runs on through everything."""
    machine = Machine()
    outbox = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    fill(outbox, range(1, 3))
    machine.pass_s(3000)
    fill(outbox, range(3, 5))
    machine.pass_s(1000)
    outbox.expire()
    assert (numbers(outbox), outbox.dropped) == ([3, 4], 2)


def test_outbox_counts_the_time_before_an_event_could_be_stored(tmp_path: Path) -> None:
    """By the clock that runs on and by the one on the wall, which tells it over a restart."""
    machine = Machine()
    outbox = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    outbox.put([(1, TOPIC, payload(1), 4000.0), (2, TOPIC, payload(2), 3000.0)])
    at_first = numbers(outbox)
    outbox.close()
    machine.pass_s(1000.0)
    machine.restart()
    second = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    second.expire()
    assert (at_first, outbox.dropped, numbers(second), second.dropped) == ([2], 1, [], 1)


@pytest.mark.parametrize("jump_s", [-20 * YEAR_S, 20 * YEAR_S])
def test_outbox_drops_nothing_when_the_clock_jumps(tmp_path: Path, jump_s: float) -> None:
    """Years in either direction, while running."""
    machine = Machine()
    outbox = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    fill(outbox, range(1, 3))
    machine.unix_s += jump_s
    outbox.expire()
    fill(outbox, range(3, 4))
    assert (numbers(outbox), outbox.dropped) == ([1, 2, 3], 0)


@pytest.mark.parametrize(
    ("was_synced", "is_synced", "off_s", "kept"),
    [
        (True, True, 1800.0, True),  # switched off for half an hour
        (True, True, 2 * 3600.0, False),  # for two hours: too old
        (False, True, 30 * YEAR_S, True),  # was stored in 1996, by a clock that nobody had set
        (True, False, 2 * 3600.0, True),  # the clock is not set yet: nobody knows
        (True, True, -YEAR_S, True),  # from the future: no age at all
    ],
)
def test_outbox_judges_age_over_a_restart_only_by_clocks_that_were_set(
    tmp_path: Path, was_synced: bool, is_synced: bool, off_s: float, kept: bool
) -> None:
    """Without two good wall times an age is counted from the new start."""
    machine = Machine()
    machine.is_synced = was_synced
    first = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    fill(first, range(1, 2))
    first.close()
    machine.restart()
    machine.unix_s += off_s
    machine.is_synced = is_synced
    second = an_outbox(tmp_path / "outbox", machine, max_age_s=3600)
    second.open()
    second.expire()
    assert bool(numbers(second)) is kept


KILLED = """
import os, signal, sys
from pathlib import Path
from test_outbox import an_outbox, fill
outbox = an_outbox(Path(sys.argv[1]))
fill(outbox, range(1, 51))
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        check=False,
    )


def test_outbox_survives_a_kill_right_after_storing(tmp_path: Path) -> None:
    """What `put` has returned from is on disk."""
    done = run_python(KILLED, str(tmp_path / "outbox"))
    assert done.returncode == -9
    assert numbers(an_outbox(tmp_path / "outbox")) == list(range(1, 51))


def checkpointed(path: Path, last: int) -> None:
    """An outbox whose events 1 to `last` are all in the main file."""
    outbox = an_outbox(path)
    fill(outbox, range(1, last + 1))
    outbox.close()
    assert not Path(f"{path}-wal").exists()


def torn_last_page(path: Path) -> None:
    """A power cut in the middle of a page."""
    os.truncate(path, path.stat().st_size - 2048)


def zeroed_header(path: Path) -> None:
    """The first 100 bytes are gone."""
    with path.open("r+b") as file:
        file.write(bytes(100))


def zeroed_first_page(path: Path) -> None:
    """The whole first page is gone, table of contents and all."""
    with path.open("r+b") as file:
        file.write(bytes(4096))


def zeroed_middle(path: Path) -> None:
    """A page in the middle is gone."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4096 // 2 * 4096)
        file.write(bytes(4096))


EVENTS_A_PAGE = 10
"""438 bytes of text and some more for each event, in pages of 4096: fewer than this fit one."""


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (torn_last_page, EVENTS_A_PAGE),
        (zeroed_header, 0),
        (zeroed_first_page, 0),
        (zeroed_middle, EVENTS_A_PAGE),
    ],
)
def test_outbox_loses_no_more_than_what_was_damaged(
    tmp_path: Path, damage: Callable[[Path], None], lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on with the rest, puts the file aside as it was, and says so once."""
    path = tmp_path / "outbox"
    checkpointed(path, 300)
    damage(path)
    damaged = path.read_bytes()
    outbox = an_outbox(path)
    outbox.open()
    fill(outbox, range(1, 3))  # a new run
    found = numbers(outbox)
    assert len(found) >= 300 - lost + 2
    assert found[-2:] == [1, 2]
    assert found[:-2] == sorted(found[:-2])
    assert (tmp_path / "outbox.damaged-1").read_bytes() == damaged
    assert [r.levelname for r in caplog.records] == ["ERROR"]


def type_of(payload_bytes: int, base: int) -> bytes:
    """How a record says what a field holds: text for 13, a blob for 12 (file format, sections 1.6 and 2.1)."""
    number = 2 * payload_bytes + base
    return bytes([0x80 | number >> 7, number & 0x7F])


@pytest.mark.parametrize(
    ("whole", "flipped"),
    [
        (b"/camera/event{", b"/#amera/event{"),
        (b"/camera/event{", b"/camera/evenu{"),
        (type_of(len(payload(1)), 13), type_of(len(payload(1)), 12)),
    ],
)
def test_outbox_gives_no_event_back_of_which_a_bit_has_changed(
    tmp_path: Path, whole: bytes, flipped: bytes
) -> None:
    """In its topic, or in what says that its payload is text, under an open file: the others are taken over."""
    path = tmp_path / "outbox"
    outbox = an_outbox(path)
    fill(outbox, range(1, 4))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = path.read_bytes()
    assert whole in stored
    path.write_bytes(stored.replace(whole, flipped, 1))  # the last event lies first in its page
    assert [(row.topic, row.payload) for row in outbox.after(0, 10)] == [
        (TOPIC, payload(1)),
        (TOPIC, payload(2)),
    ]
    assert (tmp_path / "outbox.damaged-1").exists()


@pytest.mark.parametrize("is_damaged", [False, True])
def test_outbox_believes_what_an_earlier_edgeemo_has_stored(
    tmp_path: Path, is_damaged: bool
) -> None:
    """Its checksum covers the payload alone: read as it lies there, and taken over from a damaged file."""
    path = tmp_path / "outbox"
    checkpointed(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as earlier:
        earlier.create_function("crc32", 1, lambda text: zlib.crc32(text.encode()))
        earlier.execute("UPDATE event SET crc = crc32(payload)")
    if is_damaged:
        zeroed_header(path)
    outbox = an_outbox(path)
    assert numbers(outbox) == [1, 2, 3]
    assert (tmp_path / "outbox.damaged-1").exists() is is_damaged


@pytest.mark.parametrize("obstacle", ["outbox.copy", "outbox.draft"])
def test_outbox_takes_events_over_when_the_disk_allows_it_again(
    tmp_path: Path, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While something is in the way of any step the damaged file stays in its place; said once it is done."""
    path = tmp_path / "outbox"
    checkpointed(path, 200)
    zeroed_header(path)
    (tmp_path / obstacle).mkdir()
    outbox = an_outbox(path)
    for _ in range(2):
        with pytest.raises(StorageError):
            outbox.open()
    (tmp_path / obstacle).rmdir()
    assert numbers(outbox) == list(range(1, 201))
    assert [r.levelname for r in caplog.records] == ["ERROR"]


class FullDisk(sqlite3.Connection):
    """Finds no room for what SQLite needs to read a file."""

    def execute(self, *_: object) -> sqlite3.Cursor:
        """Refuse as SQLite does."""
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def test_outbox_does_not_take_a_full_disk_for_an_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be read for want of room is read later, and not given up."""
    path = tmp_path / "outbox"
    checkpointed(path, 200)
    zeroed_header(path)
    connect = sqlite3.connect

    def cramped(place: Path, **options: Any) -> Any:
        if place.name.endswith(".copy"):
            return connect(place, factory=FullDisk)
        return connect(place, **options)

    outbox = an_outbox(path)
    with monkeypatch.context() as while_full:
        while_full.setattr(sqlite3, "connect", cramped)
        with pytest.raises(StorageError, match="disk is full"):
            outbox.open()
    assert numbers(outbox) == list(range(1, 201))


KILLED_BY_A_LIMIT = """
import resource, signal, sys
from pathlib import Path
from test_outbox import an_outbox
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
an_outbox(Path(sys.argv[1])).open()
"""


@pytest.mark.parametrize(("share", "left"), [(0.5, "outbox.copy"), (1.0, "outbox.draft-wal")])
def test_outbox_loses_nothing_when_killed_while_it_takes_events_over(
    tmp_path: Path, share: float, left: str
) -> None:
    """By the system, for a file that grows beyond a share of the outbox: the next open begins anew."""
    path = tmp_path / "outbox"
    checkpointed(path, 200)
    zeroed_header(path)
    limit = str(round(share * path.stat().st_size))
    done = run_python(KILLED_BY_A_LIMIT, str(path), limit)
    assert (done.returncode, (tmp_path / left).exists()) == (-signal.SIGXFSZ, True)
    outbox = an_outbox(path)
    assert numbers(outbox) == list(range(1, 201))
    outbox.close()
    assert {p.name for p in tmp_path.iterdir()} == {"outbox", "outbox.damaged-1"}


@pytest.mark.parametrize("done", [0, 1, 2])
def test_outbox_puts_in_place_what_was_saved_before_a_power_cut(tmp_path: Path, done: int) -> None:
    """Nothing, the log, or all of the damaged file was put aside: both are there, and no log is mixed up."""
    path = tmp_path / "outbox"
    checkpointed(tmp_path / "outbox.rescued", 200)
    for suffix in ("-wal", "")[done:]:
        Path(f"{path}{suffix}").write_bytes(b"damaged")
    for suffix in ("-wal", "")[:done]:
        Path(f"{path}.damaged-1{suffix}").write_bytes(b"damaged")
    outbox = an_outbox(path)
    assert outbox.is_there
    assert numbers(outbox) == list(range(1, 201))
    aside = {p.name for p in tmp_path.glob("outbox.damaged-*") if p.read_bytes() == b"damaged"}
    assert aside == {"outbox.damaged-1", "outbox.damaged-1-wal"}


@pytest.mark.parametrize(
    "content", [b"", b"no database at all\n" * 1000, bytes(8192), b"\xff" * 50]
)
def test_outbox_goes_on_whatever_lies_in_its_place(tmp_path: Path, content: bytes) -> None:
    """Any file may stand there."""
    path = tmp_path / "outbox"
    path.write_bytes(content)
    outbox = an_outbox(path)
    fill(outbox, range(1, 3))
    assert numbers(outbox) == [1, 2]


@pytest.mark.parametrize("junk", [b"\x80", b"|", b"(", bytes(20)])
def test_outbox_takes_events_over_when_the_layout_is_damaged(tmp_path: Path, junk: bytes) -> None:
    """Its header is whole, but the words that say what columns it has are not: only those are lost."""
    path = tmp_path / "outbox"
    checkpointed(path, 60)
    damaged = path.read_bytes()
    at = damaged.index(b"unix_s")
    path.write_bytes(damaged[:at] + junk + damaged[at + len(junk) :])
    outbox = an_outbox(path)
    fill(outbox, range(61, 62))
    assert numbers(outbox) == list(range(1, 62))


def test_outbox_takes_events_over_from_a_file_of_an_unknown_format(tmp_path: Path) -> None:
    """A number in the header that no SQLite writes (file format, section 1.3.9: 1 to 4)."""
    path = tmp_path / "outbox"
    checkpointed(path, 60)
    with path.open("r+b") as file:
        file.seek(44)
        file.write((5).to_bytes(4, "big"))
    outbox = an_outbox(path)
    fill(outbox, range(61, 62))
    assert numbers(outbox) == list(range(1, 62))


@pytest.mark.parametrize("version", [18, 19])
@pytest.mark.parametrize("value", [0, 52, 255])
def test_outbox_takes_events_over_from_a_file_that_nobody_may_write_to(
    tmp_path: Path, version: int, value: int
) -> None:
    """By its header (file format, section 1.3.3): SQLite opens it, but only to read."""
    path = tmp_path / "outbox"
    checkpointed(path, 60)
    with path.open("r+b") as file:
        file.seek(version)
        file.write(bytes([value]))
    outbox = an_outbox(path)
    fill(outbox, range(61, 62))
    assert numbers(outbox) == list(range(1, 62))


@settings(max_examples=60, deadline=None)
@given(
    offset=st.floats(0, 1),
    junk=st.binary(min_size=1, max_size=5000),
)
def test_outbox_survives_any_damage(
    tmp_path_factory: pytest.TempPathFactory, offset: float, junk: bytes
) -> None:
    """Bytes overwritten anywhere: it opens, stores, and gives back only whole events."""
    path = tmp_path_factory.mktemp("damage") / "outbox"
    checkpointed(path, 60)
    at = int(offset * path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(junk)
    outbox = an_outbox(path)
    try:
        fill(outbox, range(1, 3))
    except StorageError:  # found while it was written to: put aside when it is opened next
        fill(outbox, range(1, 3))
    rows = outbox.after(0, 1000)
    assert [row.position for row in rows] == sorted(row.position for row in rows)
    whole = {payload(n) for n in range(1, 61)}
    assert {row.payload for row in rows} <= whole
    assert [json.loads(row.payload)["number"] for row in rows[-2:]] == [1, 2]
    outbox.close()


def test_outbox_puts_a_file_of_another_version_aside(tmp_path: Path) -> None:
    """After a step back to an older edgeemo."""
    path = tmp_path / "outbox"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE event (something TEXT)")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    outbox = an_outbox(path)
    fill(outbox, range(1, 2))
    assert (numbers(outbox), (tmp_path / "outbox.damaged-1").exists()) == ([1], True)


@contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Nobody may write to a folder: for root too, by a file in its place."""
    moved = path.with_name(path.name + ".moved")
    path.rename(moved)
    path.write_text("in the way")
    try:
        yield
    finally:
        path.unlink()
        moved.rename(path)


def test_outbox_says_when_the_disk_takes_nothing_and_goes_on_later(tmp_path: Path) -> None:
    """The error names the file; nothing is half stored."""
    folder = tmp_path / "state"
    outbox = an_outbox(folder / "outbox")
    fill(outbox, range(1, 3))
    outbox.close()
    with no_room(folder), pytest.raises(StorageError, match="state/outbox"):
        fill(outbox, range(3, 5))
    fill(outbox, range(3, 5))
    assert (numbers(outbox), outbox.count) == ([1, 2, 3, 4], 4)


def test_outbox_counts_its_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One a batch; reading and looking for old ones costs none."""
    caplog.set_level(logging.DEBUG)
    outbox = an_outbox(tmp_path / "outbox")
    for first in (1, 11, 21):
        fill(outbox, range(first, first + 10))
    outbox.after(0, 100)
    outbox.expire()
    assert outbox.commits == 3
