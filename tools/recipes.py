"""Networks and the way they are trained, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
from augment import Augmentation
from dataset import FER2013
from network import residual_network
from training import cosine

Source = Literal["votes", "labels"]
Rate = Callable[[int], float]


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but its data.

    `heads` says what each output learns from: FER+'s `votes` or the data's own `labels`. `labels`
    None means those of the data. `merge` renames labels before anything else. `build` gets size
    (width, height), channels and classes by head, and returns a network with one output of
    float32 logits for each head. `callbacks` are added to our own.
    """

    name: str
    about: str
    build: Callable[[tuple[int, int], int, Mapping[str, int]], keras.Model]
    optimizer: Callable[[], Any]
    heads: Mapping[str, Source] = field(default_factory=lambda: {"emotion": "labels"})
    labels: tuple[str, ...] | None = FER2013
    merge: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (48, 48)
    channels: int = 1
    value_range: tuple[float, float] = (0.0, 1.0)
    epochs: int = 100
    batch: int = 32
    augmentation: Augmentation = field(default_factory=Augmentation)
    smoothing: float = 0.0
    rate: Callable[[int, int], Rate] | None = None
    """From (all steps, steps an epoch) to a learning rate by step; None leaves the optimizer's."""
    average: float = 0.0
    """Decay a step of the weights' moving average; 0 keeps the weights as they are."""
    callbacks: Callable[[], list[Any]] = list
    precision: str = "float32"


def _ours(size: tuple[int, int], channels: int, heads: Mapping[str, int]) -> keras.Model:
    fused = keras.backend.backend() == "tensorflow"
    return residual_network(size, channels, heads, fused=fused)


def _adamw() -> Any:
    optimizer = keras.optimizers.AdamW(2e-3, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


HAAR_JITTER = Augmentation(
    zoom=(0.8, 1.2),
    shift=0.07,
    rotation=15.0,
    flip=0.5,
    brightness=0.15,
    contrast=(0.7, 1.3),
    blur=0.15,
    erase=0.25,
)
"""Haar boxes differ from the data set's framing by about a tenth in place and a fifth in size."""

EDGEEMO = Recipe(
    name="edgeemo",
    about="the shipped network: one trunk, one head for FER+'s votes and one for FER2013's labels",
    build=_ours,
    optimizer=_adamw,
    heads={"emotion": "votes", "fer2013": "labels"},
    value_range=(-1.0, 1.0),
    epochs=250,
    batch=128,
    augmentation=HAAR_JITTER,
    smoothing=0.05,
    rate=lambda steps, epoch: cosine(2e-3, steps, warmup=2 * epoch),
    average=0.999,
    precision="mixed_bfloat16",
)

RECIPES: dict[str, Recipe] = {r.name: r for r in (EDGEEMO,)}
