"""Every kind of model file that people have computes after reading what it computed before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras

import oldkeras
from networks.reading import read_network
from networks.refusal import SourceModelError
from oldkeras import Array, batch_norm, max_pool, relu, softmax

SIDE = 16
EPSILON = 1e-3


def pictures(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    """Random inputs in -1..1."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def channels_last(batch: Array) -> NDArray[np.float32]:
    """(n, channels, rows, columns) as (n, rows, columns, channels)."""
    return np.ascontiguousarray(np.moveaxis(batch, 1, 3), np.float32)


def keras1_layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 1.2 wrote it, training settings included."""
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def keras1_convolution(name: str, filters: int, side: int, **config: Any) -> dict[str, Any]:
    """A Convolution2D of Keras 1.2 with all its keys."""
    defaults = {
        "nb_filter": filters, "nb_row": side, "nb_col": side, "border_mode": "valid",
        "subsample": [1, 1], "dim_ordering": "th", "activation": "linear", "bias": True,
        "init": "glorot_uniform", "W_regularizer": None, "b_regularizer": None,
        "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
    }  # fmt: skip
    return keras1_layer("Convolution2D", name, **{**defaults, **config})


KERAS1_SEQUENTIAL = {
    "class_name": "Sequential",
    "keras_version": "1.2.2",
    "config": [
        keras1_convolution(
            "convolution2d_1", 4, 3, border_mode="same", activation="relu",
            batch_input_shape=[None, 1, SIDE, SIDE], input_dtype="float32",
        ),
        keras1_layer(
            "BatchNormalization", "batchnormalization_1", mode=0, axis=1, epsilon=EPSILON,
            momentum=0.99, gamma_regularizer=None, beta_regularizer=None,
        ),
        keras1_layer(
            "MaxPooling2D", "maxpooling2d_1", pool_size=[2, 2], strides=[2, 2],
            border_mode="valid", dim_ordering="th",
        ),
        keras1_convolution("convolution2d_2", 6, 3, border_mode="same", subsample=[2, 2]),
        keras1_layer("Activation", "activation_1", activation="relu"),
        keras1_layer("Dropout", "dropout_1", p=0.25),
        keras1_layer("Flatten", "flatten_1"),
        keras1_layer("Dense", "dense_1", output_dim=10, input_dim=None, activation="relu", bias=True,
                     init="glorot_uniform"),
        keras1_layer("Dense", "dense_2", output_dim=3, input_dim=10, activation="softmax", bias=True,
                     init="glorot_uniform"),
    ],
}  # fmt: skip


def keras1_weights(suffix: str = "") -> dict[str, dict[str, Array]]:
    """Random weights for KERAS1_SEQUENTIAL under the names that Keras 1 gave them."""
    random = np.random.default_rng(5)

    def values(*shape: int) -> Array:
        return random.normal(0, 0.3, shape).astype(np.float32)

    return {
        "convolution2d_1": {f"convolution2d_1_W{suffix}": values(4, 1, 3, 3),
                            f"convolution2d_1_b{suffix}": values(4)},
        "batchnormalization_1": {
            f"batchnormalization_1_gamma{suffix}": 1 + values(4),
            f"batchnormalization_1_beta{suffix}": values(4),
            f"batchnormalization_1_running_mean{suffix}": values(4),
            f"batchnormalization_1_running_std{suffix}": np.abs(values(4)) + 0.5},
        "maxpooling2d_1": {},
        "convolution2d_2": {f"convolution2d_2_W{suffix}": values(6, 4, 3, 3),
                            f"convolution2d_2_b{suffix}": values(6)},
        "activation_1": {}, "dropout_1": {}, "flatten_1": {},
        "dense_1": {f"dense_1_W{suffix}": values(6 * 4 * 4, 10), f"dense_1_b{suffix}": values(10)},
        "dense_2": {f"dense_2_W{suffix}": values(10, 3), f"dense_2_b{suffix}": values(3)},
    }  # fmt: skip


def keras1_forward(batch: Array, backend: str) -> Array:
    """KERAS1_SEQUENTIAL on (n, 1, SIDE, SIDE) pictures, as Keras 1 computed it on a backend."""
    by_layer = keras1_weights()
    first, norm, second, dense, last = (
        list(by_layer[name].values())
        for name in (
            "convolution2d_1",
            "batchnormalization_1",
            "convolution2d_2",
            "dense_1",
            "dense_2",
        )
    )
    if backend == "theano":
        x = relu(oldkeras.theano_convolution(batch, first[0], first[1], same=True))
    else:
        x = relu(oldkeras.correlation(batch, first[0], first[1], 1, (1, 1)))
    x = max_pool(batch_norm(x, norm, EPSILON), 2)
    if backend == "theano":
        x = oldkeras.theano_convolution(x, second[0], second[1], stride=2, same=True)
    else:
        x = oldkeras.correlation(x, second[0], second[1], 2, (0, 1))
    x = relu(x).reshape(len(x), -1)
    return softmax(relu(x @ dense[0] + dense[1]) @ last[0] + last[1])


def write_keras1(folder: Path, suffix: str = "", **attributes: str) -> tuple[Path, Path]:
    """The architecture and the weights of KERAS1_SEQUENTIAL as two files."""
    architecture = folder / "model.json"
    architecture.write_text(json.dumps(KERAS1_SEQUENTIAL))
    weights = oldkeras.write_weight_file(folder / "w.h5", keras1_weights(suffix), **attributes)
    return architecture, weights


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_read_network_reads_keras1_channels_first(tmp_path: Path, backend: str) -> None:
    """Kernels are turned where Theano trained them, and Theano's padding is kept at a stride."""
    source, weights = write_keras1(tmp_path, backend=backend, keras_version="1.2.2")
    network = read_network(source, weights)
    batch = pictures(5, 1, SIDE, SIDE)
    assert network.shape == (SIDE, SIDE, 1)
    expected = keras1_forward(batch, backend)
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)


