#!/usr/bin/env python3
r"""Train the network that tells faces from the rest; tools/convert.py makes the .tflite of it.

    python tools/train_face.py --faces fer2013.csv --places clips/ --out runs/face
    python tools/convert.py runs/face/face.keras --labels face,other --range standard \
        --calibration 1000 --data runs/face/held --out models/face --overwrite

--faces is a folder of folders, or Kaggle's csv, of which the Training rows are used; faces fill each
picture. --places is a folder of clips and pictures, of which everything counts as no face but what a
faces.json beside them says: for each file name a list, frame by frame, of boxes [x, y, w, h] in pixels.
OUT gets face.keras and held/, samples that were not learned from, in the folders that convert.py wants.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeemo.errors import EdgeemoError, InputError
from edgeemo.preprocess import to_grey
from edgeemo.sight.detector import CASCADE, STAGES, load_cascade
from edgeemo.sight.view import turned
from edgeemo.types import Box, Picture
from labelled.dataset import Faces, load
from learning.facesamples import FACE, SIDE, Material, samples

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

STRIDE = 4
"""Every so many frames of a clip are used: neighbours are nearly the same."""
SHARD = 6000
"""Samples made from one seed."""
WATCHED = 0.05
"""Share of the faces that nothing is learned from."""
HELD = 4000
FORGIVEN = 3
"""Stages fewer than the detector's: what it lets pass is rare, this is more of the same kind."""
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


def places(folder: Path) -> list[Picture]:
    """Grey pictures of what is no face."""
    known = folder / "faces.json"
    boxes = json.loads(known.read_text("utf-8")) if known.is_file() else {}
    files = sorted(path for path in folder.iterdir() if path.suffix != ".json" and path.is_file())
    return [picture for path in files for picture in _frames(path, boxes.get(path.name, []))]


def _frames(path: Path, faces: list[list[list[float]]]) -> Iterator[Picture]:
    capture = cv2.VideoCapture(str(path))
    index = 0
    while (read := capture.read())[0]:
        if index % STRIDE == 0:
            grey = to_grey(np.asarray(read[1], np.uint8)).copy()
            for box in faces[index] if index < len(faces) else []:
                _wipe(grey, Box(*box))
            yield grey
        index += 1


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


def normalized(pictures: Picture) -> NDArray[np.float32]:
    """Every picture shifted and scaled to mean 0 and deviation 1, as the sidecar will say."""
    pixels = pictures[..., np.newaxis].astype(np.float32)
    pixels -= pixels.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(pixels / np.maximum(pixels.std(axis=(1, 2, 3), keepdims=True), 1e-3))


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
    """Fit the model; label 0 is a face, 1 is none."""
    import keras

    batch = 256
    steps = epochs * (len(pictures) // batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    labels = np.where(is_face, 0, 1)
    model.fit(normalized(pictures), labels, batch_size=batch, epochs=epochs, verbose=2)


def sized(faces: Faces) -> list[Picture]:
    """The pictures as grey ones of the size that scenes are made of."""
    return list(faces.stack((FACE, FACE), 1)[..., 0])


def write_held(folder: Path, pictures: Picture, is_face: NDArray[np.bool_]) -> None:
    """The samples as pictures, a folder for each label."""
    for index, (picture, face) in enumerate(zip(pictures, is_face, strict=True)):
        place = folder / ("face" if face else "other")
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{index:05d}.png"), picture)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--places", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    try:
        make_network(parser.parse_args())
    except EdgeemoError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def make_network(options: argparse.Namespace) -> None:
    """Train by the command line and write what it promises.

    Raises:
        EdgeemoError: the faces can't be used.
    """
    import keras

    keras.utils.set_random_seed(options.seed)
    learn, watch = faces(options.faces, options.seed)
    scenery = places(options.places)
    print(f"{len(learn)} faces, {len(scenery)} pictures without any")
    alike = lookalikes(scenery, options.seed)
    print(f"{len(alike)} places in them look like a face to the cascade")
    material = Material(sized(learn), scenery, alike)
    pictures, is_face = make(options.samples, material, options.seed)
    model = network()
    train(model, pictures, is_face, options.epochs)
    held, truth = make(HELD, material._replace(faces=sized(watch)), options.seed + 1)
    options.out.mkdir(parents=True, exist_ok=True)
    write_held(options.out / "held", held, truth)
    model.save(options.out / "face.keras")
    print(f"wrote {options.out / 'face.keras'} and {options.out / 'held'}")


if __name__ == "__main__":
    main()
