"""Models used as layers of models, as transfer learning leaves them: how Keras 2 wrote them down.

Keras 2 took the graph that a nested model was made with for its call number 0, so that its first
use has number 1; Keras 3 counts from 0. And Keras 2 listed a model's outputs even where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Config = dict[str, Any]
Reference = list[Any]
"""[name of a layer, number of its call, index of the tensor, ...]"""


def recount(layers: list[Config], nested: frozenset[str]) -> list[Config]:
    """The layers of a functional model with calls of `nested` model kinds counted from 0."""
    names = {layer["name"] for layer in layers if layer["class_name"] in nested}
    used: dict[str, int] = {}
    for name, call, *_ in (reference for layer in layers for reference in _references(layer)):
        used[name] = min(call, used.get(name, call))
    from_one = {name for name in names if used.get(name, 0) > 0}
    return [_recounted(layer, from_one) for layer in layers]


def unlisted(outputs: Any) -> Any:
    """The outputs of a functional model; the only one of a list alone, or Keras 3's model answers with a list."""
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def _references(layer: Config) -> Iterator[Reference]:
    # Keras 3 writes dictionaries here, and counts as it reads.
    yield from (ref for node in layer["inbound_nodes"] if isinstance(node, list) for ref in node)


def _recounted(layer: Config, from_one: set[str]) -> Config:
    nodes = [
        [_earlier(ref) if ref[0] in from_one else ref for ref in node]
        if isinstance(node, list)
        else node
        for node in layer["inbound_nodes"]
    ]
    return {**layer, "inbound_nodes": nodes}


def _earlier(reference: Reference) -> Reference:
    name, call, *rest = reference
    return [name, call - 1, *rest]