@pytest.mark.parametrize(("suffix", "backend"), [("", "theano"), (":0", "tensorflow")])
def test_read_network_tells_keras1_backends_apart_by_names(
    tmp_path: Path, suffix: str, backend: str
) -> None:
    """Where the file does not name the backend, TensorFlow's variables end in :0."""
    network = read_network(*write_keras1(tmp_path, suffix))
    batch = pictures(3, 1, SIDE, SIDE)
    expected = keras1_forward(batch, backend)
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)


def test_read_network_lets_the_backend_be_overruled(tmp_path: Path) -> None:
    """What the user says of the backend goes before what the file says."""
    network = read_network(*write_keras1(tmp_path, backend="theano"), "tensorflow")
    batch = pictures(3, 1, SIDE, SIDE)
    expected = keras1_forward(batch, "tensorflow")
    np.testing.assert_allclose(network.predict(channels_last(batch)), expected, atol=1e-5)


def test_read_network_reads_a_keras1_graph(tmp_path: Path) -> None:
    """A functional Keras 1 model with two branches merged by sum, written by TensorFlow."""
    first = keras1_convolution(
        "a", 3, 1, dim_ordering="tf", batch_input_shape=[None, SIDE, SIDE, 3]
    )
    graph = {
        "class_name": "Model",
        "keras_version": "1.1.0",
        "config": {
            "name": "model_1",
            "layers": [
                {**keras1_layer("InputLayer", "in", batch_input_shape=[None, SIDE, SIDE, 3]),
                 "name": "in", "inbound_nodes": []},
                {**first, "name": "a", "inbound_nodes": [[["in", 0, 0]]]},
                {**keras1_layer("Merge", "m", mode="sum", concat_axis=-1),
                 "name": "m", "inbound_nodes": [[["in", 0, 0], ["a", 0, 0]]]},
                {**keras1_layer("GlobalAveragePooling2D", "g", dim_ordering="tf"),
                 "name": "g", "inbound_nodes": [[["m", 0, 0]]]},
            ],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["g", 0, 0]],
        },
    }  # fmt: skip
    kernel = np.random.default_rng(2).normal(0, 1, (1, 1, 3, 3)).astype(np.float32)
    weights = {"in": {}, "a": {"a_W:0": kernel, "a_b:0": np.ones(3, np.float32)}, "m": {}, "g": {}}
    (tmp_path / "m.json").write_text(json.dumps(graph))
    network = read_network(
        tmp_path / "m.json", oldkeras.write_weight_file(tmp_path / "w.h5", weights)
    )
    batch = pictures(4, SIDE, SIDE, 3)
    expected = (batch + batch @ kernel[0, 0] + 1).mean((1, 2))
    np.testing.assert_allclose(network.predict(batch), expected, atol=1e-5)


