"""The int8 files that the converter makes, and what it knows of operators and layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import facedata
from otherpython import renamed_python, shell_python

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras
import tensorflow as tf

from converting import run_tflite
from converting.comparison import OUTPUT, better_order, compare, layer_errors
from converting.operators import Operator, float_tensors, operators, too_new
from converting.quantize import to_float, to_int8
from converting.verify import Int8Model, verify
from networks.description import are_probabilities
from networks.floatnetwork import FloatNetwork, of_keras
from networks.refusal import RuntimeMismatchError, UnsupportedLayerError


def inputs(n: int = 40, side: int = 24) -> NDArray[np.float32]:
    """Pictures in -1..1 of every brightness."""
    random = np.random.default_rng(0)
    level = random.uniform(-1, 1, (n, 1, 1, 1))
    return np.clip(level + random.normal(0, 0.1, (n, side, side, 1)), -1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> FloatNetwork:
    """A network with a Flatten, whose form depends on a fixed batch."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    entry = keras.Input((24, 24, 1))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="early")(entry)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("elu")(x)
    x = layers.Dense(5, activation="softmax", name="late")(layers.Flatten()(x))
    return of_keras(keras.Model(entry, x))


@pytest.fixture(scope="module")
def int8(network: FloatNetwork) -> bytes:
    """That network as int8."""
    return to_int8(network, inputs())


def test_to_int8_leaves_no_float(int8: bytes) -> None:
    """Weights, activations, input and output are integers, the batch is 1."""
    assert float_tensors(int8) == ()
    (shape,) = {tuple(d["shape"]) for d in tf_details(int8)[0]}
    assert shape == (1, 24, 24, 1)
    assert {d["dtype"] for details in tf_details(int8) for d in details} == {np.int8}


