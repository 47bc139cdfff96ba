"""Files that are written together, and the input's range: its spelling, and telling it from others."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from converting.files import refuse_existing, write_together
from converting.value_range import (
    NAMED,
    Candidate,
    Range,
    RangeError,
    doubt,
    measure,
    objection,
    parse,
)
from fulldisk import small_files
from networks.refusal import ExistsError, WriteError


def test_write_together_writes_all(tmp_path: Path) -> None:
    """Every file, folders made on the way, and nothing beside them."""
    contents = {tmp_path / "a" / "x": b"1", tmp_path / "a" / "y": b"2"}
    write_together(contents)
    assert {path: path.read_bytes() for path in (tmp_path / "a").iterdir()} == contents


def test_write_together_changes_nothing_when_the_disk_is_full(tmp_path: Path) -> None:
    """The first file fits, the second does not: the old ones stay, no draft is left."""
    old = {tmp_path / "x": b"old x", tmp_path / "y": b"old y"}
    write_together(old)
    with small_files(), pytest.raises(WriteError, match=os.strerror(errno.EFBIG)) as caught:
        write_together({tmp_path / "x": b"new", tmp_path / "y": bytes(10_000)})
    assert "nothing was changed" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_write_together_says_where_it_can_not_write(tmp_path: Path) -> None:
    """A folder that is a file."""
    (tmp_path / "a").write_text("")
    with pytest.raises(WriteError, match=f"can't write {tmp_path / 'a'}"):
        write_together({tmp_path / "a" / "x": b"1"})


def test_write_together_changes_nothing_where_a_folder_is_in_the_way(tmp_path: Path) -> None:
    """It is seen before the first file takes its place."""
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(WriteError, match=r"b: a folder has that name"):
        write_together({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.fixture
def killed() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_write_together_removes_drafts_that_a_kill_left(tmp_path: Path, killed: int) -> None:
    """Of the files that it writes; those of a process at work and of other files stay."""
    kept = {f".x.{os.getppid()}.part", f".other.{killed}.part", f".x.y.{killed}.part", ".x.part"}
    for name in (*kept, f".x.{killed}.part", f".y[1].{killed}.part"):
        (tmp_path / name).write_bytes(b"half")
    write_together({tmp_path / "x": b"1", tmp_path / "y[1]": b"2"})
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "x", "y[1]"}


def test_refuse_existing_names_what_is_there(tmp_path: Path) -> None:
    """Only those that exist are named."""
    (tmp_path / "x").touch()
    refuse_existing([tmp_path / "y"])
    with pytest.raises(ExistsError, match=f"^{tmp_path / 'x'} exists"):
        refuse_existing([tmp_path / "x", tmp_path / "y"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("signed", Range(-1.0, 1.0)), ("0,1", NAMED["unit"]), ("-2.5, 2.5", Range(-2.5, 2.5))],
)
def test_parse_reads_ranges(text: str, expected: Range) -> None:
    """By name or by its ends."""
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0..1", "1,0", "1,1", "a,b", "0,1,2", "nan,1", "0,inf"])
def test_parse_refuses_what_is_no_range(text: str) -> None:
    """In one line that quotes it."""
    with pytest.raises(RangeError, match=r"^range '"):
        parse(text)


def test_measure_tries_every_range_best_first() -> None:
    """The named ones and the one given, each once."""
    given = Range(-0.5, 0.5)
    rates = {
        given: 0.7,
        NAMED["unit"]: 0.2,
        NAMED["signed"]: 0.9,
        NAMED["bytes"]: 0.1,
        NAMED["standard"]: 0.6,
    }
    found = measure(given, lambda one: np.arange(10) < 10 * rates[one])
    assert [(c.range, c.accuracy) for c in found] == sorted(
        rates.items(), key=lambda pair: -pair[1]
    )


def rivals(pictures: int, own: float) -> tuple[Candidate, ...]:
    """A range that is right on nine of ten pictures, and another one on a share of the same."""
    place = np.arange(pictures) / pictures
    return Candidate(NAMED["signed"], place < 0.9), Candidate(NAMED["unit"], place < own)


@pytest.mark.parametrize(
    ("pictures", "own", "objects"), [(1000, 0.895, False), (1000, 0.7, True), (10, 0.7, False)]
)
def test_objection_is_raised_when_another_range_is_clearly_better(
    pictures: int, own: float, objects: bool
) -> None:
    """Half a point may be chance, twenty are not; but on ten pictures they may be."""
    found = objection(NAMED["unit"], rivals(pictures, own))
    assert (found is not None and "with -1..1 90.0%" in found) == objects


@pytest.mark.parametrize(("pictures", "doubted"), [(1000, False), (10, True)])
def test_doubt_is_said_where_few_pictures_can_not_tell_ranges_apart(
    pictures: int, doubted: bool
) -> None:
    """The best of two ranges that differ on two pictures is a guess."""
    assert (doubt(rivals(pictures, 0.7)) is not None) == doubted
