"""A Keras 1 or 2 architecture from its JSON, made fit for Keras 3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from networks import keras1, keras2
from networks.nesting import recount, unlisted
from networks.precision import float32_config
from networks.refusal import SourceModelError, UnsupportedLayerError

Config = dict[str, Any]
Shape = list[int | None]
Translation = Callable[[Config], Config]
"""What makes a layer's configuration one of today."""
MODELS = frozenset({"Sequential", "Functional", "Model"})
OPERATIONS = "keras.src.ops."
"""Where Keras 3 has what arithmetic becomes in a model's graph, as `inputs / 255.0` does."""
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
    def parse(cls, text: str, where: str, version: str | None = None) -> Architecture:
        """Read the JSON of `Model.to_json()`; `where` names the file in messages.

        `version` is that of the Keras that wrote it, where it stands beside the text.

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
        version = root.get("keras_version") or version
        old = keras1.is_keras1(layers)
        fitting = _fit(config, _translation(old, keras2.is_older(version, root)))
        return cls(fitting, version, root.get("backend"), old)

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


def _translation(is_keras1: bool, is_older: bool) -> Translation:
    if is_keras1:
        return lambda layer: keras2.layer_of_today(keras1.layer_of_today(layer))
    return keras2.layer_of_today if is_older else lambda layer: layer


def _fit(model: Config, translate: Translation) -> Config:
    model, body = keras2.without_origin(model), _body(model)
    layers = [_fit_layer(layer, translate) for layer in body["layers"]]
    if model["class_name"] == "Sequential":
        return {**model, "config": {**body, "layers": _with_input(layers)}}
    ends = {"layers": recount(layers, MODELS), "output_layers": unlisted(body["output_layers"])}
    return {**model, "config": {**body, **ends}}


def _fit_layer(layer: Config, translate: Translation) -> Config:
    if layer["class_name"] in MODELS:
        return _fit(layer, translate)
    layer = translate(layer)
    refuse_unknown(layer["class_name"], layer)
    config = {k: v for k, v in layer["config"].items() if not k.endswith(TRAINING_ONLY)}
    return {**layer, "config": config}


def refuse_unknown(kind: str, layer: Config) -> None:
    """Raise UnsupportedLayerError for a layer of a kind that would not load, or not mean the same."""
    config = layer["config"]
    name = config.get("name")
    if kind == "Lambda":
        raise UnsupportedLayerError(
            f"layer {name} is a Lambda: its Python code is not run from a file; rebuild the model "
            "with a layer of Keras in its place"
        )
    known = (
        hasattr(keras.layers, kind)
        or str(layer.get("module")).startswith(OPERATIONS)
        or keras.saving.get_registered_object(layer.get("registered_name") or "")
    )
    if not known:
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
