"""Labelled faces from what people have: a folder per label, or Kaggle's fer2013.csv; with FER+ votes.

Faults of the data (an unreadable picture, a bad row, an empty class) are collected in
`Faces.problems` instead of ending the program at the first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edgeemo.errors import InputError
from edgeemo.types import Picture
from labelled.faces import FER2013, Faces, canonical, relabel, truth_for, without_copies
from labelled.ferplus import COLUMNS

# What goes with reading faces, so that one import is enough.
__all__ = ["FER2013", "Faces", "canonical", "load", "relabel", "truth_for", "without_copies"]

LONGEST_FIELD = 2**31 - 1
"""Characters of a csv's field; the default is too short for the pixels of a 192x192 picture."""
MOST_VOTES = 2**31
"""More are no votes, and no int64 either before long."""
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".tif", ".tiff"}


def load(
    path: Path,
    *,
    ferplus: Path | None = None,
    usage: str | None = None,
    color: bool = False,
    unlabelled: bool = False,
) -> Faces:
    """Read a folder with one folder per label, or a csv in Kaggle's layout.

    With `unlabelled` a folder of pictures will do as well: faces without names and with label -1.

    `usage` keeps one split of a csv (`Training`, `PublicTest`, `PrivateTest`). `ferplus` is a csv
    with FER+'s columns: with a column `path` it is matched to the pictures of the folder, without
    one it goes row by row with the csv. `color` keeps the colours of pictures in folders.

    Raises:
        InputError: nothing of use is there, it can't be read, the columns are not the expected ones, or the
            votes are of other rows.
    """
    splits: list[str] | None = None
    try:
        if path.is_file():
            faces, splits = _load_csv(path)
        else:
            faces = _load_folder(path, color, unlabelled)
    except OSError as error:
        where = error.filename or path
        raise InputError(f"can't read {where}: {error.strerror or error}") from error
    if ferplus is not None:
        faces = _with_votes(faces, ferplus, splits)
    if usage is not None:
        faces = _of_split(faces, usage, path)
    if not len(faces):
        raise InputError(f"{path}: no usable picture; " + "; ".join(faces.problems[:3]))
    return faces


def _of_split(faces: Faces, usage: str, path: Path) -> Faces:
    splits = sorted(set(filter(None, faces.usage)))
    if not splits:
        raise InputError(f"{path}: has no column Usage, so no split {usage} to take")
    if usage not in splits:
        raise InputError(f"{path}: no split {usage}; there are {', '.join(splits)}")
    return faces.of_usage(usage)


def _load_folder(root: Path, color: bool, unlabelled: bool) -> Faces:
    if not root.is_dir():
        raise InputError(f"{root}: no such file or folder")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders and unlabelled:
        return _load_flat(root, color)
    if not folders:
        raise InputError(f"{root}: needs one folder per label (as in {root}/happy/1.png)")
    names = tuple(dict.fromkeys(canonical(p.name) for p in folders))
    pictures: list[Picture] = []
    labels: list[int] = []
    keys: list[str] = []
    problems: list[str] = []
    for folder in folders:
        before = len(pictures)
        for path, picture in _pictures_below(folder, color, problems):
            pictures.append(picture)
            labels.append(names.index(canonical(folder.name)))
            keys.append(path.relative_to(root).as_posix())
        if len(pictures) == before:
            problems.append(f"{folder}: no picture of this label")
    return Faces(pictures, np.array(labels, np.int64), names, tuple(keys), problems=tuple(problems))


def _load_flat(root: Path, color: bool) -> Faces:
    problems: list[str] = []
    found = list(_pictures_below(root, color, problems))
    labels = np.full(len(found), -1, np.int64)
    keys = tuple(path.name for path, _ in found)
    return Faces([p for _, p in found], labels, (), keys, problems=tuple(problems))


def _pictures_below(
    folder: Path, color: bool, problems: list[str]
) -> Iterator[tuple[Path, Picture]]:
    """The readable pictures of a folder by name; `problems` gets a line for each other one."""
    named = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    for path in (p for p in named if not p.is_dir()):
        picture = _read_picture(path, color)
        if picture is None:
            problems.append(f"{path}: not a readable picture")
        else:
            yield path, picture


