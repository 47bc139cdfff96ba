"""A Keras 1 or 2 architecture from its JSON, made fit for Keras 3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from networks import keras1
from networks.nesting import recount
from networks.precision import float32_config
from networks.refusal import SourceModelError, UnsupportedLayerError

Config = dict[str, Any]
Shape = list[int | None]
MODELS = frozenset({"Sequential", "Functional", "Model"})
RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
# Only training needs these, and old spellings of them do not load.
TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Architecture:
    """A model's configuration in Keras 2's form, and who wrote it; None where it does not say."""

    config: Config
    version: str | None
    backend: str | None
    keras1: bool

    @classmethod
    def parse(cls, text: str, where: str) -> Architecture:
        """Read the JSON of `Model.to_json()`; `where` names the file in messages.

        Raises:
            SourceModelError: it is no architecture.
            UnsupportedLayerError: it holds a layer that Keras 3 has no counterpart of.
        """
        try:
            root = json.loads(text)
            if isinstance(root, str):
                # What Model.to_json gave was often put through json.dump once more.
                root = json.loads(root)
            config = float32_config({"class_name": root["class_name"], "config": _body(root)})
            layers = list(_layers(config))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceModelError(f"{where}: not the architecture of a Keras model") from error
        old = keras1.is_keras1(layers)
        return cls(_fit(config, old), root.get("keras_version"), root.get("backend"), old)

    def build(self) -> Any:
        """The Keras model, its weights not loaded."""
        kind = keras.Sequential if self.config["class_name"] == "Sequential" else keras.Model
        return kind.from_config(self.config["config"])


def _body(model: Config) -> Config:
    """A model's own configuration; a Sequential's was a bare list until Keras 2.2."""
    body = model["config"]
    if isinstance(body, list):
        body = {"name": model["class_name"].lower(), "layers": body}
    return dict(body)


def _layers(model: Config) -> Iterator[Config]:
    """Every layer's configuration, those of nested models too."""
    for layer in _body(model)["layers"]:
        yield layer
        if layer["class_name"] in MODELS:
            yield from _layers(layer)


def _fit(model: Config, old: bool) -> Config:
    body = _body(model)
    layers = [_fit_layer(layer, old) for layer in body["layers"]]
    sequential = model["class_name"] == "Sequential"
    layers = _with_input(layers) if sequential else recount(layers, MODELS)
    return {**model, "config": {**body, "layers": layers}}


def _fit_layer(layer: Config, old: bool) -> Config:
    if layer["class_name"] in MODELS:
        return _fit(layer, old)
    if old:
        layer = keras1.layer_of_today(layer)
    named = str(layer["class_name"])
    kind = RENAMED.get(named, named)
    refuse_unknown(kind, layer)
    config = {k: v for k, v in layer["config"].items() if not k.endswith(TRAINING_ONLY)}
    if kind == "DepthwiseConv2D":
        # Written by some versions of Keras 2, always 1, and refused by Keras 3.
        config.pop("groups", None)
    return {**layer, "class_name": kind, "config": config}


def refuse_unknown(kind: str, layer: Config) -> None:
    """Raise UnsupportedLayerError for a layer of a kind that would not load, or not mean the same."""
    config = layer["config"]
    name = config.get("name")
    if kind == "Lambda":
        raise UnsupportedLayerError(
            f"layer {name} is a Lambda: its Python code is not run from a file; rebuild the model "
            "with a layer of Keras in its place"
        )
    registered = keras.saving.get_registered_object(layer.get("registered_name") or "")
    if not (registered or hasattr(keras.layers, kind)):
        raise UnsupportedLayerError(
            f"layer {name} is a {kind}, which Keras {keras.__version__} lacks"
        )
    if config.get("activation") == "hard_sigmoid" and "module" not in layer:
        raise UnsupportedLayerError(
            f"layer {name} uses hard_sigmoid, which meant another slope before Keras 3"
        )


def _with_input(layers: list[Config]) -> list[Config]:
    """A Sequential's layers with the input as a layer of its own."""
    first = layers[0]
    shape = _entry_shape(first)
    if first["class_name"] == "InputLayer" or shape is None:
        return layers
    config = {k: v for k, v in first["config"].items() if k != "batch_input_shape"}
    entry = {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}}
    return [entry, {**first, "config": config}, *layers[1:]]


def _entry_shape(layer: Config) -> Shape | None:
    """The shape of what enters a layer, or a model used as one, where it is written down."""
    config = layer["config"]
    if layer["class_name"] not in MODELS:
        shape: Shape | None = config.get("batch_input_shape") or config.get("batch_shape")
        return shape
    if layer["class_name"] == "Sequential":
        return _entry_shape(config["layers"][0])
    entry = config["input_layers"][0][0]
    return next(_entry_shape(one) for one in config["layers"] if one["name"] == entry)
