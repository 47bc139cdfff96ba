"""A float network to convert, whatever file it came from: pictures in, one row of outputs each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgeemo.quant import Float
from networks.description import picture_shape, refuse_integers, refuse_one_output, refuse_unfit
from networks.refusal import NumbersError, ShapeError

BATCH = 256


@dataclass(frozen=True)
class FloatNetwork:
    """A function from (n, height, width, channels) float32 tensors to (n, outputs) ones.

    `shape` is (height, width, channels); `batch` is how many pictures it takes at once; `owner`
    keeps the weights alive; `notes` tell what reading changed, for the report.
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    shape: tuple[int, int, int]
    outputs: int
    owner: Any = field(repr=False)
    notes: tuple[str, ...] = ()
    batch: int = BATCH

    def __post_init__(self) -> None:
        refuse_unfit(self.shape)
        refuse_one_output(self.outputs)

    def predict(self, inputs: Float) -> Float:
        """The (n, outputs) float32 outputs for (n, height, width, channels) float32 inputs.

        Raises:
            NumbersError: one of them is not finite.
        """
        batches = (inputs[i : i + self.batch] for i in range(0, len(inputs), self.batch))
        rows = [np.asarray(self.function(tf.constant(batch)), np.float32) for batch in batches]
        outputs = np.concatenate(rows)
        if not np.isfinite(outputs).all():
            raise NumbersError(
                "the network answers some pictures with no numbers (NaN or infinity): its training diverged, or "
                "the value range is far from the one it was trained on"
            )
        return outputs


def of_keras(model: Any, notes: tuple[str, ...] = ()) -> FloatNetwork:
    """The network of a channels-last Keras model.

    Raises:
        ShapeError: it has several inputs or outputs, shapes that are not fixed, or takes whole numbers.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ShapeError(
            f"the network has {len(model.inputs)} inputs and {len(model.outputs)} outputs; allowed: one of each"
        )
    refuse_integers(model.inputs[0].dtype)
    shape = picture_shape(tuple(model.inputs[0].shape))
    outputs = row_length(tuple(model.outputs[0].shape))
    batch = batch_of(model.inputs[0].shape[0])

    def function(pictures: tf.Tensor) -> tf.Tensor:
        # The one output may lie in a list, or in a dictionary by the name of its head.
        (row,) = keras.tree.flatten(model(pictures, training=False))
        return row

    traced = tf.function(function, reduce_retracing=True)
    return FloatNetwork(traced, shape, outputs, model, notes, batch)


def batch_of(size: int | None) -> int:
    """How many pictures to give at once to a network whose input has this batch size, None for any.

    Raises:
        ShapeError: neither any nor 1, which is what an exported network takes.
    """
    if size not in (None, 1):
        raise ShapeError(f"the input has a fixed batch of {size}; needed: any, or 1")
    return size or BATCH


def row_length(shape: tuple[int | None, ...]) -> int:
    """How many outputs a (batch, outputs) shape has; ShapeError for any other."""
    if len(shape) != 2 or shape[1] is None:
        raise ShapeError(f"the output has shape {shape}; needed: (batch, one value a label)")
    return int(shape[1])
