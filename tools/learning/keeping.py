"""Faces written out as a folder per label with their FER+ votes beside it, so that every tool can read them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2

from labelled.dataset import Faces
from labelled.ferplus import COLUMNS


def keep(faces: Faces, root: Path) -> None:
    """Write root/LABEL/KEY.png for every face, and root.csv with the votes where there are any."""
    paths = [
        f"{faces.names[label]}/{_name(key)}"
        for label, key in zip(faces.labels, faces.keys, strict=True)
    ]
    for path, picture in zip(paths, faces.pictures, strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), picture)
    if faces.votes is None:
        return
    with root.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *COLUMNS])
        writer.writerows(
            [path, *votes] for path, votes in zip(paths, faces.votes.tolist(), strict=True)
        )


def _name(key: str) -> str:
    """A file name for a key, which may be a path in itself."""
    return Path(key.replace("/", "-")).with_suffix(".png").name