def _read_picture(path: Path, color: bool) -> Picture | None:
    # From bytes: imread can't tell a missing file from a broken one and warns on stderr.
    mode = cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(content, mode)
    except (OSError, cv2.error):  # OpenCV's for an empty file, or one with absurd dimensions
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _rows(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a csv by column name; one line of error when it is not what it should be."""
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


def _load_csv(path: Path) -> tuple[Faces, list[str]]:
    """The faces of the good rows, and the split of every row."""
    pictures: list[Picture] = []
    labels: list[int] = []
    keys: list[str] = []
    splits: list[str] = []
    problems: list[str] = []
    for number, row in enumerate(_rows(path, ("emotion", "pixels"))):
        splits.append(_split_of(row))
        parsed = _parse_row(row)
        if isinstance(parsed, str):
            problems.append(f"{path}: row {number}: {parsed}")
            continue
        labels.append(parsed[0])
        pictures.append(parsed[1])
        keys.append(str(number))
    found = set(labels)
    problems += [f"{path}: no picture of {n}" for i, n in enumerate(FER2013) if i not in found]
    truth = np.array(labels, np.int64)
    usage = tuple(splits[int(key)] for key in keys)
    faces = Faces(pictures, truth, FER2013, tuple(keys), usage=usage, problems=tuple(problems))
    return faces, splits


def _split_of(row: dict[str, str]) -> str:
    return (row.get("Usage") or "").strip()


def _parse_row(row: dict[str, str]) -> tuple[int, Picture] | str:
    """(label, picture) of a row in Kaggle's layout, or what is wrong with it."""
    try:
        label = int(row["emotion"])
        values = np.array(row["pixels"].split(), np.int64)
    except (TypeError, ValueError, AttributeError, OverflowError):
        return "emotion and pixels must be whole numbers"
    side = round(len(values) ** 0.5)
    if not 0 <= label < len(FER2013):
        return f"emotion is {label}; allowed: 0 to {len(FER2013) - 1}"
    if side * side != len(values) or side < 8:
        return f"{len(values)} pixels are no square picture"
    if values.min() < 0 or values.max() > 255:
        return "pixels must be 0 to 255"
    return label, values.astype(np.uint8).reshape(side, side)


def _with_votes(faces: Faces, path: Path, splits: list[str] | None) -> Faces:
    """The faces with a FER+ csv's votes; none at all for a picture that the csv does not name.

    `splits` are those of all rows of the csv that the faces are from, None for a folder.
    """
    rows = list(_rows(path, COLUMNS))
    if splits is not None and not (rows and "path" in rows[0]):
        _refuse_other_rows(path, [_split_of(row) for row in rows], splits)
    known = frozenset(faces.keys)
    by_key: dict[str, list[int]] = {}
    faults: list[str] = []
    for number, row in enumerate(rows):
        given = _votes_of(row)
        if given is None:
            faults.append(f"row {number}: votes must be whole numbers, 0 or more")
        else:
            by_key[_key_of(row, number, known)] = given
    without = sum(key not in by_key for key in faces.keys)
    if faces.keys and without == len(faces):
        said = f"has votes for none of the pictures (such as {faces.keys[0]})"
        raise InputError(f"{path}: " + "; ".join((said, *faults[:1])))
    if without:
        faults.append(f"no votes for {without} of {len(faces)} pictures")
    nothing = [0] * len(COLUMNS)
    votes = np.array([by_key.get(key, nothing) for key in faces.keys], np.int64)
    problems = (*faces.problems, *(f"{path}: {fault}" for fault in faults))
    return replace(faces, votes=votes.reshape(-1, len(COLUMNS)), problems=problems)


def _votes_of(row: dict[str, str]) -> list[int] | None:
    """A row's votes, which pandas writes as 9.0; None where one is no number of votes."""
    try:
        votes = [float(row[column]) for column in COLUMNS]
    except (TypeError, ValueError):
        return None
    are_counts = all(0 <= vote < MOST_VOTES and vote.is_integer() for vote in votes)
    return [int(vote) for vote in votes] if are_counts else None


def _key_of(row: dict[str, str], number: int, known: Set[str]) -> str:
    """The key of a row's picture: the path as it is written, or what Windows or `find` meant by it."""
    key = (row.get("path") or str(number)).strip()
    return key if key in known else key.replace("\\", "/").removeprefix("./")


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
