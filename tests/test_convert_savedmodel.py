"""SavedModels that something else than Keras exported: signatures by any name, inputs of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import tensorflow as tf

from networks.reading import read_network
from networks.refusal import ShapeError, SourceModelError

SIDE = 10


class Means(tf.Module):  # type: ignore[misc]  # tensorflow is untyped
    """Three multiples of a picture's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 2.0, 3.0]])

    def __call__(self, batch: Any) -> dict[str, Any]:
        """(n, 3) outputs by name."""
        return {"scores": tf.reduce_mean(tf.cast(batch, tf.float32), (1, 2)) @ self.kernel}


def export(folder: Path, *names: str, dtype: Any = tf.float32) -> Path:
    """Write a SavedModel of `Means` that serves it by each of the names."""
    means = Means()
    spec = tf.TensorSpec((None, SIDE, SIDE, 1), dtype)
    served = tf.function(means.__call__).get_concrete_function(spec)
    tf.saved_model.save(means, str(folder), signatures=dict.fromkeys(names, served))
    return folder


@pytest.mark.parametrize(
    ("names", "notes"),
    [
        (("serving_default", "other"), ()),
        (("predict",), ("taken by its only signature, predict",)),
    ],
)
def test_read_network_takes_the_signature_that_serves(
    tmp_path: Path, names: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    """The usual one among others, or the only one whatever its name, which is said."""
    network = read_network(export(tmp_path / "saved", *names))
    batch = np.random.default_rng(1).uniform(-1, 1, (4, SIDE, SIDE, 1)).astype(np.float32)
    expected = batch.mean((1, 2)) * [1, 2, 3]
    np.testing.assert_allclose(network.predict(batch), expected, atol=1e-6)
    assert network.notes == notes


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("one", "two"), r"has several signatures \(one, two\), none of them serving_default"),
        ((), "has no signatures, none of them serving_default: export it again with one"),
    ],
)
def test_read_network_names_the_signatures_that_are_there(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    """Which of several is meant, it does not guess."""
    with pytest.raises(SourceModelError, match=message):
        read_network(export(tmp_path / "saved", *names))


def test_read_network_refuses_a_savedmodel_for_whole_numbers(tmp_path: Path) -> None:
    """Pixels in 0..1 would all become 0, and the value range be found by that."""
    path = export(tmp_path / "saved", "serving_default", dtype=tf.uint8)
    with pytest.raises(ShapeError, match=r"takes uint8.*float32 input .*tf\.TensorSpec"):
        read_network(path)
