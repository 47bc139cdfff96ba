"""Networks and the way they are trained, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import keras

from labelled.dataset import FER2013
from learning import articles
from learning.augment import Augmentation
from learning.network import Size, residual_network
from learning.patience import Patience
from learning.precision import FASTEST
from learning.training import Rate, cosine

Source = Literal["votes", "labels"]
Build = Callable[[Size, int, Mapping[str, int]], keras.Model]

ASIDE = 0.2
"""What the loss of a head counts beside that of a favoured one."""


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but its data.

    `heads` says what each output learns from: FER+'s `votes` or the data's own `labels`. `labels`
    None means those of the data. `merge` renames labels (old -> new) before anything else. `build`
    gets size (width, height), channels and classes by head, and returns a network with one output
    of float32 logits for each head. `size` is (width, height) in pixels.
    """

    name: str
    about: str
    build: Build
    optimizer: Callable[[], Any]
    heads: Mapping[str, Source] = field(default_factory=lambda: {"emotion": "labels"})
    labels: tuple[str, ...] | None = None
    merge: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (48, 48)
    growth: tuple[tuple[float, float], ...] = ()
    """(until, share): up to this part of the run, pictures at this share of `size`; then at `size`."""
    channels: int = 1
    value_range: tuple[float, float] = (0.0, 1.0)
    epochs: int = 25
    batch: int = 32
    augmentation: Augmentation = field(default_factory=Augmentation)
    finish: tuple[float, Augmentation] | None = None
    """(from, augmentation): from this part of the run on, these changes in place of `augmentation`."""
    favour: str | None = None
    """The head that the trunk is for: of the others' losses only ASIDE counts. None: all alike."""
    mixup: float = 0.0
    smoothing: float = 0.0
    """Of labels; votes say themselves how sure they are."""
    rate: Callable[[int, int], Rate] | None = None
    """From (all steps, steps an epoch) to a learning rate by step; None leaves the optimizer's."""
    average: float = 0.0
    """Decay a step of the weights' moving average; 0 keeps the weights as they are."""
    patience: Patience | None = None
    precision: str = "float32"

    def size_at(self, epoch: int) -> tuple[int, int]:
        """The (width, height) of the pictures in an epoch, counted from 0."""
        for until, share in self.growth:
            if epoch < until * self.epochs:
                return round(self.size[0] * share), round(self.size[1] * share)
        return self.size

    def with_head_start(self) -> Recipe:
        """For a network that has learned already: without the smallest pictures, and sooner at full size."""
        return replace(self, growth=tuple((until / 2, share) for until, share in self.growth[-1:]))

    def loss_weights(self) -> dict[str, float]:
        """How much each head's loss counts."""
        return {head: 1.0 if self.favour in (None, head) else ASIDE for head in self.heads}

    def augmentation_at(self, epoch: int) -> Augmentation:
        """The changes to pictures in an epoch, counted from 0."""
        if self.finish is not None and epoch >= self.finish[0] * self.epochs:
            return self.finish[1]
        return self.augmentation


def _adamw() -> Any:
    optimizer = keras.optimizers.AdamW(2e-3, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _cosine(steps: int, epoch: int) -> Rate:
    return cosine(2e-3, steps, warmup=2 * epoch)


def _edgeemo(size: Size, channels: int, heads: Mapping[str, int]) -> keras.Model:
    return residual_network(size, channels, heads, fused=True)


def _fer2013(size: Size, channels: int, heads: Mapping[str, int]) -> keras.Model:
    return residual_network(
        size, channels, heads, depths=(1, 2, 2), stem=12, narrow=20, weighed=True, fused=True
    )


def _teacher(size: Size, channels: int, heads: Mapping[str, int]) -> keras.Model:
    widths, depths = (64, 192, 384), (2, 3, 3)
    return residual_network(
        size, channels, heads, widths=widths, depths=depths, dropout=0.3, fused=True
    )


HAAR_JITTER = Augmentation(
    zoom=(0.8, 1.2),
    stretch=0.05,
    shift=0.07,
    rotation=15.0,
    flip=0.5,
    brightness=0.15,
    contrast=(0.7, 1.3),
    blur=0.15,
    erase=0.25,
)
"""Haar boxes differ from the data set's framing by about a tenth in place and a fifth in size."""

GENTLE = Augmentation(
    zoom=(0.9, 1.1),
    stretch=0.03,
    shift=0.04,
    rotation=8.0,
    flip=0.5,
    brightness=0.08,
    contrast=(0.85, 1.15),
    blur=0.05,
)
"""About half of it, and nothing erased: a run ends closer to faces as they are (He et al. 2019, "Data Augmentation Revisited")."""

EDGEEMO = Recipe(
    name="edgeemo",
    about="the default model's network: one trunk, a head for FER+'s votes and one for FER2013's labels",
    build=_edgeemo,
    optimizer=_adamw,
    heads={"emotion": "votes", "fer2013": "labels"},
    labels=FER2013,
    value_range=(-1.0, 1.0),
    growth=((0.45, 2 / 3), (0.7, 5 / 6)),
    epochs=90,
    batch=128,
    augmentation=HAAR_JITTER,
    finish=(0.85, GENTLE),
    rate=_cosine,
    average=0.999,
    precision=FASTEST,
)

FER2013_ALONE = replace(
    EDGEEMO,
    name="fer2013",
    about="an eighth larger, for FER2013's labels; the votes count a fifth",
    build=_fer2013,
    finish=(0.6, GENTLE),
    favour="fer2013",
)

TEACHER = replace(
    EDGEEMO,
    name="teacher",
    about="the same, ten times as large, for edgeemo to learn from (--teacher); wants a GPU",
    build=_teacher,
    mixup=0.2,
)

FOLDERS = replace(
    EDGEEMO,
    name="folders",
    about="the shipped network on any label set, from the data's own labels",
    heads={"emotion": "labels"},
    labels=None,
    smoothing=0.05,
)

SIX_CLASS = Recipe(
    name="six-class",
    about="an article's nine convolutions, grey, disgust merged into anger",
    build=articles.six_class,
    optimizer=lambda: keras.optimizers.Adam(1e-3),
    labels=tuple(label for label in FER2013 if label != "disgust"),
    merge={"disgust": "angry"},
    epochs=100,
    batch=128,
)

FIVE_CLASS_SHEAR = math.tan(math.radians(0.3))
"""The article's shear_range=0.3, which Keras' ImageDataGenerator takes for degrees (its random_shear: "intensity in degrees")."""

FIVE_CLASS = Recipe(
    name="five-class",
    about="an article's 1,328,037 parameters, grey, with ELU, its augmentation and callbacks",
    build=articles.five_class,
    optimizer=lambda: keras.optimizers.Adam(1e-3),
    labels=("angry", "happy", "neutral", "sad", "surprise"),
    augmentation=Augmentation(
        zoom=(0.7, 1.3), shift=0.4, rotation=30.0, shear=FIVE_CLASS_SHEAR, flip=0.5
    ),
    patience=Patience(plateau=3, factor=0.2, least=1e-4, stop=9),
)

RGB = Recipe(
    name="rgb",
    about="an article's colour network, any label set, from folders",
    build=articles.rgb,
    optimizer=lambda: keras.optimizers.Adam(1e-4),
    channels=3,
    epochs=50,
    batch=64,
)

RECIPES = {
    r.name: r for r in (EDGEEMO, FER2013_ALONE, TEACHER, FOLDERS, SIX_CLASS, FIVE_CLASS, RGB)
}
