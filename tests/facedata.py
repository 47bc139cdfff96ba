"""Made-up faces for tests of the tools: labels that differ in brightness, and a network that knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

BRIGHTNESS = {"dark": 60, "even": 128, "light": 196}
"""Mean level of each label's pictures."""
LABELS = tuple(BRIGHTNESS)


def write_faces(root: Path, per_label: int = 40, side: int = 24, seed: int = 7) -> Path:
    """A folder of noisy grey pictures for each label of BRIGHTNESS."""
    random = np.random.default_rng(seed)
    for label, level in BRIGHTNESS.items():
        folder = root / label
        folder.mkdir(parents=True)
        for number in range(per_label):
            noise = random.normal(level + random.normal(0, 6), 20, (side, side))
            picture = np.clip(noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{number:03}.png"), picture)
    return root


def brightness_network(
    low: float = -1.0, high: float = 1.0, *, channels: int = 1, side: int = 24, gain: float = 40.0
) -> Any:
    """A Keras model that tells the labels by mean brightness of pixels in low..high.

    Its logits are those of the nearest of three levels: gain * (level * mean - level ** 2 / 2).
    """
    import keras

    levels = low + (high - low) * np.array(list(BRIGHTNESS.values())) / 255
    spread = (high - low) / 2
    levels, unit = levels / spread, 1 / spread
    entry = keras.Input((side, side, channels))
    x = keras.layers.Conv2D(2, 3, padding="same", use_bias=False)(entry)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(len(levels), activation="softmax")(x)
    model = keras.Model(entry, x)
    kernel = np.zeros((3, 3, channels, 2))
    kernel[1, 1] = unit / channels
    weights = np.stack([gain * levels, np.zeros(len(levels))])
    model.set_weights([kernel, weights, -gain * levels**2 / 2])
    return model