def residual_network(side: int = 32, data_format: str = "channels_last") -> Any:
    """Separable convolutions, depthwise ones, residual adds, all weights random."""
    keras.utils.set_random_seed(3)
    first = data_format == "channels_first"
    axis = 1 if first else -1
    layers = keras.layers
    entry = keras.Input((1, side, side) if first else (side, side, 1))
    form = {"data_format": data_format}
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, **form)(entry)
    x = layers.BatchNormalization(axis=axis)(x)
    x = layers.Activation("relu")(x)
    short = layers.Conv2D(12, 1, strides=2, padding="same", **form)(x)
    x = layers.SeparableConv2D(12, 3, padding="same", **form)(x)
    x = layers.BatchNormalization(axis=axis)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.DepthwiseConv2D(3, padding="same", **form)(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", **form)(x)
    x = layers.Add()([x, short])
    x = layers.Concatenate(axis=axis)([x, short])
    x = layers.GlobalAveragePooling2D(**form)(x)
    model = keras.Model(entry, layers.Dense(5, activation="softmax")(x))
    return shaken(model)


def shaken(model: Any, seed: int = 4) -> Any:
    """The model with other weights than it started with, so that none is 0 or 1 by default."""
    random = np.random.default_rng(seed)
    weights = [w + random.uniform(0.05, 0.3, w.shape) * (w.ndim < 3) for w in model.get_weights()]
    model.set_weights(weights)
    return model


def assert_reads_as(network: Any, model: Any, first: bool = False) -> None:
    """The network computes what a Keras model does, which may take channels first."""
    batch = pictures(6, *model.inputs[0].shape[1:])
    fed = channels_last(batch) if first else batch
    np.testing.assert_allclose(
        network.predict(fed), np.asarray(model(batch, training=False)), atol=2e-5
    )


def test_read_network_reads_a_whole_keras2_file(tmp_path: Path) -> None:
    """An .hdf5 with separable convolutions and residual adds; its optimizer no longer loads."""
    model = residual_network()
    path = oldkeras.write_keras2(tmp_path / "m.hdf5", *oldkeras.keras2_of(model))
    assert_reads_as(read_network(path), model)


def test_read_network_reads_architecture_and_weights_of_keras2(tmp_path: Path) -> None:
    """A .json with the weights in an .h5."""
    model = residual_network()
    root, weights = oldkeras.keras2_of(model)
    (tmp_path / "m.json").write_text(json.dumps(root))
    path = oldkeras.write_weight_file(tmp_path / "w.h5", weights, backend="tensorflow")
    assert_reads_as(read_network(tmp_path / "m.json", path), model)


def test_read_network_turns_keras2_kernels_of_theano(tmp_path: Path) -> None:
    """Keras 2 on Theano stored kernels as Theano uses them, turned."""
    entry = keras.Input((12, 12, 1))
    x = keras.layers.Conv2D(3, 3, name="conv")(entry)
    model = keras.Model(entry, keras.layers.GlobalMaxPooling2D()(x))
    root, weights = oldkeras.keras2_of(model)
    kernel = weights["conv"]["conv/kernel:0"]
    weights["conv"]["conv/kernel:0"] = kernel[::-1, ::-1]
    path = oldkeras.write_keras2(tmp_path / "m.h5", root, weights, backend="theano")
    assert_reads_as(read_network(path), model)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.SeparableConv2D(2, 3), "is a SeparableConv2D trained on Theano"),
        (keras.layers.Conv2DTranspose(2, 3), "is a Conv2DTranspose trained on Theano"),
        (keras.layers.MaxPooling2D(2, padding="same"), "pools with padding 'same' on Theano"),
    ],
)
def test_read_network_refuses_what_theano_did_otherwise(
    tmp_path: Path, layer: Any, message: str
) -> None:
    """Layers whose form on Theano is not known here would silently compute something else."""
    from networks.refusal import UnsupportedLayerError

    entry = keras.Input((12, 12, 1))
    model = keras.Model(entry, keras.layers.GlobalMaxPooling2D()(layer(entry)))
    path = oldkeras.write_keras2(tmp_path / "m.h5", *oldkeras.keras2_of(model), backend="theano")
    with pytest.raises(UnsupportedLayerError, match=message):
        read_network(path)


def test_to_channels_last_refuses_models_as_layers(tmp_path: Path) -> None:
    """A channels-first base in a model that says nothing of channels itself."""
    from networks.refusal import UnsupportedLayerError

    base = residual_network(data_format="channels_first")
    entry = keras.Input((1, 32, 32))
    keras.Model(entry, keras.layers.Dense(3)(base(entry))).save(tmp_path / "m.keras")
    with pytest.raises(
        UnsupportedLayerError, match="of a channels-first network can't be rearranged"
    ):
        read_network(tmp_path / "m.keras")


