"""tools/evaluate.py from its command line to its figures, on drawn faces and small networks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras
import tensorflow as tf

import facedata
import toyfaces
from edgeemo.errors import InputError
from edgeemo.sidecar import Sidecar, sha256
from evaluate import main
from fulldisk import small_files
from measuring.predictor import Description, load_predictor
from networks.description import labels_from
from networks.refusal import (
    LabelsError,
    NumbersError,
    PicturesError,
    ShapeError,
    SourceModelError,
    WriteError,
)

ROOT = Path(__file__).resolve().parent.parent
LABELS = ("sad", "happy", "fear")
VALUES = {"sad": 4, "happy": 3, "fear": 2}
"""Place of each label among FER2013's, which tells how bright its drawn face is."""


def by_brightness(path: Path, labels: tuple[str, ...] = LABELS, sharpness: float = 6.0) -> Path:
    """Save a network that tells drawn faces apart by the brightness of their lower edge."""
    inputs = keras.Input((48, 48, 1))
    edge = keras.layers.Cropping2D(((46, 0), (0, 0)))(inputs)
    mean = keras.layers.GlobalAveragePooling2D()(edge)
    outputs = keras.layers.Dense(len(labels), activation="softmax", name="out")(mean)
    network = keras.Model(inputs, outputs)
    centres = np.array([(40 + 25 * VALUES[label]) / 255 for label in labels])
    # -(x - c)^2 without its x^2, which all labels share: largest for the nearest centre.
    scale = sharpness * 255
    network.get_layer("out").set_weights([2 * scale * centres[None], -scale * centres**2])
    network.save(path)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that is right about every drawn face of its three labels, with a sidecar."""
    path = by_brightness(tmp_path_factory.mktemp("network") / "net.keras")
    describe(path, LABELS)
    return path


def describe(path: Path, labels: tuple[str, ...], **more: Any) -> None:
    """Write the sidecar of a model."""
    sidecar = Sidecar(
        name=path.stem, labels=labels, width=48, height=48, channels=1,
        sha256=sha256(path.read_bytes()), **more,
    )  # fmt: skip
    path.with_suffix(".json").write_text(sidecar.to_json())


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces of four labels, of which the network does not know one."""
    return toyfaces.folders(tmp_path_factory.mktemp("faces"), 5, (*LABELS, "disgust"))


