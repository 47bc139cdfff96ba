"""The sidecar of a conversion: drafted to prepare pictures by, finished when the model was judged."""

from __future__ import annotations

import keras
import tensorflow as tf

from converting.comparison import Comparison
from converting.order import Order
from converting.value_range import Range
from edgeemo.sidecar import Accuracy, Sidecar, sha256
from networks.description import describe
from networks.floatnetwork import FloatNetwork


def draft(order: Order, network: FloatNetwork, value_range: Range) -> Sidecar:
    """The sidecar before the model exists.

    Raises:
        LabelsError: one label stands twice, is reserved, or is none.
    """
    # Size and channels were checked when the network was read, the margin on the command line.
    return describe(
        order.labels,
        network.shape,
        name=order.name,
        value_range=(value_range.low, value_range.high),
        standardize=value_range.standardize,
        margin=order.margin,
    )


def finish(
    drafted: Sidecar, order: Order, model: bytes, found: Comparison | None, calibration: int
) -> Sidecar:
    """The sidecar with the model's digest, what was found of it, and where it came from.

    `found` is None where the pictures had no labels to be right by.
    """
    return drafted.model_copy(
        update={
            "sha256": sha256(model),
            "accuracy": () if found is None else (_accuracy(order, found),),
            "provenance": _provenance(order, calibration),
        }
    )


def _accuracy(order: Order, found: Comparison) -> Accuracy:
    told = f"held-out part of {order.data.name}" + (", FER+ majority" if order.ferplus else "")
    values = {
        "data": order.data_name or told,
        "n": found.int8.n,
        "float": found.source.accuracy,
        "int8": found.int8.accuracy,
    }
    return Accuracy.model_validate(values)


def _provenance(order: Order, calibration: int) -> dict[str, object]:
    return {
        "source": order.source.absolute().name,
        "source_sha256": sha256(order.source.read_bytes()) if order.source.is_file() else None,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "data": order.data.name,
        "calibration_pictures": calibration,
        "seed": order.seed,
    }
