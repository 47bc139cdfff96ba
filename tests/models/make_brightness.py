"""Make the networks of the classifier's tests: they tell bright pictures from dark ones.

    python tests/models/make_brightness.py

Writes brightness.tflite (int8, probabilities), brightness-logits.tflite (int8, logits) and
brightness-float.tflite (float32, probabilities) beside itself, each with its sidecar. They are
committed, since the runtimes that they test are installed without TensorFlow. The mean level of
the picture, 0..1, becomes the logit of `bright` as GAIN * (level - 1/2), that of `dark` its
negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edgeemo.sidecar import Sidecar, sha256

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 16, 12
"""Unequal, so that a mix-up of the two shows."""
GAIN = 6.0
LABELS = ("dark", "bright")


def network(*, logits: bool) -> tf.keras.Model:
    """Averages, then scales; nothing in it is trained."""
    picture = tf.keras.Input((HEIGHT, WIDTH, 1), batch_size=1)
    level = tf.keras.layers.GlobalAveragePooling2D()(picture)
    scale = tf.keras.layers.Dense(2, activation=None if logits else "softmax")
    model = tf.keras.Model(picture, scale(level))
    scale.set_weights([np.array([[-GAIN, GAIN]]), np.array([GAIN / 2, -GAIN / 2])])
    return model


def samples() -> Iterator[list[NDArray[np.float32]]]:
    """Pictures of all levels, for the ranges of the int8 tensors."""
    for level in np.linspace(0.0, 1.0, 64):
        yield [np.full((1, HEIGHT, WIDTH, 1), level, np.float32)]


def convert(name: str, *, logits: bool, quantized: bool) -> None:
    """Write one network and its sidecar."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network(logits=logits))
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
    (HERE / f"{name}.tflite").write_bytes(content)
    sidecar = Sidecar(
        name=name,
        labels=LABELS,
        width=WIDTH,
        height=HEIGHT,
        channels=1,
        logits=logits,
        sha256=sha256(content),
        provenance={"made by": Path(__file__).name},
    )
    (HERE / f"{name}.json").write_text(sidecar.to_json(), encoding="utf-8")


if __name__ == "__main__":
    convert("brightness", logits=False, quantized=True)
    convert("brightness-logits", logits=True, quantized=True)
    convert("brightness-float", logits=False, quantized=False)
