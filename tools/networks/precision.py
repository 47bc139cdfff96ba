"""Networks trained in half precision, to be computed in float32: the converter knows no half precision."""

from __future__ import annotations

from typing import Any

from networks.weights import put_into_use

HALF = "float16"
"""How the names of all such precisions end: float16, bfloat16, mixed_float16, mixed_bfloat16."""


def float32_config(config: Any) -> Any:
    """The configuration of a model or layer, and of all that is in it, with float32 for any half precision."""
    if isinstance(config, list):
        return [float32_config(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {
        key: "float32" if key == "dtype" and _is_half(part) else float32_config(part)
        for key, part in config.items()
    }


def in_float32(model: Any) -> Any:
    """The Keras model itself, or a copy with its weights that computes in float32."""
    config = model.get_config()
    fitting = float32_config(config)
    if fitting == config:
        return model
    copy = type(model).from_config(fitting)
    copy.set_weights(model.get_weights())
    put_into_use(copy)
    return copy


def _is_half(dtype: Any) -> bool:
    """Of a name, or of a policy as Keras 2 and 3 write it, with its name inside."""
    match dtype:
        case str(name) | {"config": {"name": str(name)}}:
            return name.endswith(HALF)
    return False
