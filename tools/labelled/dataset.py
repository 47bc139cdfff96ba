"""Labelled faces from what people have: a folder per label, or Kaggle's fer2013.csv; with FER+ votes.

Faults of the data (an unreadable picture, a bad row, an empty class) are collected in
`Faces.problems` instead of ending the program at the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgeemo.errors import InputError
from edgeemo.types import Picture
from labelled.faces import FER2013, Faces, canonical, relabel, truth_for, without_copies
from labelled.table import rows, split_of
from labelled.votes import with_votes

# What goes with reading faces, so that one import is enough.
__all__ = ["FER2013", "Faces", "canonical", "load", "relabel", "truth_for", "without_copies"]

PICTURES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".pgm", ".ppm", ".pnm", ".tif", ".tiff",
}  # fmt: skip
"""Suffixes of what every OpenCV reads; a .gif only the newer ones."""
LITTER = {"thumbs.db", "desktop.ini"}
"""What Windows leaves in folders of pictures."""
SHOWN_SUFFIXES = 5


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
        faces = with_votes(faces, ferplus, path, splits)
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
    """The readable pictures of a folder by name; `problems` gets a line for each other one, and for other files."""
    found = sorted(folder.rglob("*"))
    problems += _passed_over(folder, found)
    for path in (p for p in found if p.suffix.lower() in PICTURES and not p.is_dir()):
        picture = _read_picture(path, color)
        if picture is None:
            problems.append(f"{path}: not a readable picture")
        else:
            yield path, picture


def _passed_over(folder: Path, found: list[Path]) -> Iterator[str]:
    """A line for the files that are no pictures by their names, one for the folders that links lead to."""
    seen = [
        p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    ]
    others = Counter(p.suffix.lower() or "no suffix" for p in seen if _is_other(p))
    if others:
        names = [name for name, _ in others.most_common(SHOWN_SUFFIXES)]
        shown = ", ".join(names + ["..."] * (len(others) > len(names)))
        yield f"{folder}: {others.total()} files that are no pictures by their names ({shown}) left out"
    if linked := [p for p in seen if p.is_symlink() and p.is_dir()]:
        # One may lead back up, so that there would be no end of it.
        yield f"{folder}: {len(linked)} linked folders left out (such as {linked[0].name}): move or copy them here"


def _is_other(path: Path) -> bool:
    suffix, name = path.suffix.lower(), path.name.lower()
    return suffix not in PICTURES and name not in LITTER and not path.is_dir()


def _read_picture(path: Path, color: bool) -> Picture | None:
    # From bytes: imread can't tell a missing file from a broken one and warns on stderr.
    mode = cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(content, mode)
    except (OSError, cv2.error):  # OpenCV's for an empty file, or one with absurd dimensions
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _load_csv(path: Path) -> tuple[Faces, list[str]]:
    """The faces of the good rows, and the split of every row."""
    pictures: list[Picture] = []
    labels: list[int] = []
    keys: list[str] = []
    splits: list[str] = []
    problems: list[str] = []
    for number, row in enumerate(rows(path, ("emotion", "pixels"))):
        splits.append(split_of(row))
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
