"""FER+ votes from a csv, brought to the pictures that they are of: by path, or row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgeemo.errors import InputError
from labelled.faces import Faces
from labelled.ferplus import COLUMNS
from labelled.table import Row, rows, split_of

MOST_VOTES = 2**31
"""More are no votes, and no int64 either before long."""


def with_votes(faces: Faces, path: Path, root: Path, splits: Sequence[str] | None) -> Faces:
    """The faces with a FER+ csv's votes; none at all for a picture that the csv does not name.

    `root` is what the faces are from, and may stand before the paths of the csv; `splits` are those of
    all its rows where it is a csv, None where it is a folder.

    Raises:
        InputError: the csv can't be read, lacks a column, or is of other pictures.
    """
    given = list(rows(path, COLUMNS))
    has_paths = bool(given and "path" in given[0])
    if splits is not None and not has_paths:
        _refuse_other_rows(path, [split_of(row) for row in given], splits)
    ballot = _counted(given, _Keys.of(faces, root))
    without = sum(key not in ballot.by_key for key in faces.keys)
    if faces.keys and without == len(faces):
        theirs = f"its first path is {given[0]['path']}" if has_paths else "it has no column path"
        said = f"has votes for none of the pictures (such as {faces.keys[0]}); {theirs}"
        raise InputError(f"{path}: " + "; ".join((said, *ballot.faults[:1])))
    faults = [*ballot.faults, *(ballot.strays() if has_paths else ())]
    if without:
        faults.append(f"no votes for {without} of {len(faces)} pictures")
    nothing = [0] * len(COLUMNS)
    votes = np.array([ballot.by_key.get(key, nothing) for key in faces.keys], np.int64)
    problems = (*faces.problems, *(f"{path}: {fault}" for fault in faults))
    return replace(faces, votes=votes.reshape(-1, len(COLUMNS)), problems=problems)


@dataclass
class _Ballot:
    """What the rows of a csv come to: votes by the key of a picture, and what is wrong with rows.

    `unknown` are the paths of no picture, `repeated` the pictures that more than one row is of.
    """

    by_key: dict[str, list[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def strays(self) -> Iterator[str]:
        """A line for the rows of no picture, and one for those that another row takes the place of."""
        if self.unknown:
            yield f"{len(self.unknown)} rows of no readable picture (such as {self.unknown[0]})"
        if self.repeated:
            again = dict.fromkeys(self.repeated)
            yield f"{len(again)} pictures in more than one row, of which the last counts (such as {next(iter(again))})"


@dataclass(frozen=True)
class _Keys:
    """The keys of the pictures, and what may stand before them in a path."""

    known: Set[str]
    prefixes: Sequence[str]

    @classmethod
    def of(cls, faces: Faces, root: Path) -> _Keys:
        whole = (root, root.absolute(), root.resolve())
        named = (Path(path.name) for path in whole[1:])
        return cls(frozenset(faces.keys), [f"{p.as_posix()}/" for p in (*whole, *named)])

    def find(self, row: Row, number: int) -> str:
        """The key of a row's picture: the path as it is written, or what Windows, `find` or a parent meant by it."""
        written = (row.get("path") or str(number)).strip()
        plain = written.replace("\\", "/").removeprefix("./")
        below = [plain.removeprefix(prefix) for prefix in self.prefixes]
        return next((key for key in (written, plain, *below) if key in self.known), plain)


def _counted(given: Sequence[Row], keys: _Keys) -> _Ballot:
    ballot = _Ballot()
    for number, row in enumerate(given):
        votes, key = _votes_of(row), keys.find(row, number)
        if votes is None:
            ballot.faults.append(f"row {number}: votes must be whole numbers, 0 or more")
            continue
        if key not in keys.known:
            ballot.unknown.append(key)
        elif key in ballot.by_key:
            ballot.repeated.append(key)
        ballot.by_key[key] = votes
    return ballot


def _votes_of(row: Row) -> list[int] | None:
    """A row's votes, which pandas writes as 9.0; None where one is no number of votes."""
    try:
        votes = [float(row[column]) for column in COLUMNS]
    except (TypeError, ValueError):
        return None
    are_counts = all(0 <= vote < MOST_VOTES and vote.is_integer() for vote in votes)
    return [int(vote) for vote in votes] if are_counts else None


def _refuse_other_rows(path: Path, theirs: Sequence[str], ours: Sequence[str]) -> None:
    """Raise InputError for votes of other rows than the pictures', by their count or by the split of each."""
    mend = "without a column path votes go row by row: give the two csv files that belong together"
    if len(theirs) != len(ours):
        raise InputError(f"{path}: {len(theirs)} rows of votes for {len(ours)} of pictures; {mend}")
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        if their and our and their != our:
            raise InputError(
                f"{path}: row {number} is of {their}, that of its picture of {our}; {mend}"
            )
