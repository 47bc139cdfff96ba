"""convert.py from a model file to the files that the daemon loads, and what it says when it can't."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import cv2
import numpy as np
import pytest

import facedata
import toyfaces
from facedata import LABELS
from fulldisk import small_files
from otherpython import renamed_python

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import h5py
import keras

import convert
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import ModelConfig
from edgeemo.sidecar import Sidecar, sha256
from edgeemo.types import Box
from networks import refusal
from networks.description import describe

Run = Callable[..., click.testing.Result]


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 pictures of each of three labels."""
    return facedata.write_faces(tmp_path_factory.mktemp("data") / "faces")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey Keras model for pixels in -1..1 that tells the three labels apart."""
    path = tmp_path_factory.mktemp("model") / "bright.keras"
    facedata.brightness_network().save(path)
    return path


@pytest.fixture
def run(tmp_path: Path, faces: Path, source: Path) -> Run:
    """convert.py with the three labels, the faces and an --out of its own, unless told otherwise."""

    def start(*arguments: str, model: Path = source, **options: Any) -> click.testing.Result:
        given = {
            "labels": ",".join(LABELS),
            "data": faces,
            "out": tmp_path / "out" / "m",
            **options,
        }
        flags = [part for name, value in given.items() for part in (f"--{name}", str(value))]
        return click.testing.CliRunner().invoke(convert.main, [str(model), *flags, *arguments])

    return start


def files(folder: Path) -> set[str]:
    """The names of what is in a folder, which may be absent."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_convert_writes_what_the_daemon_loads(run: Run, tmp_path: Path) -> None:
    """Model, sidecar and report; the classifier of the daemon names a dark and a light picture."""
    result = run()
    assert result.exit_code == 0, result.output
    assert files(tmp_path / "out") == {"m.tflite", "m.json", "m.report.html"}
    classifier = TFLiteClassifier(ModelConfig(path=tmp_path / "out" / "m.tflite"))
    answers = [
        classifier.classify(np.full((40, 40), level, np.uint8), [(Box(4, 4, 30, 30), 0.0)])[0].best[
            0
        ]
        for level in facedata.BRIGHTNESS.values()
    ]
    assert answers == list(LABELS)


def test_convert_finds_the_value_range(run: Run, tmp_path: Path) -> None:
    """Without --range, the range that the network is most often right with goes into the sidecar."""
    result = run()
    assert "value range found: -1..1" in result.output
    assert "recall float and int8: dark 100.0% 100.0% (n 28), even" in result.output
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").value_range == (-1.0, 1.0)


def test_convert_objects_to_a_wrong_range(run: Run, tmp_path: Path) -> None:
    """A given range is kept, but a better one is named loudly, on the page too."""
    result = run("--range", "unit", "--force")
    warning = "WARNING: the network was hardly trained on 0..1"
    assert result.exit_code == 0, result.output
    assert warning in result.output
    assert warning in (tmp_path / "out" / "m.report.html").read_text()
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").value_range == (0.0, 1.0)


def test_convert_suspects_labels_out_of_order(run: Run) -> None:
    """Answers that fit the labels in another order are pointed out with that order."""
    result = run("--range", "signed", labels="light,dark,even")
    assert (
        "WARNING: the labels look out of order; by the answers it is dark,even,light"
        in result.output
    )


def test_convert_suspects_pictures_of_another_kind(run: Run, tmp_path: Path) -> None:
    """A network that is right no more often than chance was trained for something else."""
    model = facedata.brightness_network(gain=0.0)
    model.save(tmp_path / "m.keras")
    assert (
        "WARNING: the network is hardly better than chance"
        in run(model=tmp_path / "m.keras").output
    )


