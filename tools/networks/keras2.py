"""Keras 2 layers in today's terms: without what Keras 3 stumbles over, and that changes no output."""

from __future__ import annotations

from typing import Any

from networks.refusal import UnsupportedLayerError

Config = dict[str, Any]
RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
ORIGIN = frozenset({"module", "registered_name", "build_config"})
"""Where a layer is from, told since Keras 2.12. Keras 3 takes it for a sign that it wrote the layer itself."""
GONE = {
    "groups": ("DepthwiseConv", "SeparableConv", "Conv1DTranspose", "Conv2DTranspose"),
    "noise_shape": ("SpatialDropout",),
    "trainable": ("SpatialDropout",),
    "rng_type": ("Random",),
}
"""Settings that Keras 3 refuses, and how the layers begin that have them; `groups` is always 1 there."""


def is_older(version: str | None, model: Config) -> bool:
    """Whether a model's configuration is of Keras 1 or 2: by the version that it was stored with, if any."""
    if version:
        return version.startswith(("0.", "1.", "2."))
    # Model.to_json() of Keras 3 names no version, but the module of the whole, which that of Keras 2 does not.
    return "module" not in model


def without_origin(layer: Config) -> Config:
    """The configuration of a layer, or of a model used as one, without where it is from."""
    return {key: value for key, value in layer.items() if key not in ORIGIN}


def layer_of_today(layer: Config) -> Config:
    """A layer's configuration as Keras 3 takes it, connections kept.

    Raises:
        UnsupportedLayerError: it is no layer of Keras' own, whatever its name.
    """
    named, config = str(layer["class_name"]), layer["config"]
    if layer.get("registered_name"):
        raise UnsupportedLayerError(
            f"layer {config.get('name')} is a {named} of {layer.get('module')}, which Keras 3 lacks"
        )
    kind = RENAMED.get(named, named)
    kept = {k: v for k, v in config.items() if not kind.startswith(GONE.get(k, ()))}
    return {**without_origin(layer), "class_name": kind, "config": kept}
