#!/usr/bin/env python3
r"""Train the network that tells faces from the rest; tools/convert.py makes the .tflite of it.

\b
python tools/train_face.py --faces fer2013.csv --places clips/ --out runs/face
python tools/convert.py runs/face/face.keras --data runs/face/held --calibration 1000 --out models/face --overwrite

--faces is a folder of folders, or Kaggle's csv, of which the Training rows are used; faces fill each
picture. --places is a folder of clips and pictures, of which everything counts as no face but what a
faces.json beside them says: for each file name a list, frame by frame, of boxes [x, y, w, h] in pixels.
OUT gets face.keras with face.json beside it, and held/, samples that were not learned from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from command import PATH, command
from edgeemo.errors import InputError
from edgeemo.preprocess import as_planes, normalize, to_grey
from edgeemo.sidecar import Sidecar
from edgeemo.sight.detector import CASCADE, STAGES, load_cascade
from edgeemo.sight.verifier import FACE as FACE_LABEL
from edgeemo.sight.view import turned
from edgeemo.sources.file import FileSource
from edgeemo.sources.source import frames
from edgeemo.types import Box, Picture
from labelled import clips
from labelled.dataset import Faces, load
from learning.facesamples import FACE, SIDE, Material, samples
from learning.keeping import keep, save
from networks.description import describe
from networks.refusal import writing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

LABELS = (FACE_LABEL, "other")
STRIDE = 4
"""Every so many frames of a clip are used: neighbours are nearly the same."""
SHARD = 6000
"""Samples made from one seed."""
WATCHED = 0.05
"""Share of the faces that nothing is learned from."""
HELD = 4000
LEAST = 48
"""Pixels of a picture's shorter side that something can be cut from."""
FORGIVEN = 3
"""Stages fewer than the detector's: what it lets pass is rare, this is more of the same kind."""
BATCH = 256
TURNS = 60
"""How often the cascade goes over each place, at another angle and size each time."""
WIDTHS = ((8, 1), (16, 2), (24, 1), (32, 2), (48, 1))
"""Channels and stride of the convolutions: 0.9 million multiplications, 27,000 weights."""


def faces(path: Path, seed: int) -> tuple[Faces, Faces]:
    """Those to learn from and those to watch; of a csv with splits only its Training rows.

    Raises:
        InputError: they can't be read, or none is for training.
    """
    ours = load(path).of_usage("Training")
    if not len(ours):
        raise InputError(f"{path}: has no row of the split Training")
    return ours.split(WATCHED, seed)


