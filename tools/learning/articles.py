"""The networks of three well-read articles on emotion recognition with a Raspberry Pi, rebuilt.

Rebuilt from what they describe, not from their code: the shapes and the counts of parameters are
theirs, the rest follows Keras' defaults. All end in linear outputs, as ours does; the softmax is
added when the trained network is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import keras
from keras import layers

from learning.network import Size

Heads = Mapping[str, int]


def five_class(size: Size, channels: int, heads: Heads) -> keras.Model:
    """ELU and BatchNorm after every convolution; 1,328,037 parameters for 48x48 grey, five labels.

    Four pairs of 3x3 convolutions with 32, 64, 128 and 256 channels, each pair followed by pooling
    and dropout, then two dense layers of 64.
    """
    inputs = keras.Input((size[1], size[0], channels), name="face")
    x = inputs
    for width in (32, 64, 128, 256):
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
            x = layers.BatchNormalization()(layers.ELU()(x))
        x = layers.Dropout(0.2)(layers.MaxPooling2D()(x))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.ELU()(layers.Dense(64, kernel_initializer="he_normal")(x))
        x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    return _with_heads(inputs, x, heads)


def six_class(size: Size, channels: int, heads: Heads) -> keras.Model:
    """Nine ReLU convolutions in threes with 32, 64 and 128 channels, pooling after each three."""
    inputs = keras.Input((size[1], size[0], channels), name="face")
    x = inputs
    for width in (32, 64, 128):
        for _ in range(3):
            x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.4)(layers.Dense(64, activation="relu")(x))
    return _with_heads(inputs, x, heads)


def rgb(size: Size, channels: int, heads: Heads) -> keras.Model:
    """Four ReLU convolutions on colour pictures, then a dense layer of 1024, with dropout."""
    inputs = keras.Input((size[1], size[0], channels), name="face")
    x = layers.Conv2D(32, 3, activation="relu")(inputs)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    for before, after in pairwise((64, 128, 128)):
        x = layers.Conv2D(after, 3, activation="relu", name=f"conv_{before}_{after}")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(layers.Dropout(0.25)(x))
    x = layers.Dropout(0.5)(layers.Dense(1024, activation="relu")(x))
    return _with_heads(inputs, x, heads)


def _with_heads(inputs: Any, features: Any, heads: Heads) -> keras.Model:
    outputs = {
        name: layers.Dense(n, dtype="float32", name=name)(features) for name, n in heads.items()
    }
    return keras.Model(inputs, outputs)
