"""What is said of a network: its labels on a command line, its sidecar before there is a file of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from edgeemo.quant import Float
from edgeemo.sidecar import Sidecar
from labelled.faces import canonical
from networks.refusal import LabelsError, ShapeError

UNKNOWN_DIGEST = "0" * 64
CHANNELS = (1, 3)
FEWEST = 2
"""Labels that a sidecar holds at least, and so outputs."""
SIDES = range(8, 513)


def describe(labels: tuple[str, ...], shape: tuple[int, int, int], **fields: Any) -> Sidecar:
    """A sidecar of these labels, an input of (height, width, channels) and other `fields`.

    Without a digest among them it is of no file yet.

    Raises:
        LabelsError: there are fewer than two, one stands twice, is reserved, or is none; or a field
            has a value that is not allowed.
    """
    if len(labels) < FEWEST:
        raise LabelsError(
            f"labels {', '.join(labels) or 'not given'}: needed are two or more, one an output, in their order"
        )
    height, width, channels = shape
    told: dict[str, Any] = {
        "width": width,
        "height": height,
        "channels": channels,
        "sha256": UNKNOWN_DIGEST,
    }
    try:
        return Sidecar(labels=labels, **(told | fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise LabelsError(f"{_which(labels, first['loc'])}: {message}") from error


def _which(labels: Sequence[str], place: Sequence[int | str]) -> str:
    """What a fault is about: one of the labels, another field, or the labels as a whole."""
    match place:
        case ("labels", int(index)):
            return f"label {labels[index]}"
        case (str(field), *_) if field != "labels":
            return field
    return f"labels {', '.join(labels)}"


def picture_shape(shape: tuple[int | None, ...]) -> tuple[int, int, int]:
    """(height, width, channels) of a (batch, height, width, channels) shape; ShapeError if unfit."""
    if len(shape) != 4 or None in shape[1:]:
        raise ShapeError(
            f"the input has shape {shape}; needed: (batch, height, width, channels), all but the batch fixed"
        )
    height, width, channels = (int(side or 0) for side in shape[1:])
    return height, width, channels


def refuse_unfit(shape: tuple[int, int, int]) -> None:
    """Raise ShapeError for an input (height, width, channels) that no camera's pictures can be made for."""
    height, width, channels = shape
    if channels not in CHANNELS:
        raise ShapeError(
            f"the network takes pictures of {channels} channels (input {height}x{width}x{channels}); "
            "only 1 (grey) or 3 (red, green, blue) can be fed from a camera"
        )
    if height not in SIDES or width not in SIDES:
        raise ShapeError(f"the input of {width}x{height} pixels is outside 8..512 on a side")


def refuse_one_output(outputs: int) -> None:
    """Raise ShapeError for a network that puts out a single value, as one that ends in a sigmoid for yes or no."""
    if outputs < FEWEST:
        raise ShapeError(
            "the network has one output: needed are two or more, one a label; "
            "make a network with a softmax over both classes"
        )


def refuse_integers(dtype: str) -> None:
    """Raise ShapeError for an input of whole numbers, which would cut off pixels in 0..1 or -1..1."""
    if "float" not in dtype:
        raise ShapeError(
            f"the network takes {dtype}, and pixels are fed in a value range, as floats: make it again with a "
            "float32 input (Keras: keras.Input(shape); SavedModel: tf.TensorSpec(shape, tf.float32) in its signature)"
        )


def are_probabilities(outputs: Float, step: float = 0.0) -> bool:
    """Whether (n, labels) outputs went through a softmax: none negative, every row sums to 1.

    `step` is that of a quantised output, by half of which each of them may be off.
    """
    off = 1e-3 + step * outputs.shape[1] / 2
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(1), 1.0, atol=off))


def labels_from(text: str) -> tuple[str, ...]:
    """Labels as this project spells them, from names by commas or spaces, or from a file of lines.

    Raises:
        LabelsError: the file can't be read, or is not UTF-8.
    """
    if os.path.isfile(text):  # noqa: PTH113 - Path raises for a text too long to be a path
        try:
            names = Path(text).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise LabelsError(
                f"can't read the labels in {text} (UTF-8, one a line): {error}"
            ) from error
    else:
        names = text.split("," if "," in text else None)
    return tuple(canonical(name) for name in names if name.strip())