def places(folder: Path) -> tuple[list[Picture], list[str]]:
    """Grey pictures of what is no face, and a line for each file that can't be read.

    Raises:
        InputError: nothing in the folder can be read, or its faces.json is none.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"can't read {folder}: {error.strerror or error}") from error
    has_truth = (folder / clips.FILE).is_file()
    known = clips.truths(folder) if has_truth else {}
    found: list[Picture] = []
    problems: list[str] = []
    for path in files:
        if path.name != clips.FILE:
            try:
                found.extend(_empty(path, known.get(path.name, ())))
            except InputError as error:
                problems.append(str(error))
    if not found:
        raise InputError(f"{folder} holds no clip or picture of {LEAST} pixels a side or more")
    return found, problems


def _empty(path: Path, truth: clips.Truth) -> Iterator[Picture]:
    """Some frames of a clip, or a picture, without the faces in it."""
    looked_at = frames(FileSource(path))
    for frame, faces in zip_longest(looked_at, truth, fillvalue=()):
        if not frame:
            raise InputError(f"{path} has fewer frames than {clips.FILE} knows, {len(truth)}")
        if frame.index % STRIDE == 0 and min(frame.size) >= LEAST:
            grey = to_grey(frame.image).copy()
            for box in faces:
                _wipe(grey, box)
            yield grey


def _wipe(grey: Picture, face: Box) -> None:
    """Leave no more of a face than three by three fields."""
    around = face.grow(0.25).clip(grey.shape[1], grey.shape[0])
    part = grey[int(around.y) : int(around.bottom), int(around.x) : int(around.right)]
    few = cv2.resize(part, (3, 3), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, part.shape[1::-1])


def lookalikes(scenery: list[Picture], seed: int) -> list[Picture]:
    """What the detector's cascade takes for faces, turned this way and that, where there are none.

    Grey pictures of 2 * FACE pixels, with half of the look-alike's side around it.
    """
    random = np.random.default_rng(seed)
    cascade = load_cascade(CASCADE, STAGES - FORGIVEN)
    window = cascade.getOriginalWindowSize()[0]
    found: list[Picture] = []
    for place in scenery:
        whole = Box(0, 0, place.shape[1], place.shape[0])
        for angle in random.uniform(-180, 180, TURNS):
            side = random.uniform(30, 130)
            shrink = window / side
            size = round(whole.w * shrink), round(whole.h * shrink)
            patch = turned(place, whole, size, angle, cv2.BORDER_REFLECT)
            large = turned(place, whole, (4 * size[0], 4 * size[1]), angle, cv2.BORDER_REFLECT)
            for x, y, w, h in cascade.detectMultiScale(patch, scaleFactor=1.2, minNeighbors=0):
                around = Box(*(4.0 * n for n in (x, y, w, h))).grow(0.5)
                found.append(turned(large, around, (2 * FACE, 2 * FACE), 0.0, cv2.BORDER_REFLECT))
    return found


def make(count: int, material: Material, seed: int) -> tuple[Any, Any]:
    """`count` samples, made on all cores."""
    shards = max(1, count // SHARD)
    seeds = [seed * 1000 + i for i in range(shards)]
    with ProcessPoolExecutor() as pool:
        made = list(pool.map(partial(samples, count // shards, material), seeds))
    return np.concatenate([p for p, _ in made]), np.concatenate([f for _, f in made])


def description() -> Sidecar:
    """What the network takes and tells apart."""
    return describe(LABELS, (SIDE, SIDE, 1), name="face", standardize=True)


def network() -> Any:
    """Grey SIDE x SIDE pixels to (face, other)."""
    import keras
    from keras import layers

    inputs = x = keras.Input((SIDE, SIDE, 1))
    for channels, stride in WIDTHS:
        x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(layers.Flatten()(layers.AveragePooling2D(2)(x)))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


def train(model: Any, pictures: Picture, is_face: NDArray[np.bool_], epochs: int) -> None:
    """Fit the model to samples (n, SIDE, SIDE)."""
    import keras

    steps = epochs * (len(pictures) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    told = description()
    inputs = np.stack([normalize(as_planes(picture), told) for picture in pictures])
    model.fit(inputs, labels_of(is_face), batch_size=BATCH, epochs=epochs, verbose=2)


def labels_of(is_face: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices into LABELS."""
    return np.where(is_face, 0, 1)


def sized(faces: Faces) -> list[Picture]:
    """The pictures as grey ones of the size that scenes are made of."""
    return list(faces.stack((FACE, FACE), 1)[..., 0])


@command(__doc__)
@click.option(
    "--faces", "data", required=True, type=PATH, help="Folder of folders, or Kaggle's csv."
)
@click.option("--places", "folder", required=True, type=PATH, help="Folder of clips and pictures.")
@click.option("--out", required=True, type=PATH, help="Folder for what the run makes.")
@click.option("--samples", "count", type=click.IntRange(BATCH), default=200_000, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=6, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
def main(data: Path, folder: Path, out: Path, count: int, epochs: int, seed: int) -> None:  # noqa: D103 - click takes the help from the module
    learn, watch = faces(data, seed)
    scenery, problems = places(folder)
    for problem in problems:
        click.echo(f"data: {problem}")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    click.echo(f"{len(learn)} faces, {len(scenery)} pictures without any")
    alike = lookalikes(scenery, seed)
    if not alike:
        raise InputError(
            f"{folder}: nothing in it looks like a face to the cascade; more is needed"
        )
    click.echo(f"{len(alike)} places in them look like a face to the cascade")
    material = Material(sized(learn), scenery, alike)
    make_network(material, material._replace(faces=sized(watch)), out, count, epochs, seed)
    click.echo(f"wrote {out / 'face.keras'}, face.json and {out / 'held'}")


def make_network(
    material: Material, watched: Material, out: Path, count: int, epochs: int, seed: int
) -> None:
    """Train on `count` samples of one material and write the network, and samples of the other.

    Raises:
        WriteError: `out` can't be written.
        ExistsError: its folder held/ is somebody else's.
    """
    import keras

    held, truth = make(HELD, watched, seed + 1)
    keys = tuple(f"{index:05d}" for index in range(len(held)))
    with writing(out):
        keep(Faces(list(held), labels_of(truth), LABELS, keys), out / "held")
    keras.utils.set_random_seed(seed)
    model = network()
    train(model, *make(count, material, seed), epochs)
    with writing(out):
        save(model, out / "face.keras", description())


if __name__ == "__main__":
    main()
