"""tools/train.py from its command line to its files, on drawn faces."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="the tools need TensorFlow: pip install edgeemo[tools]")

import keras

import toyfaces
from backends import needs_torch, on_torch
from edgeemo.errors import InputError
from edgeemo.sidecar import Sidecar, sha256
from labelled.dataset import FER2013, load
from learning.checkpoint import opened, read
from learning.lesson import learn
from learning.material import examples
from learning.recipes import RECIPES
from learning.trainer import Order, Trainer
from learning.training import DivergedError
from networks.refusal import ExistsError, LabelsError, WriteError

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tools" / "train.py"


def silent(_: str) -> None:
    """Takes the lines that a run says."""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's csv of drawn faces, with votes beside it."""
    root = tmp_path_factory.mktemp("faces")
    labels = [label for label in toyfaces.VOTED for _ in range(12)]
    rows = [(label, "Training") for label in labels] + [("happy", "PublicTest")]
    toyfaces.kaggle(root / "fer.csv", rows)
    given = [("", {toyfaces.VOTED[label]: 8, "neutral": 2}) for label, _ in rows]
    toyfaces.votes(root / "votes.csv", given)
    return root


def order(faces: Path, out: Path, **options: object) -> Order:
    """A short run of our own recipe."""
    values = {"recipe": "edgeemo", "epochs": 3, "batch": 16, "precision": "float32", **options}
    return Order(data=faces / "fer.csv", ferplus=faces / "votes.csv", out=out, **values)  # type: ignore[arg-type]  # a table of options


def weights(out: Path) -> list[np.ndarray]:
    """The trained weights of a finished run."""
    trained: list[np.ndarray] = keras.models.load_model(out / "emotion.keras").get_weights()
    return trained


def last_weights(out: Path) -> list[np.ndarray]:
    """The weights after a run's last epoch, neither an average nor those of its best one."""
    with opened(out / "checkpoint.npz") as state:
        return read(state, "variable")


