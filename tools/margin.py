#!/usr/bin/env python3
r"""Measure which crop margin suits a model: how much to add around the boxes that the daemon's detector finds.

\b
python tools/margin.py models/emotion.tflite --data runs/edgeemo/held --ferplus runs/edgeemo/held.csv

Every face is enlarged, surrounded by its own edge, found by the daemon's detector, cropped with each
margin, and classified. Use faces that neither trained nor will test the model. Beyond the data's
own framing a crop shows nothing but the repeated edge, which speaks against large margins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from command import PATH, command
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig, bundled_verifier
from edgeemo.errors import InputError
from edgeemo.preprocess import fit
from edgeemo.sight.detector import HaarDetector
from edgeemo.sight.verifier import FaceVerifier
from edgeemo.sight.view import View
from edgeemo.types import Box, Frame, Picture
from labelled import ferplus
from labelled.dataset import Faces, canonical, load, truth_for

SIDE, BORDER = 144, 72
"""Pixels of an enlarged face, and of what is put around it on every side."""
GUESS = 0.85
"""About the side at which a face is looked for first, as a share of the data's framing."""
MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


class Found(NamedTuple):
    """A face as the detector sees it: the surrounded picture, the box in it, its label's index."""

    picture: Picture
    box: Box
    truth: int


@command(__doc__)
@click.argument("model", type=PATH)
@click.option("--data", required=True, type=PATH, help="Folder of folders, or Kaggle's csv.")
@click.option("--ferplus", type=PATH, help="FER+ votes: their majority is the label.")
@click.option("--usage", help="Split of the csv.")
def main(model: Path, data: Path, **options: Any) -> None:  # noqa: D103 - click takes the help from the module
    classifier = TFLiteClassifier(ModelConfig(path=model))
    click.echo("\n".join(table(rate(classifier, load(data, **options)))))


class Rated(NamedTuple):
    """Share of right answers for each of MARGINS over the `found` of `known` faces.

    `side` is the mean of the detector's box as a share of the data's framing, `deviation` its spread.
    """

    known: int
    found: int
    side: float
    deviation: float
    shares: tuple[float, ...]


def rate(classifier: TFLiteClassifier, faces: Faces) -> Rated:
    """Accuracy by margin over the faces that the detector finds.

    Raises:
        InputError: it finds none that the model has a label for.
    """
    truth = _truth(classifier.labels, faces)
    found = list(find(faces.pictures, truth))
    if not found:
        raise InputError(
            "the detector finds none of these faces, or the model has none of their labels"
        )
    sides = np.array([face.box.w for face in found]) / SIDE
    shares = tuple(_share(classifier, found, margin) for margin in MARGINS)
    known = int((truth >= 0).sum())
    return Rated(known, len(found), float(sides.mean()), float(sides.std()), shares)


def _share(classifier: TFLiteClassifier, found: Sequence[Found], margin: float) -> float:
    """Of right answers with one margin; the classifier is as before afterwards."""
    sidecar = classifier.sidecar
    classifier.sidecar = sidecar.model_copy(update={"margin": margin})
    try:
        return sum(_answer(classifier, face) == face.truth for face in found) / len(found)
    finally:
        classifier.sidecar = sidecar


def table(rated: Rated) -> Iterator[str]:
    """Lines for the terminal."""
    yield (
        f"{rated.found} of {rated.known} faces found; the box is {rated.side:.2f} of the data's "
        f"framing, deviation {rated.deviation:.2f}"
    )
    for margin, share in zip(MARGINS, rated.shares, strict=True):
        yield f"margin {margin:+.2f}: {share:.2%} right"


def _truth(labels: Sequence[str], faces: Faces) -> NDArray[np.int64]:
    spelt = tuple(canonical(label) for label in labels)
    if faces.votes is not None:
        return truth_for(spelt, ferplus.LABELS, ferplus.majority(faces.votes))
    return truth_for(spelt, faces.names, faces.labels)


def find(pictures: Sequence[Picture], truth: NDArray[np.int64]) -> Iterator[Found]:
    """The faces of a known label that the detector finds; those it misses are left out."""
    verifier = TFLiteClassifier(ModelConfig(path=bundled_verifier()))
    detector = HaarDetector(FaceVerifier(verifier))
    for picture, label in zip(pictures, truth, strict=True):
        if label < 0:
            continue
        large = cv2.resize(fit(picture, (48, 48)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        surrounded = cv2.copyMakeBorder(large, *(BORDER,) * 4, cv2.BORDER_REPLICATE)
        scene = np.asarray(surrounded, np.uint8)
        box = _detect(detector, scene)
        if box is not None:
            yield Found(scene, box, int(label))


def _detect(detector: HaarDetector, scene: Picture) -> Box | None:
    guess = Box(BORDER, BORDER, SIDE, SIDE).grow((GUESS - 1) / 2)
    found = detector.refind(View(Frame(scene, at=0.0, index=0)), guess, 0.0)
    return found.box if found else None


def _answer(classifier: TFLiteClassifier, face: Found) -> int:
    scores = classifier.classify(face.picture, [(face.box, 0.0)])[0]
    return int(np.argmax(scores.values))


if __name__ == "__main__":
    main()