def evaluate(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def figures(*arguments: object) -> dict[str, Any]:
    """What --json prints."""
    done = evaluate(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_evaluate_counts_right_answers(network: Path, faces: Path) -> None:
    """Figures by the folders' labels; faces of a label that the model lacks are said, not counted."""
    found = figures(network, "--data", faces)
    assert (found["accuracy"], found["macro_f1"], found["n"]) == (1.0, 1.0, 15)
    assert found["left_out"] == {"disgust": 5}
    assert found["labels"] == list(LABELS)
    assert found["confusion"] == [[5, 0, 0], [0, 5, 0], [0, 0, 5]]
    assert found["latency_ms"] > 0
    assert "ferplus_accuracy" not in found


def test_evaluate_adds_the_majority_protocol(network: Path, faces: Path, tmp_path: Path) -> None:
    """With votes: a wrong majority is an error, no majority is left out, contempt is said."""
    rows = [(f"happy/{i}.png", {"happiness": 6, "neutral": 4}) for i in range(3)]
    rows += [("happy/3.png", {"sadness": 10}), ("happy/4.png", {"contempt": 10})]
    rows += [("sad/0.png", {"sadness": 5, "neutral": 5}), ("sad/1.png", {"NF": 10})]
    votes = toyfaces.votes(tmp_path / "votes.csv", rows)
    found = figures(network, "--data", faces, "--ferplus", votes)
    assert (found["ferplus_accuracy"], found["ferplus_n"]) == (0.75, 4)
    assert (found["accuracy"], found["n"]) == (1.0, 15)
    assert found["left_out"] == {"disgust": 5, "contempt (by votes)": 1}
    assert found["ferplus_without_majority"] == 15  # two by their votes, 13 that have none
    assert found["ferplus_without_votes"] == 13
    assert found["problems"] == [f"{votes}: no votes for 13 of 20 pictures"]


def test_evaluate_tells_no_votes_from_no_majority(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """A row of zeros is nobody's vote, like a row that is not there; voters who disagree are something else."""
    rows = [("happy/0.png", {"happiness": 10}), ("happy/1.png", {"fear": 5, "neutral": 5})]
    rows += [(f"{label}/{i}.png", {}) for label in (*LABELS, "disgust") for i in range(2, 5)]
    page = evaluate(
        network, "--data", faces, "--ferplus", toyfaces.votes(tmp_path / "votes.csv", rows)
    ).stdout
    assert "- 1 faces left out by votes: no majority for an emotion\n" in page
    assert "- 18 faces left out by votes: nobody voted on them\n" in page


def test_evaluate_says_that_no_vote_is_of_use(network: Path, faces: Path, tmp_path: Path) -> None:
    """The keys of the majority protocol are there whenever votes were given."""
    votes = toyfaces.votes(tmp_path / "votes.csv", [("happy/0.png", {"NF": 10})])
    found = figures(network, "--data", faces, "--ferplus", votes)
    assert (found["ferplus_accuracy"], found["ferplus_n"]) == (None, 0)
    assert found["ferplus_without_majority"] == 20


def test_evaluate_takes_the_labels_of_a_model_without_sidecar(faces: Path, tmp_path: Path) -> None:
    """Any Keras file can be measured when its labels are said, in any spelling."""
    bare = by_brightness(tmp_path / "bare.keras")
    told = figures(bare, "--labels", "Sadness,Happiness,Fear", "--range", "0,1", "--data", faces)
    assert told["accuracy"] == 1.0
    wrong = figures(bare, "--labels", "happy,sad,fear", "--range", "unit", "--data", faces)
    assert wrong["accuracy"] == pytest.approx(1 / 3)
    said = evaluate(bare, "--data", faces)
    assert said.exit_code == LabelsError.exit_code
    assert "no sidecar of its own beside it; say its --labels" in said.stderr


def test_evaluate_describes_only_the_model_that_has_no_sidecar(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """Of two models, what is said of labels and range goes to the bare one; the other keeps its own."""
    bare = by_brightness(tmp_path / "bare.keras")
    told = ["--labels", "happy,sad,fear", "--range", "signed"]
    found = figures(network, bare, "--data", faces, *told)
    assert found["accuracy"] == 1.0
    assert found["second"]["accuracy"] < 0.5


def test_evaluate_does_not_take_an_architecture_for_a_sidecar(faces: Path, tmp_path: Path) -> None:
    """Keras' model.json beside model.h5 says nothing of labels."""
    bare = by_brightness(tmp_path / "model.keras")
    architecture = keras.models.load_model(bare).to_json()
    for text in (architecture, json.dumps(architecture)):
        (tmp_path / "model.json").write_text(text)
        assert figures(bare, "--labels", ",".join(LABELS), "--data", faces)["accuracy"] == 1.0


def test_evaluate_does_not_take_the_sidecar_of_a_tflite_for_its_source(
    faces: Path, tmp_path: Path
) -> None:
    """What convert.py wrote beside a Keras file of the same name describes what it made of it."""
    bare = by_brightness(tmp_path / "mine.keras")
    (tmp_path / "mine.tflite").write_bytes(b"made of it")
    describe(tmp_path / "mine.tflite", ("fear", "happy", "sad"))
    assert figures(bare, "--labels", ",".join(LABELS), "--data", faces)["accuracy"] == 1.0


def test_evaluate_takes_the_folder_that_it_is_in(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dot is a SavedModel like any other; that it has no name is no fault."""
    network = keras.models.load_model(by_brightness(tmp_path / "m.keras"))
    network.export(tmp_path / "saved", verbose=False)
    monkeypatch.chdir(tmp_path / "saved")
    assert figures(".", "--labels", ",".join(LABELS), "--data", faces)["accuracy"] == 1.0


@pytest.mark.parametrize("told", [[], ["--range", "0,1"]])
def test_evaluate_says_which_range_it_takes_unasked(
    faces: Path, tmp_path: Path, told: list[str]
) -> None:
    """Without a sidecar and without --range, that pixels are 0..1 is a guess, which is said."""
    bare = by_brightness(tmp_path / "bare.keras")
    done = evaluate(bare, "--labels", ",".join(LABELS), "--data", faces, *told)
    line = f"{bare}: without --range, measured with pixels in 0..1"
    assert (line in done.stderr.splitlines()) == (not told)


@pytest.mark.parametrize(("order", "accuracy"), [("rgb", 0.0), ("bgr", 1.0)])
def test_evaluate_feeds_the_colours_in_the_order_it_is_told(
    tmp_path: Path, order: str, accuracy: float
) -> None:
    """A network trained on OpenCV's pictures takes blue for the first colour."""
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)).save(tmp_path / "net.keras")
    for label, colour in (("blue", (255, 0, 0)), ("red", (0, 0, 255))):
        (tmp_path / "faces" / label).mkdir(parents=True)
        picture = np.full((16, 16, 3), colour, np.uint8)
        cv2.imwrite(str(tmp_path / "faces" / label / "1.png"), picture)
    told = ["--labels", "blue,green,red", "--range", "unit", "--channels", order]
    found = figures(tmp_path / "net.keras", *told, "--data", tmp_path / "faces")
    assert found["accuracy"] == accuracy


def test_evaluate_refuses_a_tflite_for_other_pictures(faces: Path, tmp_path: Path) -> None:
    """That four channels can't be fed is the network's fault, not that of the labels."""
    network = facedata.brightness_network(channels=4)
    bare = tmp_path / "four.tflite"
    bare.write_bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    done = evaluate(bare, "--labels", "a,b,c", "--data", faces)
    assert (done.exit_code, "pictures of 4 channels" in done.stderr) == (ShapeError.exit_code, True)


@pytest.mark.parametrize("labels", ["dark light", "file"])
def test_evaluate_sees_that_a_tflite_without_sidecar_gives_logits(
    tmp_path: Path, labels: str
) -> None:
    """The same probabilities as with the sidecar; the labels may stand in a file."""
    model = ROOT / "tests" / "models" / "brightness-logits.tflite"
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(model.read_bytes())
    (tmp_path / "labels.txt").write_text("\n".join(Sidecar.beside(model).labels), "utf-8-sig")
    given = (
        str(tmp_path / "labels.txt") if labels == "file" else " ".join(Sidecar.beside(model).labels)
    )
    described = load_predictor(model, Description())
    told = load_predictor(bare, Description(labels_from(given), described.sidecar.value_range))
    pictures = [np.full((24, 24), level, np.uint8) for level in (10, 90, 200)]
    assert told.sidecar.logits
    assert told.predict(pictures) == pytest.approx(described.predict(pictures), abs=1e-6)


def test_evaluate_compares_by_the_labels_that_both_know(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """A model that tells two labels apart is held against another's choice between these two."""
    fewer = by_brightness(tmp_path / "fewer.keras", ("happy", "sad"))
    describe(fewer, ("happy", "sad"))
    found = figures(network, fewer, "--data", faces)
    # Its answers for fear and the darker disgust, and theirs, have no counterpart.
    assert (found["agreement"], found["agreement_n"]) == (1.0, 10)
    page = evaluate(network, fewer, "--data", faces).stdout
    assert (
        "## Both give the same answer on 100.00% of the 10 of 20 faces "
        "that both answer with a label that the other has too\n"
    ) in page


def test_evaluate_refuses_two_models_that_share_no_label(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """They can't be held against each other, though both know labels of the data."""
    other = by_brightness(tmp_path / "other.keras", ("happy", "sad"))
    describe(other, ("disgust", "angry"))
    done = evaluate(network, other, "--data", faces)
    assert done.exit_code == LabelsError.exit_code
    assert "give no answer that both know" in done.stderr


def test_evaluate_refuses_a_network_that_answers_no_numbers(faces: Path, tmp_path: Path) -> None:
    """A training that diverged is named as the cause."""
    broken = keras.models.load_model(by_brightness(tmp_path / "nan.keras"))
    broken.set_weights([w * np.nan for w in broken.get_weights()])
    broken.save(tmp_path / "nan.keras")
    done = evaluate(tmp_path / "nan.keras", "--labels", ",".join(LABELS), "--data", faces)
    assert done.exit_code == NumbersError.exit_code
    assert "no numbers" in done.stderr


def test_evaluate_applies_the_temperature(network: Path, faces: Path, tmp_path: Path) -> None:
    """A sidecar's temperature changes how sure the answers are, not which they are."""
    calm = tmp_path / "calm.keras"
    calm.write_bytes(network.read_bytes())
    describe(calm, LABELS, temperature=8.0)
    before, after = figures(network, "--data", faces), figures(calm, "--data", faces)
    assert after["accuracy"] == before["accuracy"]
    assert after["ece"] > before["ece"] + 0.1  # all answers are right: doubt is an error here
    assert after["temperature"] == 8.0


def test_evaluate_compares_two_models(network: Path, faces: Path, tmp_path: Path) -> None:
    """Agreement by name, not by place; where they differ is counted and named."""
    turned = by_brightness(tmp_path / "turned.keras", ("happy", "fear", "sad"))
    describe(turned, ("happy", "fear", "sad"))
    assert figures(network, turned, "--data", faces)["agreement"] == 1.0
    describe(turned, ("fear", "happy", "sad"))  # says fear for happy and the other way round
    found = figures(network, turned, "--data", faces)
    # Faces of disgust are darkest: the first calls them fear, the second happy.
    assert (found["agreement"], found["agreement_n"]) == (pytest.approx(5 / 20), 20)
    page = evaluate(network, turned, "--data", faces).stdout
    assert "## Both give the same answer on 25.00% of the faces\n" in page
    assert found["differences"] == [
        {"first": "fear", "second": "happy", "n": 10},
        {"first": "happy", "second": "fear", "n": 5},
    ]
    assert found["differing"][0] == "disgust/0.png"
    assert found["second"]["accuracy"] == pytest.approx(1 / 3)


def test_evaluate_reads_the_test_splits_of_a_csv(network: Path, tmp_path: Path) -> None:
    """Of Kaggle's csv the faces that were trained on are not used, unless asked for."""
    rows = [("happy", "Training")] * 3 + [("sad", "PublicTest"), ("fear", "PrivateTest")]
    data = toyfaces.kaggle(tmp_path / "fer.csv", rows)
    assert figures(network, "--data", data)["n"] == 2
    assert figures(network, "--data", data, "--usage", "PrivateTest")["n"] == 1
    assert figures(network, "--data", data, "--usage", "Training")["n"] == 3


def test_evaluate_looks_at_copies_of_what_was_learned_apart(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """Of the 15 faces the sad ones were learned, under another name: 5 copies, all told, as are the others."""
    shutil.copytree(faces / "sad", tmp_path / "learned/happy")
    found = figures(network, "--data", faces, "--learned", tmp_path / "learned")
    assert found["copies"] == {"n": 5, "accuracy": 1.0, "others_accuracy": 1.0}
    printed = evaluate(network, "--data", faces, "--learned", faces).stdout
    assert (
        "- 15 faces are byte for byte among those it may have learned: 100.00% right of these\n"
        in printed
    )


def test_evaluate_refuses_test_faces_for_what_was_learned(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """A csv of another split than Training would leave no copy to be found."""
    table = toyfaces.kaggle(tmp_path / "test.csv", [("happy", "PublicTest")])
    done = evaluate(network, "--data", faces, "--learned", table)
    assert done.exit_code == InputError.exit_code
    assert "has other splits than Training" in done.stderr


def test_evaluate_writes_a_report(network: Path, faces: Path, tmp_path: Path) -> None:
    """A page with the table and a picture of the confusion matrix."""
    done = evaluate(network, "--data", faces, "--report", tmp_path / "page.md")
    assert done.exit_code == 0
    page = (tmp_path / "page.md").read_text()
    assert "accuracy **100.00%**" in page
    assert "- 5 faces of disgust left out: the model has no such label" in page
    assert "![page-1-labels](page-1-labels.png)" in page
    assert (tmp_path / "page-1-labels.png").stat().st_size > 1000
    assert page.startswith(done.stdout.strip()[:200])


@pytest.mark.parametrize(
    ("folder", "said"), [("{file}", "can't write {file}"), ("/proc", "can't write ")]
)
def test_evaluate_looks_at_the_place_of_its_report_first(
    network: Path, tmp_path: Path, folder: str, said: str
) -> None:
    """A place where nothing can be written is refused before the data, which are not there either, are looked for."""
    file = tmp_path / "file"
    file.write_text("")
    page = Path(folder.format(file=file)) / "page.md"
    done = evaluate(network, "--data", "nowhere", "--report", page)
    assert done.exit_code == WriteError.exit_code
    assert said.format(file=file) in done.stderr


def test_evaluate_loses_no_figure_to_a_full_disk(
    network: Path, faces: Path, tmp_path: Path
) -> None:
    """They are printed before the report, of which the picture does not fit, ends the run."""
    with small_files():
        done = evaluate(network, "--data", faces, "--report", tmp_path / "page.md")
    assert done.exit_code == WriteError.exit_code
    assert f"can't write {tmp_path}" in done.stderr
    assert "accuracy **100.00%**" in done.stdout


def test_evaluate_that_can_not_say_its_figures_ends_in_one_line(tmp_path: Path) -> None:
    """Standard output on a full disk: no traceback, and nothing more when Python ends."""
    command = [sys.executable, str(ROOT / "tools/evaluate.py"), str(ROOT / "models/emotion.tflite")]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*command, "--data", str(toyfaces.folders(tmp_path, 1))],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.returncode == WriteError.exit_code
    assert (
        done.stderr.splitlines()[-1]
        == "error: standard output can't be written: No space left on device"
    )


def test_evaluate_records_both_accuracies(network: Path, faces: Path, tmp_path: Path) -> None:
    """The second model's sidecar gets the figures of both; a second measurement replaces the first."""
    second = tmp_path / "second.keras"
    second.write_bytes(network.read_bytes())
    describe(second, ("fear", "happy", "sad"))
    for _ in range(2):
        assert evaluate(network, second, "--data", faces, "--record", "toys").exit_code == 0
    (noted,) = Sidecar.beside(second).accuracy
    assert (noted.data, noted.n, noted.float_) == ("toys", 15, 1.0)
    assert noted.int8 == pytest.approx(1 / 3)
    assert "--record needs two" in evaluate(network, "--data", faces, "--record", "x").stderr


def test_evaluate_runs_the_shipped_model(tmp_path: Path) -> None:
    """The int8 model as a program of its own: one JSON object on standard output, nothing else."""
    faces = toyfaces.folders(tmp_path, 1)
    command = [sys.executable, str(ROOT / "tools/evaluate.py"), str(ROOT / "models/emotion.tflite")]
    done = subprocess.run(
        [*command, "--data", str(faces), "--json"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["n"] == 7
    assert np.sum(found["confusion"]) == 7


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.tflite", "--data", "{faces}"], SourceModelError.exit_code, "can't read"),
        (["{network}", "--data", "nowhere"], InputError.exit_code, "no such file or folder"),
        (["{bare}", "--data", "{faces}", "--labels", "a,b"], LabelsError.exit_code, "3 outputs but 2"),
        (["{bare}", "--data", "{faces}", "--labels", "a,b,c"], PicturesError.exit_code, "none of the data"),
        (["{bare}", "--data", "{faces}", "--labels", "a,b,a"], LabelsError.exit_code, "one stands twice"),
        (["{network}", "--data", "{faces}", "--labels", "a,b,c"], 2, "are for a model without sidecar"),
        (["{network}", "--data", "{faces}", "--report", "{faces}"], WriteError.exit_code, "is a folder"),
        (["{network}", "--data", "{faces}", "--report", "{bare}/page.md"], WriteError.exit_code, "can't write"),
        (["{tflite}", "--data", "{faces}", "--labels", "a,b,c"], LabelsError.exit_code, "bare.tflite has 2 outputs but 3 labels"),
        (["{bare}", "--data", "{faces}", "--labels", "{latin}"], LabelsError.exit_code, "UTF-8, one a line"),
        (["{bare}", "--data", "{faces}", "--weights", "{latin}"], 2, "which no MODEL is: leave it out"),
        (["{tflite}", "--data", "{faces}", "--backend", "theano"], 2, "which no MODEL is: leave it out"),
        (["{bare}", "--data", "{faces}", "--backend", "theano"], SourceModelError.exit_code, "no file of Keras 1 or 2"),
        (["{network}", "{network}", "{network}", "--data", "{faces}"], 2, "one model, or two"),
    ],
)  # fmt: skip
def test_evaluate_says_a_users_mistake_in_one_line(
    network: Path, faces: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """Each mistake has its exit code and a line that names it."""
    bare, tflite, latin = (tmp_path / name for name in ("bare.keras", "bare.tflite", "latin.txt"))
    by_brightness(bare)
    tflite.write_bytes((ROOT / "tests" / "models" / "brightness-logits.tflite").read_bytes())
    latin.write_bytes("fröhlich".encode("latin-1"))
    places = {"network": network, "faces": faces, "bare": bare, "tflite": tflite, "latin": latin}
    given = [a.format(**places) for a in arguments]
    done = evaluate(*given)
    assert done.exit_code == code
    assert message in done.stderr


def test_confusion_of_many_labels_stays_a_picture(tmp_path: Path) -> None:
    """Of 300 labels the colours are shown, on a sheet no larger than that of forty."""
    from measuring import plots

    names = [f"label{number}" for number in range(300)]
    plots.confusion(np.eye(300, dtype=np.int64), names, "many", tmp_path / "many.png")
    picture = cv2.imread(str(tmp_path / "many.png"))
    assert picture is not None
    assert max(picture.shape) < 4000