def test_read_network_reads_a_sequential_of_keras2_0(tmp_path: Path) -> None:
    """A Sequential as a bare list of layers, its input shape in the first one."""
    model = keras.Sequential(
        [keras.Input((10, 10, 1)), keras.layers.Flatten(name="f"), keras.layers.Dense(4, name="d")]
    )
    root = {
        "class_name": "Sequential",
        "config": [
            {
                "class_name": "Flatten",
                "config": {"name": "f", "batch_input_shape": [None, 10, 10, 1]},
            },
            {"class_name": "Dense", "config": {"name": "d", "units": 4, "activation": "linear"}},
        ],
    }
    path = oldkeras.write_keras2(tmp_path / "m.h5", root, oldkeras.keras2_weights(model))
    assert_reads_as(read_network(path), model)


def test_read_network_reads_nested_models_of_keras2(tmp_path: Path) -> None:
    """A base model as one layer of another, part of it frozen, as transfer learning leaves it."""
    base = residual_network(16)
    base.trainable = False
    entry = keras.Input((16, 16, 1))
    model = keras.Model(entry, keras.layers.Dense(3)(base(entry)))
    inner, _ = oldkeras.keras2_of(base)
    outer, weights = oldkeras.keras2_of(keras.Model(entry, model.output))
    outer["config"]["layers"][1] |= {
        "class_name": "Model",
        "config": inner["config"],
        "inbound_nodes": [[[outer["config"]["layers"][0]["name"], 0, 0, {}]]],
    }
    # Keras 2 counted a nested model's own graph as its first node.
    outer["config"]["layers"][2]["inbound_nodes"] = [[[base.name, 1, 0, {}]]]
    for layer in inner["config"]["layers"]:
        layer["config"]["trainable"] = False
    path = oldkeras.write_keras2(tmp_path / "m.h5", outer, weights)
    assert_reads_as(read_network(path), model)


def test_read_network_reads_models_in_a_sequential(tmp_path: Path) -> None:
    """A base and a head, each a Sequential, in a Sequential, none of which says its input."""
    base = residual_network(32)
    head = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
    inside = keras.Sequential([keras.Input((32, 32, 1)), base])
    model = keras.Sequential([keras.Input((32, 32, 1)), inside, head])
    inner, _ = oldkeras.keras2_of(base)
    dense = {"name": "d", "units": 3, "activation": "softmax", "batch_input_shape": [None, 5]}
    stack = [
        [{"class_name": "Model", "config": inner["config"]}],
        [{"class_name": "Dense", "config": dense}],
    ]
    sequentials = [
        {"class_name": "Sequential", "config": {"name": f"s{i}", "layers": layers}}
        for i, layers in enumerate(stack)
    ]
    root = {"class_name": "Sequential", "config": {"name": "s", "layers": sequentials}}
    path = oldkeras.write_keras2(tmp_path / "m.h5", root, oldkeras.keras2_weights(model))
    assert_reads_as(read_network(path), model)


def test_read_network_reads_json_dumped_twice(tmp_path: Path) -> None:
    """Model.to_json gives text, which many put through json.dump."""
    model = residual_network()
    root, weights = oldkeras.keras2_of(model)
    (tmp_path / "m.json").write_text(json.dumps(json.dumps(root)))
    path = oldkeras.write_weight_file(tmp_path / "w.h5", weights)
    assert_reads_as(read_network(tmp_path / "m.json", path), model)


@pytest.mark.parametrize("export", [False, True])
def test_read_network_takes_a_fixed_batch_of_one(tmp_path: Path, export: bool) -> None:
    """A model made for one picture at a time is asked one by one."""
    entry = keras.Input(batch_shape=(1, 16, 16, 1))
    model = keras.Model(entry, keras.layers.Dense(3)(keras.layers.Flatten()(entry)))
    path = tmp_path / ("m" if export else "m.keras")
    model.export(path, verbose=False) if export else model.save(path)
    batch = pictures(3, 16, 16, 1)
    expected = np.concatenate([np.asarray(model(one[None])) for one in batch])
    np.testing.assert_allclose(read_network(path).predict(batch), expected, atol=1e-5)