def test_convert_records_accuracy_and_origin(run: Run, tmp_path: Path, source: Path) -> None:
    """The sidecar says on what data float and int8 were how good, and what it was made from."""
    run("--data-name", "noise")
    sidecar = Sidecar.beside(tmp_path / "out" / "m.tflite")
    (accuracy,) = sidecar.accuracy
    assert (accuracy.data, accuracy.n) == ("noise", 84)
    assert accuracy.int8 >= 0.99
    assert sidecar.provenance["source"] == source.name
    assert sidecar.provenance["calibration_pictures"] == 36


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_convert_takes_grey_and_colour_probabilities_and_logits(
    run: Run, tmp_path: Path, channels: int, activation: str
) -> None:
    """Whether outputs are logits is found out; either way the probabilities come out right."""
    model = facedata.brightness_network(0.0, 255.0, channels=channels, side=20)
    model.layers[-1].activation = keras.activations.get(activation)
    model.save(tmp_path / "m.keras")
    result = run(model=tmp_path / "m.keras")
    assert result.exit_code == 0, result.output
    sidecar = Sidecar.beside(tmp_path / "out" / "m.tflite")
    found = sidecar.channels, sidecar.width, sidecar.logits, sidecar.value_range
    assert found == (channels, 20, activation == "linear", (0.0, 255.0))
    assert sidecar.accuracy[0].int8 >= 0.99


@pytest.fixture
def reddish(tmp_path: Path) -> Path:
    """Pictures whose red tells the label and whose blue tells another one."""
    random = np.random.default_rng(5)
    for label, level in facedata.BRIGHTNESS.items():
        (tmp_path / "reddish" / label).mkdir(parents=True)
        for number in range(40):
            blue, red = 255 - level, level
            noise = random.normal((blue, 128, red), 15, (24, 24, 3))
            picture = np.clip(noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "reddish" / label / f"{number:02}.png"), picture)
    return tmp_path / "reddish"


@pytest.fixture
def blue_first(tmp_path: Path) -> Path:
    """A network that looks at red, which it expects last, as OpenCV has it."""
    model = facedata.brightness_network(channels=3)
    kernel, *others = model.get_weights()
    model.set_weights([kernel * np.reshape([0, 0, 3], (1, 1, 3, 1)), *others])
    model.save(tmp_path / "blue_first.keras")
    return tmp_path / "blue_first.keras"


def test_convert_finds_the_order_of_the_colours(
    run: Run, tmp_path: Path, reddish: Path, blue_first: Path
) -> None:
    """A network trained on OpenCV's pictures is right on what the daemon's camera sees."""
    result = run(model=blue_first, data=reddish)
    assert result.exit_code == 0, result.output
    assert "order of the colours found: bgr" in result.output
    classifier = TFLiteClassifier(ModelConfig(path=tmp_path / "out" / "m.tflite"))
    light_red = np.full((40, 40, 3), (59, 128, 196), np.uint8)
    assert classifier.classify(light_red, [(Box(4, 4, 30, 30), 0.0)])[0].best[0] == "light"


@pytest.mark.parametrize(("given", "objection"), [("rgb", True), ("bgr", False)])
def test_convert_keeps_the_order_that_it_is_given(
    run: Run, reddish: Path, blue_first: Path, given: str, objection: bool
) -> None:
    """A given order is used; when the other is clearly better, that is said loudly."""
    result = run("--force", model=blue_first, data=reddish, channels=given)
    assert result.exit_code == 0, result.output
    assert ("WARNING: the network was hardly trained on rgb" in result.output) == objection


def test_convert_reads_labels_from_a_file(run: Run, tmp_path: Path) -> None:
    """One label a line, spelt as the project spells them."""
    (tmp_path / "labels.txt").write_text("Dark\nEven\n\nLight\n")
    assert run(labels=tmp_path / "labels.txt").exit_code == 0
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").labels == LABELS


def test_convert_takes_the_labels_that_train_noted(
    run: Run, tmp_path: Path, faces: Path, source: Path
) -> None:
    """A network with its description beside it needs no --labels, --range or --temperature; one without says so."""
    own = tmp_path / "own.keras"
    own.write_bytes(source.read_bytes())
    arguments = [str(own), "--data", str(faces), "--out", str(tmp_path / "out" / "m")]
    result = click.testing.CliRunner().invoke(convert.main, arguments)
    assert result.exit_code == 2
    assert "--labels is needed" in result.output
    described = Sidecar(
        name="own", labels=LABELS, width=24, height=24, channels=1, value_range=(-1.0, 1.0),
        temperature=1.5, sha256=sha256(own.read_bytes()),
    )  # fmt: skip
    own.with_suffix(".json").write_text(described.to_json())
    result = click.testing.CliRunner().invoke(convert.main, arguments)
    assert result.exit_code == 0, result.output
    assert "value range found" not in result.output
    made = Sidecar.beside(tmp_path / "out" / "m.tflite")
    assert (made.labels, made.value_range, made.temperature) == (LABELS, (-1.0, 1.0), 1.5)


