"""A csv of labelled faces or of votes, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeemo.errors import InputError

LONGEST_FIELD = 2**31 - 1
"""Characters of a csv's field; the default is too short for the pixels of a 192x192 picture."""

Row = dict[str, str]


def rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a csv by column name.

    Raises:
        InputError: it can't be read, or lacks a needed column.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [c.strip() for c in reader.fieldnames or ()]
            if missing := [c for c in needed if c not in columns]:
                raise InputError(
                    f"{path}: no column {', '.join(missing)}; found {', '.join(columns)}"
                )
            reader.fieldnames = columns
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {error}") from error


def split_of(row: Row) -> str:
    """The split that Kaggle's csv and FER+'s put a row in; empty where there is none."""
    return (row.get("Usage") or "").strip()