@pytest.mark.parametrize("kind", [".keras", ".h5"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_read_network_reads_what_keras3_saves(tmp_path: Path, kind: str, data_format: str) -> None:
    """Keras 3's own file and the legacy one that it still writes, channels first too."""
    model = residual_network(data_format=data_format)
    model.save(tmp_path / f"m{kind}")
    network = read_network(tmp_path / f"m{kind}")
    assert network.shape == (32, 32, 1)
    assert_reads_as(network, model, first=data_format == "channels_first")


def test_read_network_reads_architecture_and_weights_of_keras3(tmp_path: Path) -> None:
    """Model.to_json with a .weights.h5."""
    model = residual_network()
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "m.weights.h5")
    assert_reads_as(read_network(tmp_path / "m.json", tmp_path / "m.weights.h5"), model)


def test_read_network_reads_a_savedmodel(tmp_path: Path) -> None:
    """The folder that Model.export writes."""
    model = residual_network()
    model.export(tmp_path / "saved", verbose=False)
    assert_reads_as(read_network(tmp_path / "saved"), model)


def test_read_network_says_that_a_savedmodel_is_damaged(tmp_path: Path) -> None:
    """TensorFlow has an error of its own for variables that were cut off."""
    residual_network().export(tmp_path / "saved", verbose=False)
    (tmp_path / "saved" / "variables" / "variables.index").write_bytes(b"")
    with pytest.raises(SourceModelError, match=f"can't read {tmp_path / 'saved'}"):
        read_network(tmp_path / "saved")


def test_read_network_takes_the_one_output_by_its_name(tmp_path: Path) -> None:
    """What train.py saves as network.keras of a recipe with one head: a dictionary of one output."""
    model = residual_network()
    keras.Model(model.input, {"emotion": model.output}).save(tmp_path / "network.keras")
    assert_reads_as(read_network(tmp_path / "network.keras"), model)


def half_precision(dtype: str) -> Any:
    """A network that computes in a half precision, part of it a model of its own, and its float32 twin."""
    inner = keras.Input((8, 8, 2))
    flat = keras.layers.Flatten(dtype=dtype)(inner)
    head = keras.Model(inner, keras.layers.Dense(3, dtype=dtype)(flat), name="head")
    entry = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(2, 2, strides=2, dtype=dtype)(entry)
    return shaken(keras.Model(entry, head(x)))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_read_network_computes_in_float32_what_was_trained_in_half(
    tmp_path: Path, kind: str, dtype: str
) -> None:
    """The weights are float32 already; the converter knows no half precision."""
    twin = half_precision("float32")
    model = half_precision(dtype)
    model.set_weights(twin.get_weights())
    model.save(tmp_path / f"m{kind}")
    assert_reads_as(read_network(tmp_path / f"m{kind}"), twin)


def test_read_network_reads_keras2_in_mixed_precision(tmp_path: Path) -> None:
    """Keras 2 wrote the precision as a policy that Keras 3 does not load."""
    model = residual_network()
    root, weights = oldkeras.keras2_of(model)
    for layer in root["config"]["layers"]:
        layer["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    assert_reads_as(read_network(oldkeras.write_keras2(tmp_path / "m.h5", root, weights)), model)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "saved"])
def test_read_network_refuses_weights_that_it_would_not_read(tmp_path: Path, name: str) -> None:
    """Weights beside a model that has its own would change nothing, unsaid."""
    model, path = residual_network(), tmp_path / name
    model.save(path) if path.suffix else model.export(path, verbose=False)
    with pytest.raises(SourceModelError, match=r"no architecture \(\.json\), which --weights"):
        read_network(path, path)


@pytest.mark.parametrize("name", ["m.keras", "m.json", "saved"])
def test_read_network_refuses_a_backend_for_files_of_today(tmp_path: Path, name: str) -> None:
    """Only Keras 1 and 2 laid their kernels out by backend."""
    model, path = residual_network(), tmp_path / name
    weights = tmp_path / "m.weights.h5" if path.suffix == ".json" else None
    if weights is not None:
        path.write_text(model.to_json())
        model.save_weights(weights)
    else:
        model.save(path) if path.suffix else model.export(path, verbose=False)
    with pytest.raises(SourceModelError, match=r"Keras 1 (or|and) 2.*: leave it out"):
        read_network(path, weights, "theano")


def test_read_network_reads_arithmetic_of_keras3(tmp_path: Path) -> None:
    """Pictures brought into the range inside the network, and functions of keras.ops in its graph."""
    entry = keras.Input((12, 12, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(entry)
    x = keras.ops.relu(keras.layers.Conv2D(3, 3, padding="same")(x) + x)
    model = shaken(keras.Model(entry, keras.layers.Dense(3)(keras.ops.mean(x, (1, 2)))))
    model.save(tmp_path / "m.keras")
    assert_reads_as(read_network(tmp_path / "m.keras"), model)


def standardising_network(dtype: str = "float32", data_format: str = "channels_last") -> Any:
    """A network that subtracts the mean of its training pictures, and divides by their deviation."""
    first = data_format == "channels_first"
    shape = (3, 12, 10) if first else (12, 10, 3)
    norm = keras.layers.Normalization(axis=1 if first else -1, dtype=dtype)
    norm.adapt(3 + 5 * pictures(20, *shape))
    inner = keras.Sequential([keras.Input(shape), norm])
    entry = keras.Input(shape)
    x = (norm if first else inner)(entry)
    x = keras.layers.GlobalAveragePooling2D(data_format=data_format, dtype=dtype)(x)
    return keras.Model(entry, keras.layers.Dense(3, dtype=dtype)(x))


@pytest.mark.parametrize("kind", [".keras", ".h5"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_read_network_computes_with_what_normalization_learned(
    tmp_path: Path, kind: str, data_format: str
) -> None:
    """Keras computes with copies of its mean and variance, which setting those does not renew."""
    model = standardising_network(data_format=data_format)
    model.save(tmp_path / f"m{kind}")
    network = read_network(tmp_path / f"m{kind}")
    assert_reads_as(network, model, first=data_format == "channels_first")


def test_read_network_keeps_what_normalization_learned_in_half(tmp_path: Path) -> None:
    """The copy that computes in float32 has mean and variance too."""
    model, twin = standardising_network("mixed_float16"), standardising_network()
    twin.set_weights(model.get_weights())
    model.save(tmp_path / "m.keras")
    assert_reads_as(read_network(tmp_path / "m.keras"), twin)


def test_read_network_gives_the_cause_that_keras_gives(tmp_path: Path) -> None:
    """Not the configuration of the whole network, which Keras says first."""
    model = residual_network()
    root = json.loads(model.to_json())
    root["config"]["layers"][1]["config"]["dilation"] = 2
    (tmp_path / "m.json").write_text(json.dumps(root))
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(SourceModelError) as told:
        read_network(tmp_path / "m.json", tmp_path / "m.weights.h5")
    said = "Unrecognized keyword arguments passed to Conv2D: {'dilation': 2}"
    assert str(told.value) == f"can't read {tmp_path / 'm.json'}: {said}"


def flattened_network() -> Any:
    """Channels first, then Flatten, BatchNormalization, PReLU and two Dense layers."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3, 8, 10)),
            layers.Conv2D(5, 3, data_format="channels_first"),
            layers.PReLU(),
            layers.PReLU(shared_axes=[2, 3]),
            layers.ZeroPadding2D(((1, 0), (2, 1)), data_format="channels_first"),
            layers.Flatten(data_format="channels_last"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.PReLU(),
            layers.Dense(7, activation="relu"),
            layers.Dense(4),
        ]
    )
    return shaken(model)


def excited_network() -> Any:
    """Channels first with squeeze and excitation, and a Flatten that moves channels last itself."""
    layers = keras.layers
    entry = keras.Input((2, 9, 7))
    x = layers.Conv2D(6, 3, data_format="channels_first")(entry)
    gate = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    gate = layers.Reshape((6, 1, 1))(layers.Dense(6, activation="sigmoid")(gate))
    x = layers.Multiply()([x, gate])
    x = layers.Flatten(data_format="channels_first")(x)
    return shaken(keras.Model(entry, layers.Dense(3)(x)))


@pytest.mark.parametrize("make", [flattened_network, excited_network])
def test_to_channels_last_computes_the_same(make: Any) -> None:
    """What follows a Flatten is reordered, whatever kind of layer it is."""
    from networks.channels import to_channels_last

    model = make()
    batch = pictures(5, *model.inputs[0].shape[1:])
    np.testing.assert_allclose(
        np.asarray(to_channels_last(model)(channels_last(batch))),
        np.asarray(model(batch)),
        atol=1e-5,
    )


def test_prove_equal_refuses_a_difference() -> None:
    """Weights that differ a little are noticed, behind a softmax too."""
    from networks.channels import prove_equal, to_channels_last
    from networks.refusal import NotEqualError

    model = residual_network(data_format="channels_first")
    last = to_channels_last(model)
    last.layers[1].set_weights([w + 0.01 for w in last.layers[1].get_weights()])
    with pytest.raises(NotEqualError, match="gives other outputs than channels-first"):
        prove_equal(model, last)