@pytest.fixture(scope="module")
def whole(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    learn(order(faces, out), silent)
    return out


def test_train_writes_all_that_it_promises(whole: Path) -> None:
    """Both heads as .keras with sidecars that fit, a log of every epoch, curves and confusion matrices."""
    for head in ("emotion", "fer2013"):
        model = whole / f"{head}.keras"
        sidecar = Sidecar.beside(model)
        assert sidecar.labels == FER2013
        assert sidecar.provenance["epochs"] == 3
        assert keras.models.load_model(model).output_shape == (None, 7)
        assert (whole / f"confusion-{head}.png").stat().st_size > 1000
    assert (whole / "curves.png").stat().st_size > 1000
    with (whole / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["loss"]) < float(rows[0]["loss"])


@pytest.mark.parametrize("recipe", ["edgeemo", "five-class"])
def test_train_goes_on_after_a_kill_as_if_nothing_had_been(
    faces: Path, tmp_path: Path, recipe: str
) -> None:
    """Killed in its second epoch and resumed, a run ends as one that was left alone, also where it has dropout."""
    whole = order(faces, tmp_path / "whole", recipe=recipe, size=32)
    killed = replace(whole, out=tmp_path / "killed", resume=True)
    learn(whole, silent)
    arguments = [
        *("--recipe", recipe, "--data", str(faces / "fer.csv"), "--epochs", "3", "--size", "32"),
        *("--ferplus", str(faces / "votes.csv"), "--batch", "16", "--precision", "float32"),
        *("--out", str(killed.out)),
    ]
    command = [sys.executable, str(SCRIPT), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        assert any("Epoch 2/3" in line for line in run.stdout), "it ended before its second epoch"
        run.send_signal(signal.SIGKILL)
    assert not (killed.out / "emotion.keras").exists()
    said: list[str] = []
    learn(killed, said.append)
    assert "going on after epoch 1" in said
    for kind in (weights, last_weights):
        for ours, theirs in zip(kind(killed.out), kind(whole.out), strict=True):
            assert ours == pytest.approx(theirs, abs=2e-4)


def test_train_goes_on_with_the_same_faces_only(faces: Path, whole: Path, tmp_path: Path) -> None:
    """With another seed it would learn from faces that it had held back, which stay where they are."""
    run = shutil.copytree(whole, tmp_path / "run")
    with pytest.raises(InputError, match=r"checkpoint\.npz: of other faces: go on with the --data"):
        learn(order(faces, run, resume=True, seed=2), silent)
    assert load(run / "held").keys == load(whole / "held").keys


def test_train_goes_on_with_the_same_faces_to_watch(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """One more face to watch would change what the log and the temperature mean, though not what is learned."""
    run = shutil.copytree(whole, tmp_path / "run")
    more = shutil.copytree(whole / "held", tmp_path / "more")
    toyfaces.folders(more, 1, ("sad",), seed=9)
    other = order(faces, run, resume=True, held=more, held_ferplus=whole / "held.csv")
    with pytest.raises(InputError, match=r"checkpoint\.npz: of other faces: .* --held"):
        learn(other, silent)


def test_train_does_not_overwrite_a_run(faces: Path, tmp_path: Path) -> None:
    """A second run into the same folder needs to say --resume."""
    (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(InputError, match="--resume goes on with it"):
        learn(order(faces, tmp_path), silent)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_train_says_that_a_checkpoint_is_damaged(
    content: bytes, faces: Path, tmp_path: Path
) -> None:
    """Going on with what is none names the file and the way out, before anything is learned."""
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint\.npz: not a run's checkpoint: delete it"):
        learn(order(faces, tmp_path, resume=True), silent)


def test_train_says_that_the_weights_of_a_checkpoint_are_damaged(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """What is damaged behind a sound table of contents is found as well."""
    run = shutil.copytree(whole, tmp_path / "run")
    file = run / "checkpoint.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint\.npz: not a run's checkpoint: delete it"):
        learn(order(faces, run, resume=True), silent)


def test_train_says_that_a_checkpoint_is_another_networks(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """A run can't be gone on with by another recipe."""
    run = shutil.copytree(whole, tmp_path / "run")
    with pytest.raises(InputError, match=r"checkpoint\.npz: of another network"):
        learn(order(faces, run, recipe="folders", resume=True), silent)


def test_train_asks_for_the_votes_that_it_needs(faces: Path, tmp_path: Path) -> None:
    """The recipe for both heads can't do without FER+."""
    short = Order(recipe="edgeemo", data=faces / "fer.csv", out=tmp_path)
    with pytest.raises(InputError, match="give them with --ferplus"):
        learn(short, silent)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other drawn faces to watch, in folders."""
    return toyfaces.folders(tmp_path_factory.mktemp("held"), 2, seed=9)


def test_train_merges_disgust_into_anger(tmp_path: Path, held: Path) -> None:
    """The six-class recipe, which says what it is, from folders: one label fewer, and no picture lost."""
    root = toyfaces.folders(tmp_path / "faces", 4)
    said: list[str] = []
    learn(Order("six-class", root, tmp_path / "out", held=held, epochs=1, batch=14), said.append)
    labels = Sidecar.beside(tmp_path / "out" / "emotion.keras").labels
    assert labels == ("angry", "fear", "happy", "sad", "surprise", "neutral")
    assert said[0] == "28 faces to learn from, 14 to watch"
    assert said[1].startswith("six-class: an article's nine convolutions")


def test_train_leaves_out_what_its_recipe_has_no_label_for(tmp_path: Path, held: Path) -> None:
    """The five-class recipe says so, and its run keeps a file of its best weights."""
    root = toyfaces.folders(tmp_path / "faces", 4)
    said: list[str] = []
    learn(Order("five-class", root, tmp_path / "out", held=held, epochs=1, batch=10), said.append)
    assert "data: 4 pictures of disgust left out: no such label" in said
    assert (tmp_path / "out" / "best.npz").exists()


def test_train_learns_in_colour(tmp_path: Path) -> None:
    """The colour recipe takes any label set from folders."""
    root = toyfaces.folders(tmp_path / "faces", 3, ("happy", "sad"))
    only = toyfaces.folders(tmp_path / "held", 2, ("happy", "sad"), seed=9)
    learn(Order("rgb", root, tmp_path / "out", held=only, epochs=1, batch=4), silent)
    sidecar = Sidecar.beside(tmp_path / "out" / "emotion.keras")
    assert (sidecar.labels, sidecar.channels) == (("happy", "sad"), 3)


def test_train_watches_by_the_labels_that_it_learns(tmp_path: Path) -> None:
    """A folder that only the faces to watch have moves no other label to its place, and is said."""
    root = toyfaces.folders(tmp_path / "faces", 3, ("happy", "sad"))
    more = toyfaces.folders(tmp_path / "held", 2, ("angry", "happy", "sad"), seed=9)
    said: list[str] = []
    learn(Order("rgb", root, tmp_path / "out", held=more, epochs=1, batch=4), said.append)
    assert said[0] == "held: 2 pictures of angry left out: no such label"
    assert said[1] == "6 faces to learn from, 4 to watch"


def test_train_refuses_faces_too_small_for_its_layers(tmp_path: Path) -> None:
    """Layers that leave nothing of a picture are the size's fault, in one line."""
    root = toyfaces.folders(tmp_path / "faces", 3, ("happy", "sad"))
    with pytest.raises(InputError, match=r"--size 20: rgb can.t be built for such faces: .+larger"):
        learn(Order("rgb", root, tmp_path / "out", size=20), silent)


def test_train_takes_another_size_and_colour_than_the_recipes(tmp_path: Path) -> None:
    """The network and its sidecar are for the faces that were asked for."""
    root = toyfaces.folders(tmp_path / "faces", 4, ("happy", "sad"))
    learn(Order("folders", root, tmp_path / "run", epochs=1, batch=4, size=32, channels=3), silent)
    sidecar = Sidecar.beside(tmp_path / "run" / "emotion.keras")
    assert (sidecar.width, sidecar.height, sidecar.channels) == (32, 32, 3)
    network = keras.models.load_model(tmp_path / "run" / "emotion.keras")
    assert network.input_shape == (None, 32, 32, 3)


def test_train_watches_no_face_that_it_learns_from(tmp_path: Path) -> None:
    """Faces of the training set that are to be watched are not learned from; here that leaves none."""
    root = toyfaces.folders(tmp_path / "faces", 2)
    with pytest.raises(InputError, match="no face is left to learn from"):
        learn(Order("six-class", root, tmp_path / "out", held=root, epochs=1), silent)


def test_train_learns_from_a_finished_run(faces: Path, whole: Path, tmp_path: Path) -> None:
    """A run teaches another, which then learns something else than it would alone."""
    learn(order(faces, tmp_path, teacher=(whole,)), silent)
    assert not np.allclose(weights(tmp_path)[0], weights(whole)[0], atol=2e-3)
    assert Sidecar.beside(tmp_path / "emotion.keras").provenance["teachers"] == [whole.name]


def test_train_asks_no_teacher_where_nothing_is_left_to_learn(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """A run that is over writes its files anew, also when the teacher's are gone."""
    teacher = shutil.copytree(whole, tmp_path / "teacher")
    taught = order(faces, tmp_path / "run", epochs=1, teacher=(teacher,))
    learn(taught, silent)
    first = weights(taught.out)
    (taught.out / "emotion.keras").unlink()
    shutil.rmtree(teacher)
    learn(replace(taught, resume=True), silent)
    assert all(np.array_equal(a, b) for a, b in zip(first, weights(taught.out), strict=True))


def test_train_asks_a_teacher_of_another_size(faces: Path, whole: Path, tmp_path: Path) -> None:
    """A teacher sees the faces at its own size, whatever that of the run; the network learns what it says."""
    learn(order(faces, tmp_path, size=32, epochs=1, teacher=(whole,)), silent)
    assert Sidecar.beside(tmp_path / "emotion.keras").width == 32


def test_train_refuses_a_teacher_of_other_labels(whole: Path, tmp_path: Path) -> None:
    """Its answers would be taken for those of other labels."""
    toyfaces.folders(tmp_path / "mine", 4, ("happy", "sad"))
    mine = Order("folders", tmp_path / "mine", tmp_path / "run", batch=4, teacher=(whole,))
    with pytest.raises(InputError, match=r"a teacher of 7 labels \(angry.* for a run of 2 \(happy"):
        learn(mine, silent)


@needs_torch
def test_train_on_torch_goes_on_with_tensorflow(faces: Path, tmp_path: Path) -> None:
    """A run that one backend began, the other ends: the weights and the optimizer's are the same to both."""
    begun = order(faces, tmp_path / "run", epochs=1)
    source = ["--data", str(begun.data), "--ferplus", str(begun.ferplus), "--out", str(begun.out)]
    rest = ["--recipe", "edgeemo", "--epochs", "1", "--batch", "16", "--precision", "float32"]
    on_torch([str(SCRIPT), *source, *rest])
    first = weights(begun.out)
    said: list[str] = []
    learn(order(faces, begun.out, epochs=1, resume=True), said.append)
    assert weights(begun.out)[0] == pytest.approx(first[0])
    learn(order(faces, begun.out, epochs=2, resume=True), said.append)
    assert "going on after epoch 1" in said


def test_train_starts_from_a_finished_run(faces: Path, whole: Path, tmp_path: Path) -> None:
    """At a rate of next to nothing, the network stays what the finished run made of it."""
    said: list[str] = []
    begun = order(faces, tmp_path, epochs=1, start=whole / "network.keras", rate=1e-9)
    learn(begun, said.append)
    assert any("trunk, emotion and fer2013 (angry, disgust" in line for line in said)
    assert weights(tmp_path)[0] == pytest.approx(weights(whole)[0], abs=1e-6)
    assert Sidecar.beside(tmp_path / "emotion.keras").provenance["start"] == "network.keras"


def test_train_sees_other_changes_than_the_run_that_it_starts_from(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """The same pictures in the same order, changed in the same way, would be learned by heart."""
    recipe = replace(RECIPES["edgeemo"], precision="float32")
    train = examples(load(faces / "fer.csv", ferplus=faces / "votes.csv"), recipe)

    def seen(start: Path | None) -> np.ndarray:
        run = Trainer.prepare(order(faces, tmp_path, start=start), recipe, train, train)
        return np.asarray(run.batches[0][0])

    first, second, again = (seen(start) for start in (None, *[whole / "network.keras"] * 2))
    assert not np.array_equal(first, second)
    assert np.array_equal(second, again)


def test_train_favours_a_head(faces: Path, tmp_path: Path) -> None:
    """Its loss counts in full, the other's a fifth."""
    learn(order(faces, tmp_path, epochs=1, recipe="fer2013"), silent)
    with (tmp_path / "log.csv").open() as file:
        (row,) = csv.DictReader(file)
    expected = float(row["fer2013_loss"]) + 0.2 * float(row["emotion_loss"])
    assert float(row["loss"]) == pytest.approx(expected, rel=1e-3)


def test_train_starts_with_the_labels_that_it_shares(whole: Path, tmp_path: Path) -> None:
    """A head in another order, with another label, takes over what both know; the new label begins anew."""
    toyfaces.folders(tmp_path / "mine", 4, ("happy", "angry"))
    (tmp_path / "mine" / "happy").rename(tmp_path / "mine" / "wink")
    said: list[str] = []
    mine = Order(
        "folders", tmp_path / "mine", tmp_path / "run",
        epochs=1, batch=4, start=whole / "network.keras", rate=1e-9,
    )  # fmt: skip
    learn(mine, said.append)
    assert any(line.endswith("trunk, emotion (angry)") for line in said)
    assert Sidecar.beside(tmp_path / "run" / "emotion.keras").labels == ("angry", "wink")
    old, new = weights(whole)[-2], weights(tmp_path / "run")[-2]
    assert new[:, 0] == pytest.approx(old[:, FER2013.index("angry")], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("emotion.keras", "no heads by name"),
        ("log.csv", r"log\.csv: not a Keras 3 network, or damaged: give the network\.keras of a"),
        ("absent.keras", r"absent\.keras: no such file$"),
    ],
)
def test_train_refuses_to_start_from_anything_else(
    faces: Path, whole: Path, tmp_path: Path, name: str, said: str
) -> None:
    """A network without heads by name, or a file that is none, is a user's mistake."""
    with pytest.raises(InputError, match=said):
        learn(order(faces, tmp_path, start=whole / name), silent)


def test_train_refuses_a_teacher_without_networks(faces: Path, whole: Path, tmp_path: Path) -> None:
    """A folder that is no finished run is named, before a run that could teach is asked."""
    with pytest.raises(InputError, match=r"no network.keras: is the run finished\?"):
        learn(order(faces, tmp_path / "out", teacher=(whole, tmp_path)), silent)


def test_train_refuses_a_teacher_of_one_head(faces: Path, whole: Path, tmp_path: Path) -> None:
    """A network that ships has no heads by name, whatever it is called; nothing is written before that is said."""
    (tmp_path / "one").mkdir()
    for kind in ("keras", "json"):
        shutil.copy(whole / f"emotion.{kind}", tmp_path / "one" / f"network.{kind}")
    with pytest.raises(InputError, match=r"network\.keras: has no heads by name"):
        learn(order(faces, tmp_path / "out", teacher=(tmp_path / "one",)), silent)
    assert not list((tmp_path / "out").iterdir())


def test_train_refuses_a_teacher_that_is_damaged(faces: Path, whole: Path, tmp_path: Path) -> None:
    """A network that was cut off before it was described is named in one line."""
    run = shutil.copytree(whole, tmp_path / "run")
    network = run / "network.keras"
    network.write_bytes(network.read_bytes()[:5000])
    told = Sidecar.beside(whole / "network.keras")
    told = told.model_copy(update={"sha256": sha256(network.read_bytes())})
    network.with_suffix(".json").write_text(told.to_json())
    with pytest.raises(InputError, match=r"network\.keras: not a Keras 3 network, or damaged"):
        learn(order(faces, tmp_path / "out", teacher=(run,)), silent)


@pytest.mark.parametrize("lines", [None, 0, 1, 3, 9])
def test_train_says_that_the_log_is_not_the_checkpoints(
    lines: int | None, faces: Path, whole: Path, tmp_path: Path
) -> None:
    """A log that is gone, empty, cut off or far longer would have the wrong epochs trained."""
    run = shutil.copytree(whole, tmp_path / "run")
    header, *rows = (run / "log.csv").read_text().splitlines()
    (run / "log.csv").unlink()
    if lines is not None:
        (run / "log.csv").write_text("\n".join([header, *rows, *rows, *rows][:lines]))
    with pytest.raises(InputError, match=r"log\.csv is not of this checkpoint: delete both"):
        learn(order(faces, run, resume=True), silent)


def test_train_says_that_the_log_is_cut_off_in_a_row(
    faces: Path, whole: Path, tmp_path: Path
) -> None:
    """Half a row counts as none."""
    run = shutil.copytree(whole, tmp_path / "run")
    text = (run / "log.csv").read_text()
    (run / "log.csv").write_text(text[: text.rstrip().rindex("\n") + 4])
    with pytest.raises(InputError, match=r"log\.csv is not of this checkpoint"):
        learn(order(faces, run, resume=True), silent)


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ("ferplus", "faces to learn from has votes for `emotion`: check --ferplus"),
        ("held_ferplus", "none of the 3 faces to watch has a majority for `emotion`: check"),
    ],
)
def test_train_refuses_faces_that_say_nothing_of_a_head(
    unknown: str, said: str, faces: Path, tmp_path: Path
) -> None:
    """Where every vote is for `unknown` there is nothing to learn or to judge by, which is no diverged run."""
    watched = toyfaces.kaggle(tmp_path / "held.csv", [("sad", "")] * 3, seed=5)
    known = toyfaces.votes(tmp_path / "known.csv", [("", {"sadness": 9})] * 3)
    count = 3 if unknown == "held_ferplus" else 12 * len(toyfaces.VOTED) + 1
    nothing = toyfaces.votes(tmp_path / "nothing.csv", [("", {"unknown": 9})] * count)
    given = order(faces, tmp_path / "run", held=watched, held_ferplus=known)
    with pytest.raises(InputError, match=said):
        learn(replace(given, **{unknown: nothing}), silent)  # type: ignore[arg-type]  # a table of options


def test_train_says_with_what_else_it_goes_on(faces: Path, whole: Path, tmp_path: Path) -> None:
    """Other options than the run was begun with are taken, and said, one line each."""
    run = shutil.copytree(whole, tmp_path / "run")
    said: list[str] = []
    learn(order(faces, run, resume=True, batch=8, rate=0.5, teacher=(whole,)), said.append)
    assert [line for line in said if "begun with" in line] == [
        "goes on with batch 8, begun with 16",
        "goes on with rate 0.5, begun with 1",
        f"goes on with teacher {whole.resolve()}, begun with none",
    ]


def test_train_does_not_lend_one_csvs_votes_to_another(faces: Path, tmp_path: Path) -> None:
    """Votes go by the row: those of the training csv are not those of the one to watch."""
    watched = toyfaces.kaggle(tmp_path / "held.csv", [("sad", "")] * 3, seed=5)
    with pytest.raises(
        InputError, match=r"its rows go with .*fer\.csv: give those of .* --held-ferplus"
    ):
        learn(order(faces, tmp_path / "run", held=watched), silent)


def test_train_watches_a_csv_with_votes_of_its_own(faces: Path, tmp_path: Path) -> None:
    """A second csv and its votes are what the run is judged by."""
    watched = toyfaces.kaggle(tmp_path / "held.csv", [("sad", "")] * 3, seed=5)
    votes = toyfaces.votes(tmp_path / "held-votes.csv", [("", {"sadness": 9})] * 3)
    said: list[str] = []
    given = order(faces, tmp_path / "run", epochs=1, held=watched, held_ferplus=votes)
    learn(given, said.append)
    assert any(line.endswith("faces to learn from, 3 to watch") for line in said)
    assert any("emotion.keras" in line and "on 3 held-out faces" in line for line in said)


@pytest.mark.parametrize("label", ["fröhlich", "no_face", "__MACOSX"])
def test_train_refuses_a_folder_that_can_be_no_label(tmp_path: Path, label: str) -> None:
    """What no sidecar may hold is said before anything is written or learned."""
    root = toyfaces.folders(tmp_path / "faces", 4, ("happy", "sad"))
    (root / "sad").rename(root / label)
    with pytest.raises(LabelsError, match=label.lower()):
        learn(Order("folders", root, tmp_path / "run"), silent)
    assert not (tmp_path / "run" / "held").exists()


def test_train_says_where_it_can_not_write(faces: Path, tmp_path: Path) -> None:
    """A file in the place of OUT is a user's mistake."""
    (tmp_path / "run").write_text("a file")
    with pytest.raises(WriteError, match=r"can't write .*run: File exists"):
        learn(order(faces, tmp_path / "run"), silent)


def test_train_touches_no_folder_of_the_users(faces: Path, tmp_path: Path) -> None:
    """A folder that happens to be called as a run calls its own stays as it is."""
    mine = toyfaces.folders(tmp_path / "held", 3)
    with pytest.raises(ExistsError, match=r"held was not made by a training run"):
        learn(order(faces, tmp_path), silent)
    assert len(load(mine)) == 21


def test_train_ends_when_the_run_diverges(faces: Path, tmp_path: Path) -> None:
    """At a rate that throws the weights beyond all bounds, the first epoch says so."""
    with pytest.raises(DivergedError, match="epoch 1: the network's answers are no numbers"):
        learn(order(faces, tmp_path, rate=1e30), silent)


def test_train_says_a_users_mistake_in_one_line(tmp_path: Path) -> None:
    """Missing data ends with the error's exit code and no traceback."""
    command = [sys.executable, str(SCRIPT), "--recipe", "rgb", "--data", str(tmp_path / "no")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == InputError.exit_code
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path}/no: no such file or folder"
    assert done.stdout == ""
