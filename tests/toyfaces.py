"""Drawn faces in the layouts that the tools read: a folder per label, Kaggle's csv, FER+ votes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgeemo.types import Picture
from labelled.dataset import FER2013
from labelled.ferplus import COLUMNS

SIDE = 48
VOTED = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness", "sad": "sadness",
    "surprise": "surprise", "neutral": "neutral",
}  # fmt: skip


def draw(label: str, random: np.random.Generator) -> Picture:
    """A grey 48x48 picture whose brightness and bar tell the label, with noise."""
    index = FER2013.index(label)
    picture = np.full((SIDE, SIDE), 40 + 25 * index, np.uint8)
    cv2.rectangle(picture, (6, 4 + 5 * index), (42, 12 + 5 * index), 250 - 30 * index, -1)
    return np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def folders(root: Path, each: int, labels: Sequence[str] = FER2013, seed: int = 0) -> Path:
    """Write `each` pictures a label as root/label/number.png."""
    random = np.random.default_rng(seed)
    for label in labels:
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            cv2.imwrite(str(root / label / f"{number}.png"), draw(label, random))
    return root


def kaggle(path: Path, rows: Sequence[tuple[str, str]], seed: int = 0) -> Path:
    """Write a fer2013.csv with a drawn face for each (label, usage)."""
    random = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["emotion", "pixels", "Usage"])
        for label, usage in rows:
            pixels = " ".join(map(str, draw(label, random).ravel()))
            writer.writerow([FER2013.index(label), pixels, usage])
    return path


def votes(path: Path, rows: Sequence[tuple[str, dict[str, int]]]) -> Path:
    """Write a FER+ csv of (path, votes by FER+'s name); without any path there is no such column."""
    head = [*(["path"] if any(p for p, _ in rows) else []), *COLUMNS]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for name, given in rows:
            counts = [given.get(c, 0) for c in COLUMNS]
            writer.writerow([name, *counts] if "path" in head else counts)
    return path
