"""Keras 1 architectures and weights in today's terms.

Keras 1 named layers and their settings otherwise (`Convolution2D`, `nb_filter`, `border_mode`),
merged by a mode, and laid the kernels of `dim_ordering: th` out as (out, in, rows, columns).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from networks.refusal import UnsupportedLayerError

Config = dict[str, Any]


class Renaming(NamedTuple):
    """A Keras 1 layer: its class today, and which settings matter, by their names today."""

    today: str
    settings: dict[str, str]


_CONVOLUTION = {
    "subsample": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "activation": "activation",
    "bias": "use_bias",
}
_POOL = {
    "pool_size": "pool_size",
    "strides": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
}
_DATA_FORMAT = {"dim_ordering": "data_format"}

LAYERS = {
    "Convolution2D": Renaming("Conv2D", {"nb_filter": "filters", **_CONVOLUTION}),
    "AtrousConvolution2D": Renaming(
        "Conv2D", {"nb_filter": "filters", "atrous_rate": "dilation_rate", **_CONVOLUTION}
    ),
    "SeparableConvolution2D": Renaming(
        "SeparableConv2D",
        {"nb_filter": "filters", "depth_multiplier": "depth_multiplier", **_CONVOLUTION},
    ),
    "MaxPooling2D": Renaming("MaxPooling2D", _POOL),
    "AveragePooling2D": Renaming("AveragePooling2D", _POOL),
    "GlobalAveragePooling2D": Renaming("GlobalAveragePooling2D", _DATA_FORMAT),
    "GlobalMaxPooling2D": Renaming("GlobalMaxPooling2D", _DATA_FORMAT),
    "ZeroPadding2D": Renaming("ZeroPadding2D", {"padding": "padding", **_DATA_FORMAT}),
    "Cropping2D": Renaming("Cropping2D", {"cropping": "cropping", **_DATA_FORMAT}),
    "UpSampling2D": Renaming("UpSampling2D", {"size": "size", **_DATA_FORMAT}),
    "BatchNormalization": Renaming("BatchNormalization", {"axis": "axis", "epsilon": "epsilon"}),
    "Dense": Renaming(
        "Dense", {"output_dim": "units", "activation": "activation", "bias": "use_bias"}
    ),
    "Activation": Renaming("Activation", {"activation": "activation"}),
    "LeakyReLU": Renaming("LeakyReLU", {"alpha": "negative_slope"}),
    "ELU": Renaming("ELU", {"alpha": "alpha"}),
    "PReLU": Renaming("PReLU", {"shared_axes": "shared_axes"}),
    "Dropout": Renaming("Dropout", {"p": "rate"}),
    "SpatialDropout2D": Renaming("SpatialDropout2D", {"p": "rate", **_DATA_FORMAT}),
    "GaussianDropout": Renaming("GaussianDropout", {"p": "rate"}),
    "GaussianNoise": Renaming("GaussianNoise", {"sigma": "stddev"}),
    "Flatten": Renaming("Flatten", {}),
    "Reshape": Renaming("Reshape", {"target_shape": "target_shape"}),
    "Permute": Renaming("Permute", {"dims": "dims"}),
    "InputLayer": Renaming("InputLayer", {"batch_input_shape": "batch_input_shape"}),
}
MERGES = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate",
}  # fmt: skip
DATA_FORMATS = {"th": "channels_first", "tf": "channels_last"}
_CONVOLUTIONS = {"Conv2D", "SeparableConv2D"}
_SIDES = ("top", "bottom", "left", "right")


def is_keras1(layers: Sequence[Config]) -> bool:
    """Whether layer configurations use settings that only Keras 1 had."""
    gone = {"nb_filter", "output_dim", "border_mode", "dim_ordering"}
    return any(gone & layer["config"].keys() for layer in layers)


def layer_of_today(layer: Config) -> Config:
    """A layer's configuration as Keras 2 would have written it, connections kept.

    Raises:
        UnsupportedLayerError: of a kind or with settings that have no counterpart.
    """
    old = layer["config"]
    today, config = _merge(old) if layer["class_name"] == "Merge" else _renamed(layer)
    config["name"] = old["name"]
    if "batch_input_shape" in old:
        config["batch_input_shape"] = old["batch_input_shape"]
    return {**layer, "class_name": today, "config": config}


def _renamed(layer: Config) -> tuple[str, Config]:
    kind, old = layer["class_name"], layer["config"]
    if kind not in LAYERS:
        raise UnsupportedLayerError(
            f"layer {old.get('name')} is a Keras 1 {kind}, which is not supported"
        )
    if kind == "BatchNormalization" and old.get("mode", 0) != 0:
        raise UnsupportedLayerError(
            f"layer {old['name']} is a BatchNormalization of mode {old['mode']}; only mode 0 has a counterpart"
        )
    today, settings = LAYERS[kind]
    config = {new: old[name] for name, new in settings.items() if old.get(name) is not None}
    if "data_format" in config:
        config["data_format"] = DATA_FORMATS[config["data_format"]]
    if today == "ZeroPadding2D":
        config["padding"] = _paddings(config["padding"])
    if today in _CONVOLUTIONS:
        config["kernel_size"] = [old["nb_row"], old["nb_col"]]
    if today == "Flatten":
        # It flattened as the values lay; today's setting of this name would move channels first.
        config["data_format"] = "channels_last"
    return today, config


def _paddings(old: Any) -> Any:
    """Padding as ((top, bottom), (left, right)) where Keras 1.2 wrote the four of them."""
    match old:
        case dict():
            top, bottom, left, right = (old.get(f"{side}_pad", 0) for side in _SIDES)
        case [top, bottom, left, right]:
            pass
        case _:
            return old
    return [[top, bottom], [left, right]]


def _merge(old: Config) -> tuple[str, Config]:
    if old.get("mode") not in MERGES:
        raise UnsupportedLayerError(
            f"layer {old['name']} merges by {old.get('mode')!r}; supported: {', '.join(MERGES)}"
        )
    today = MERGES[old["mode"]]
    return today, {"axis": old["concat_axis"]} if today == "Concatenate" else {}


def kernels_of_today(arrays: Sequence[NDArray[Any]], layer: Any) -> list[NDArray[Any]]:
    """A layer's arrays with kernels as (rows, columns, in, out), from Keras 1's order for it.

    `layer` is the Keras layer that they belong to; its data format tells how they were laid out.
    """
    kind, first = type(layer).__name__, getattr(layer, "data_format", None) == "channels_first"
    if not (first and kind in _CONVOLUTIONS):
        return list(arrays)
    # A separable layer's depthwise kernel was (multiplier, in, rows, columns): the same exchange.
    return [np.transpose(a, (2, 3, 1, 0)) if a.ndim == 4 else a for a in arrays]