def tf_details(model: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Input and output details by LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    return interpreter.get_input_details(), interpreter.get_output_details()


def test_to_int8_flattens_by_a_plain_reshape(int8: bytes) -> None:
    """An open batch would have dragged SHAPE, STRIDED_SLICE and PACK in."""
    names = {operator.name for operator in operators(int8)}
    assert "RESHAPE" in names
    assert not names & {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_to_int8_computes_nearly_the_same(network: FloatNetwork, int8: bytes) -> None:
    """Probabilities differ by a few steps of 256 at most."""
    batch = inputs(30)
    error = np.abs(Int8Model(int8).predict(batch) - network.predict(batch)).max()
    assert error < 8 / 256


def test_too_new_finds_what_the_oldest_runtime_lacks(network: FloatNetwork) -> None:
    """Dynamic-range quantisation makes a FULLY_CONNECTED of version 12, the known trap."""
    converter = tf.lite.TFLiteConverter.from_keras_model(big_dense())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    dynamic = converter.convert()
    assert too_new(dynamic) == (Operator("FULLY_CONNECTED", 12),)


def big_dense() -> Any:
    """Large enough for its weights to be quantised."""
    return keras.Sequential([keras.Input((2048,)), keras.layers.Dense(64)])


def test_too_new_accepts_full_int8(int8: bytes) -> None:
    """What the converter makes runs on the oldest runtime."""
    assert too_new(int8) == ()
    assert Operator("FULLY_CONNECTED", 4) in operators(int8)


def test_to_int8_refuses_what_has_no_int8_form() -> None:
    """A Fourier transform has no builtin operator."""

    def function(batch: Any) -> Any:
        spectrum = tf.signal.fft2d(tf.cast(batch[..., 0], tf.complex64))
        return tf.reduce_mean(tf.abs(spectrum), axis=2)[:, :3]

    odd = FloatNetwork(tf.function(function), (24, 24, 1), 3, None)
    with pytest.raises(UnsupportedLayerError, match="the network has no int8 form: "):
        to_int8(odd, inputs(4))


def test_to_int8_keeps_elu_in_int8(int8: bytes) -> None:
    """The converter alone would leave ELU in float between a DEQUANTIZE and a QUANTIZE."""
    names = {operator.name for operator in operators(int8)}
    assert "ELU" in names
    assert not names & {"DEQUANTIZE", "QUANTIZE"}


def test_to_int8_refuses_what_stays_float() -> None:
    """A layer normalisation has a part without int8 form: the layer is named."""
    entry = keras.Input((24, 24, 1))
    x = keras.layers.Conv2D(2, 3)(entry)
    x = keras.layers.LayerNormalization(name="norm")(x)
    network = of_keras(keras.Model(entry, keras.layers.Dense(3)(keras.layers.Flatten()(x))))
    with pytest.raises(UnsupportedLayerError, match="values stay float, of norm"):
        to_int8(network, inputs(4))


def test_layer_errors_names_the_layers_worst_first(network: FloatNetwork) -> None:
    """A network whose last layer got other weights: it is the one to blame."""
    other = keras.models.clone_model(network.owner)
    other.set_weights([w * (-1 if w.shape == (484, 5) else 1) for w in network.owner.get_weights()])
    wrong = to_int8(of_keras(other), inputs())
    errors = layer_errors(to_float(network), wrong, inputs(4))
    assert errors[0].layer in {"late", OUTPUT}
    assert {"early", "late"} <= {name for layer in errors for name in layer.layer.split("+")}
    assert errors[0].error > 0.5 > errors[-1].error


def test_verify_runs_on_every_runtime(int8: bytes, tmp_path: Path) -> None:
    """Those here, and that of another Python."""
    another = renamed_python(tmp_path / "python", "another")
    here = verify(Int8Model(int8), inputs(4), []).passed
    both = verify(Int8Model(int8), inputs(4), [another]).passed
    assert here[0].startswith("ai-edge-litert ")
    assert both == (*here, f"another {here[0]}")


LIAR = """
import sys
import numpy as np
outputs = np.full((len(np.load(sys.argv[3])), 5), -128, np.int8)
outputs[:, 0] = 127
np.save(sys.argv[4], outputs)
print("liar 1.0")
"""


def test_verify_refuses_a_runtime_that_computes_something_else(int8: bytes, tmp_path: Path) -> None:
    """A Python whose runtime is always sure of the first label."""
    (tmp_path / "liar.py").write_text(LIAR)
    line = f'exec "{sys.executable}" "{tmp_path / "liar.py"}" "$@"'
    python = shell_python(tmp_path / "python", line)
    with pytest.raises(
        RuntimeMismatchError, match=r"^liar 1\.0 computes something else than LiteRT"
    ):
        verify(Int8Model(int8), inputs(20), [python])


def test_verify_refuses_a_file_that_does_not_run(int8: bytes) -> None:
    """A model file that was cut off."""
    model = Int8Model(int8)
    model.content = int8[: len(int8) // 2]
    with pytest.raises(RuntimeMismatchError, match="can't run the result"):
        verify(model, inputs(2), [])


def test_run_tflite_runs_alone(int8: bytes, tmp_path: Path) -> None:
    """As a script of its own it needs nothing of the project."""
    model, fed, given = tmp_path / "m.tflite", tmp_path / "in.npy", tmp_path / "out.npy"
    model.write_bytes(int8)
    raw = Int8Model(int8).quantize(inputs(3))
    np.save(fed, raw)
    command = [sys.executable, "-I", run_tflite.__file__, str(model), str(fed), str(given)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith("ai-edge-litert ")
    np.testing.assert_array_equal(np.load(given), run_tflite.runtimes()[0].run(int8, raw))


def test_are_probabilities_tells_them_from_logits() -> None:
    """Rows that sum to 1 and have nothing negative."""
    rows = np.array([[0.2, 0.8], [1.0, 0.0]], np.float32)
    assert are_probabilities(rows)
    assert not are_probabilities(rows * 2)
    assert not are_probabilities(np.array([[-0.5, 1.5]], np.float32))


def answers(truth: list[int], labels: int) -> NDArray[np.float32]:
    """Probabilities that are sure of the given labels."""
    return np.eye(labels, dtype=np.float32)[truth]


def test_compare_counts_by_label() -> None:
    """Accuracy of both, their agreement, and the points lost."""
    truth = np.array([0, 0, 1, 1])
    found = compare(answers([0, 0, 1, 0], 2), answers([0, 1, 1, 0], 2), truth, facedata.LABELS[:2])
    assert (found.source.accuracy, found.int8.accuracy, found.agreement) == (0.75, 0.5, 0.75)
    assert found.drop == 25.0


def test_better_order_finds_labels_that_were_exchanged() -> None:
    """The model's answers 0 and 2 stand for each other; a model that is right gets no other order."""
    truth = np.tile([0, 0, 1, 1, 2, 2], 20)
    swapped, right = answers(list(2 - truth), 3), answers(list(truth), 3)
    assert better_order(compare(swapped, swapped, truth, "abc").source) == ("c", "b", "a")
    assert better_order(compare(right, right, truth, "abc").source) is None
