"""What training leaves for the other tools: networks with descriptions, faces in folders with their FER+ votes."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import cv2

from edgeemo.sidecar import Sidecar, sha256
from labelled.dataset import Faces
from labelled.ferplus import COLUMNS
from networks.refusal import ExistsError, WriteError

MARK = ".made-by-train"
"""Stands in a folder that may be replaced."""


def save(network: Any, path: Path, told: Sidecar) -> None:
    """Write a Keras network as `path`, and beside it what is `told` of it, with its digest.

    Raises:
        OSError: the disk is full, or the folder can't be written.
    """
    network.save(path)
    sidecar = told.model_copy(update={"sha256": sha256(path.read_bytes())})
    path.with_suffix(".json").write_text(sidecar.to_json(), encoding="utf-8")


def keep(faces: Faces, root: Path) -> None:
    """Write root/LABEL/KEY.png for every face, and root.csv with the votes where there are any.

    They take the place of what an earlier call wrote there, so that never faces of two runs are mixed.

    Raises:
        ExistsError: what is there is somebody else's.
        OSError: the disk is full, or the folder can't be written.
    """
    table = root.with_suffix(".csv")
    if theirs := [str(p) for p in (root, table) if p.exists() and not (root / MARK).exists()]:
        raise ExistsError(
            f"{', '.join(theirs)} was not made by a training run: choose another --out"
        )
    paths = [
        f"{faces.names[label]}/{_name(key)}"
        for label, key in zip(faces.labels, faces.keys, strict=True)
    ]
    fresh = root.with_name(root.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    for path, picture in zip(paths, faces.pictures, strict=True):
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(fresh / path), picture):
            raise WriteError(f"can't write {fresh / path}: is the disk full?")
    (fresh / MARK).touch()
    table.unlink(missing_ok=True)
    _exchange(root, fresh)
    if faces.votes is None:
        return
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *COLUMNS])
        writer.writerows(
            [path, *votes] for path, votes in zip(paths, faces.votes.tolist(), strict=True)
        )


def _exchange(root: Path, fresh: Path) -> None:
    """Put a folder in the place of another, which a kill leaves whole or out of the way, never in part."""
    old = root.with_name(f".{root.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        root.replace(old)
    fresh.replace(root)
    shutil.rmtree(old, ignore_errors=True)


def _name(key: str) -> str:
    """A file name for a key, which may be a path in itself."""
    return key if key.endswith(".png") else f"{key}.png"