def test_convert_fits_the_temperature(run: Run, tmp_path: Path) -> None:
    """--temperature fit: a network that is far too unsure gets its logits multiplied."""
    facedata.brightness_network(gain=4.0).save(tmp_path / "m.keras")
    assert run("--temperature", "fit", model=tmp_path / "m.keras").exit_code == 0
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").temperature < 0.5


def test_convert_is_the_same_twice(run: Run, tmp_path: Path) -> None:
    """The same command gives the same bytes of model and sidecar."""
    first = run(out=tmp_path / "a" / "m")
    second = run(out=tmp_path / "b" / "m")
    assert (first.exit_code, second.exit_code) == (0, 0)
    for name in ("m.tflite", "m.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_convert_checks_with_another_python(run: Run, tmp_path: Path) -> None:
    """The runtime of another Python runs the result too, and is named."""
    result = run("--verify-python", str(renamed_python(tmp_path / "python", "another")))
    assert result.exit_code == 0, result.output
    assert re.search("runs on .*another ai-edge-litert", result.output)


def refuses(result: click.testing.Result, error: type[Exception], message: str) -> None:
    """Assert one line that contains `message`, and the exit code of `error`."""
    assert result.exit_code == error.exit_code, result.output  # type: ignore[attr-defined]
    (line,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert line == result.output.splitlines()[-1]
    assert message in line


def test_convert_refuses_a_wrong_number_of_labels(run: Run) -> None:
    """One label too few."""
    refuses(run(labels="dark,light"), refusal.LabelsError, "2 labels (dark, light) for 3 outputs")


def test_convert_refuses_labels_that_can_not_be(run: Run) -> None:
    """A label twice, or one that stands for something else."""
    refuses(run(labels="dark,dark,light"), refusal.LabelsError, "dark, dark, light: labels: one")
    refuses(run(labels="dark,even,uncertain"), refusal.LabelsError, "labels: uncertain is reserved")


def test_convert_refuses_a_wrong_number_of_channels(run: Run, tmp_path: Path) -> None:
    """A network for four channels can't be fed from a camera."""
    facedata.brightness_network(channels=4).save(tmp_path / "m.keras")
    refuses(run(model=tmp_path / "m.keras"), refusal.ShapeError, "pictures of 4 channels")


@pytest.mark.parametrize("flags", [[], ["--range", "signed"]])
def test_convert_refuses_a_network_that_answers_no_numbers(
    run: Run, tmp_path: Path, flags: list[str]
) -> None:
    """No value range mends a training that diverged."""
    broken = facedata.brightness_network()
    broken.set_weights([w * np.nan for w in broken.get_weights()])
    broken.save(tmp_path / "nan.keras")
    result = run(*flags, model=tmp_path / "nan.keras")
    assert result.exit_code == refusal.NumbersError.exit_code, result.output
    assert files(tmp_path / "out") == set()


def test_convert_refuses_two_outputs(run: Run, tmp_path: Path) -> None:
    """A network with two heads."""
    entry = keras.Input((24, 24, 1))
    flat = keras.layers.Flatten()(entry)
    heads = [keras.layers.Dense(3)(flat), keras.layers.Dense(1)(flat)]
    keras.Model(entry, heads).save(tmp_path / "m.keras")
    refuses(run(model=tmp_path / "m.keras"), refusal.ShapeError, "1 inputs and 2 outputs")


@pytest.mark.parametrize("labels", ["happy", "happy,sad"])
def test_convert_refuses_one_output(run: Run, tmp_path: Path, labels: str) -> None:
    """A sigmoid for yes or no, whether one label is given for it or two."""
    head = keras.layers.Dense(1, activation="sigmoid")
    one = keras.Sequential([keras.Input((24, 24, 1)), keras.layers.Flatten(), head])
    one.save(tmp_path / "m.keras")
    result = run(model=tmp_path / "m.keras", labels=labels)
    refuses(result, refusal.ShapeError, "one output: needed are two or more, one a label; make a")


@pytest.mark.parametrize(("labels", "told"), [((), "not given"), (("happy",), "happy")])
def test_describe_asks_for_two_labels(labels: tuple[str, ...], told: str) -> None:
    """In words of its own, for every tool that describes a network."""
    with pytest.raises(refusal.LabelsError, match=f"^labels {told}: needed are two or more"):
        describe(labels, (24, 24, 1), name="m")


def test_convert_refuses_an_open_size(run: Run, tmp_path: Path) -> None:
    """A network for pictures of any size has none to crop to."""
    entry = keras.Input((None, None, 1))
    x = keras.layers.GlobalAveragePooling2D()(entry)
    keras.Model(entry, keras.layers.Dense(3)(x)).save(tmp_path / "m.keras")
    refuses(run(model=tmp_path / "m.keras"), refusal.ShapeError, "all but the batch fixed")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.json"])
def test_convert_refuses_a_file_cut_off(run: Run, tmp_path: Path, name: str) -> None:
    """The first half of a model file."""
    model = facedata.brightness_network()
    path = tmp_path / name
    if name == "m.json":
        path.write_text(model.to_json())
    else:
        model.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    options = {"weights": path} if name == "m.json" else {}
    refuses(run(model=path, **options), refusal.SourceModelError, str(path))


def test_convert_refuses_a_missing_file(run: Run, tmp_path: Path) -> None:
    """No file of that name."""
    refuses(run(model=tmp_path / "m.keras"), refusal.SourceModelError, "no such file")


def test_convert_refuses_what_is_no_model(run: Run, tmp_path: Path) -> None:
    """A text file, and an empty folder."""
    (tmp_path / "m.txt").write_text("hello")
    refuses(
        run(model=tmp_path / "m.txt"), refusal.SourceModelError, "not a model file; allowed: .keras"
    )
    (tmp_path / "empty").mkdir()
    refuses(run(model=tmp_path / "empty"), refusal.SourceModelError, "no saved_model.pb")


def test_convert_asks_for_the_other_half(run: Run, tmp_path: Path) -> None:
    """Weights without their architecture, and an architecture without its weights."""
    model = facedata.brightness_network()
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = []
    refuses(run(model=tmp_path / "w.h5"), refusal.SourceModelError, "give its .json as SOURCE")
    (tmp_path / "m.json").write_text(model.to_json())
    refuses(run(model=tmp_path / "m.json"), refusal.SourceModelError, "with --weights")


def test_convert_refuses_weights_of_another_model(run: Run, tmp_path: Path) -> None:
    """An architecture for grey with the weights for colour."""
    facedata.brightness_network(channels=3).save(tmp_path / "colour.h5")
    (tmp_path / "m.json").write_text(facedata.brightness_network().to_json())
    result = run(model=tmp_path / "m.json", weights=tmp_path / "colour.h5")
    refuses(result, refusal.SourceModelError, "have shapes 3x3x3x2")


def rewritten(model: Any, path: Path, **changes: Any) -> Path:
    """A legacy .h5 of a model with its first convolution's entry in the file changed."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        root = json.loads(file.attrs["model_config"])
        root["config"]["layers"][1] |= changes
        file.attrs["model_config"] = json.dumps(root)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_name": "CapsuleLayer"}, "is a CapsuleLayer, which Keras"),
        ({"class_name": "Lambda"}, "is a Lambda: its Python code is not run from a file"),
    ],
)
def test_convert_refuses_an_unsupported_layer(
    run: Run, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    """A layer that Keras lacks, and one that is made of code."""
    path = rewritten(facedata.brightness_network(), tmp_path / "m.h5", **changes)
    refuses(run(model=path), refusal.UnsupportedLayerError, message)


def test_convert_refuses_a_lambda_of_keras3(run: Run, tmp_path: Path) -> None:
    """Code in a .keras file is not run either."""
    entry = keras.Input((24, 24, 1))
    x = keras.layers.Lambda(lambda t: t * 2)(entry)
    keras.Model(entry, keras.layers.Dense(3)(keras.layers.Flatten()(x))).save(tmp_path / "m.keras")
    refuses(run(model=tmp_path / "m.keras"), refusal.UnsupportedLayerError, "is a Lambda")


def test_convert_refuses_an_empty_folder(run: Run, tmp_path: Path) -> None:
    """No pictures at all: there is nothing to calibrate with."""
    (tmp_path / "none").mkdir()
    result = run(data=tmp_path / "none")
    assert result.exit_code == 4
    assert result.output.splitlines()[-1].startswith(f"error: {tmp_path / 'none'}")


@pytest.fixture
def unlabelled(tmp_path: Path, faces: Path) -> Path:
    """The same faces in one folder, without a word about what they show."""
    folder = tmp_path / "unlabelled"
    folder.mkdir()
    for number, path in enumerate(sorted(faces.rglob("*.png"))):
        (folder / f"{number}.png").write_bytes(path.read_bytes())
    return folder


def test_convert_takes_pictures_without_labels(run: Run, tmp_path: Path, unlabelled: Path) -> None:
    """They calibrate, stratified by the network's own answers; no accuracy is claimed of them."""
    result = run(data=unlabelled, range="signed")
    assert result.exit_code == 0, result.output
    assert "the pictures have no labels" in result.output
    assert "the same answer on 100.00%" in result.output
    sidecar = Sidecar.beside(tmp_path / "out" / "m.tflite")
    assert sidecar.accuracy == ()
    assert sidecar.provenance["calibration_pictures"] == 36


def test_convert_takes_votes_for_labels(run: Run, tmp_path: Path, unlabelled: Path) -> None:
    """Pictures in one folder are labelled by the votes on each: range and accuracy are found by them."""
    shown = [{"sadness": 10}] * 40 + [{"neutral": 10}] * 40 + [{"happiness": 10}] * 40
    rows = [(f"{number}.png", votes) for number, votes in enumerate(shown)]
    table = toyfaces.votes(tmp_path / "votes.csv", rows)
    result = run(data=unlabelled, ferplus=table, labels="sad,neutral,happy")
    assert result.exit_code == 0, result.output
    assert "the pictures have no labels" not in result.output
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").accuracy[0].int8 >= 0.99


@pytest.mark.parametrize("options", [{}, {"range": "signed", "temperature": "fit"}])
def test_convert_asks_for_what_labels_would_tell(
    run: Run, tmp_path: Path, unlabelled: Path, options: dict[str, str]
) -> None:
    """Range and temperature can't be found on pictures without labels."""
    result = run(data=unlabelled, **options)
    assert result.exit_code == refusal.PicturesError.exit_code
    missing = "temperature" if options else "range"
    assert f"pictures without labels can't tell the {missing}: give --{missing}" in result.output
    assert files(tmp_path / "out") == set()


def test_convert_refuses_pictures_of_other_labels(run: Run, tmp_path: Path) -> None:
    """Folders by names that the model does not have."""
    (facedata.write_faces(tmp_path / "other") / "dark").rename(tmp_path / "other" / "black")
    result = run(data=tmp_path / "other", labels="a,b,c")
    refuses(result, refusal.PicturesError, "none of the pictures' labels (black, even, light)")


def test_convert_refuses_too_few_pictures(run: Run, tmp_path: Path) -> None:
    """Two of each label can't both calibrate and judge."""
    few = facedata.write_faces(tmp_path / "few", per_label=2)
    refuses(run(data=few), refusal.PicturesError, "6 pictures are too few")


def test_convert_overwrites_only_when_asked(run: Run, tmp_path: Path) -> None:
    """Files that are there stay as they are without --overwrite."""
    kept = tmp_path / "out" / "m.json"
    kept.parent.mkdir()
    kept.write_text("mine")
    refuses(run(), refusal.ExistsError, "exists: choose another --out")
    assert (kept.read_text(), files(kept.parent)) == ("mine", {"m.json"})
    assert run("--overwrite").exit_code == 0
    assert Sidecar.beside(tmp_path / "out" / "m.tflite").labels == LABELS


def test_convert_never_overwrites_its_source(run: Run, tmp_path: Path) -> None:
    """An architecture beside which the sidecar of the same name would go, even with --overwrite."""
    path = tmp_path / "m.json"
    path.write_text("{}")
    result = run("--overwrite", model=path, out=tmp_path / "m")
    refuses(result, refusal.ExistsError, "is read and would be written")
    assert path.read_text() == "{}"


def test_convert_refuses_a_loss_and_names_layers(run: Run, tmp_path: Path) -> None:
    """More loss than allowed: nothing is written, and the layers with most error are named."""
    result = run("--max-drop", "-1")
    refuses(result, refusal.AccuracyLossError, "nothing was written")
    assert "most error in " in result.output
    assert files(tmp_path / "out") == set()
    assert run("--max-drop", "-1", "--force").exit_code == 0
    assert "Worst layers" in (tmp_path / "out" / "m.report.html").read_text()


def test_convert_refuses_a_python_without_runtime(run: Run, tmp_path: Path) -> None:
    """An interpreter that can't run the result, and one that is not there."""
    result = run("--verify-python", str(tmp_path / "python"))
    refuses(result, refusal.RuntimeMismatchError, "can't check with")
    assert files(tmp_path / "out") == set()


def test_convert_refuses_a_full_disk(run: Run, tmp_path: Path) -> None:
    """A file that can't grow past 4 kB stands for the full disk: one line, and nothing is left."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(64), keras.layers.Dense(3)]
    big = keras.Sequential([keras.Input((24, 24, 1)), *layers])
    big.save(tmp_path / "m.keras")
    (tmp_path / "out").mkdir()
    with small_files():
        result = run("--force", model=tmp_path / "m.keras")
    refuses(result, refusal.WriteError, os.strerror(27))
    assert files(tmp_path / "out") == set()


def test_convert_says_what_a_range_may_be(run: Run) -> None:
    """A range of no kind."""
    result = run("--range", "0-255")
    assert result.exit_code == 2
    assert "allowed are unit, signed, bytes, standard or LOW,HIGH" in result.output


def test_convert_does_not_replace_what_it_reads_of_the_source(
    run: Run, tmp_path: Path, source: Path
) -> None:
    """train.py's description lies where the model's own would go."""
    own = tmp_path / "own.keras"
    own.write_bytes(source.read_bytes())
    described = Sidecar(
        name="own", labels=LABELS, width=24, height=24, channels=1, sha256=sha256(own.read_bytes())
    ).to_json()
    own.with_suffix(".json").write_text(described)
    result = run("--overwrite", model=own, out=tmp_path / "own")
    assert result.exit_code == refusal.ExistsError.exit_code
    assert own.with_suffix(".json").read_text() == described


def test_convert_replaces_what_it_made_of_the_source_before(
    run: Run, tmp_path: Path, source: Path
) -> None:
    """Beside its source a model may be made again: the description there is its own."""
    own = tmp_path / "own.keras"
    own.write_bytes(source.read_bytes())
    for flags in ([], ["--overwrite"]):
        result = run(*flags, model=own, out=tmp_path / "own")
        assert result.exit_code == 0, result.output


def test_convert_takes_the_folder_that_it_is_in(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dot is a SavedModel like any other; that it has no name is no fault."""
    facedata.brightness_network().export(tmp_path / "saved", verbose=False)
    monkeypatch.chdir(tmp_path / "saved")
    refuses(run(model=Path(), labels="dark,light"), refusal.LabelsError, "for 3 outputs")


def test_convert_refuses_a_seed_that_is_none(run: Run) -> None:
    """A wrong command line, before anything is read."""
    result = run("--seed", "-1")
    assert (result.exit_code, "'--seed': -1 is not in the range" in result.output) == (2, True)


def test_convert_asks_for_a_name(run: Run, tmp_path: Path) -> None:
    """A folder's own dot is no name for files."""
    result = run(out="/")
    assert result.exit_code == 2
    assert "needs a name, as in models/mine" in result.output
