"""Labelled faces from folders, Kaggle's csv and FER+ votes, and what is said of faulty ones."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import toyfaces
from edgeemo.errors import InputError
from labelled.dataset import FER2013, Faces, canonical, load, relabel, without_copies
from labelled.ferplus import COLUMNS
from learning.keeping import MARK, keep

NOBODY = 65534


def test_load_takes_the_labels_from_the_folders(tmp_path: Path) -> None:
    """Every folder is a label, every picture in it one face."""
    faces = load(toyfaces.folders(tmp_path, 2, ("sad", "happy")))
    assert (faces.names, faces.labels.tolist()) == (("happy", "sad"), [0, 0, 1, 1])
    assert faces.keys == ("happy/0.png", "happy/1.png", "sad/0.png", "sad/1.png")
    assert faces.problems == ()


def test_load_puts_folders_of_one_emotion_together(tmp_path: Path) -> None:
    """Spellings of the same emotion are one label."""
    toyfaces.folders(tmp_path, 1, ("angry",))
    (tmp_path / "angry").rename(tmp_path / "Anger")
    toyfaces.folders(tmp_path, 1, ("angry",))
    assert load(tmp_path).names == ("angry",)


def test_load_lists_every_fault_of_a_folder(tmp_path: Path) -> None:
    """A broken picture, an empty, an absurd one, one that is gone and an empty label do not end the reading."""
    toyfaces.folders(tmp_path, 1, ("happy",))
    (tmp_path / "happy" / "broken.png").write_bytes(b"no picture at all")
    (tmp_path / "happy" / "empty.jpg").write_bytes(b"")
    (tmp_path / "happy" / "folder.png").mkdir()
    (tmp_path / "happy" / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "happy" / "huge.pgm").write_bytes(b"P5 9999999 9999999 255\n")
    (tmp_path / "sad").mkdir()
    faces = load(tmp_path)
    assert len(faces) == 1
    assert faces.problems == (
        f"{tmp_path}/happy/broken.png: not a readable picture",
        f"{tmp_path}/happy/empty.jpg: not a readable picture",
        f"{tmp_path}/happy/gone.png: not a readable picture",
        f"{tmp_path}/happy/huge.pgm: not a readable picture",
        f"{tmp_path}/sad: no picture of this label",
    )


def test_load_says_what_it_passes_over(tmp_path: Path) -> None:
    """Files of other names and linked folders are a line a folder; hidden files and Windows' own are none."""
    folder = toyfaces.folders(tmp_path / "faces", 1, ("angry",)) / "angry"
    for name in ("a.gif", "b.GIF", "notes.txt", "face", ".hidden", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"something")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "c.gif").write_bytes(b"something")
    (folder / "more").symlink_to(toyfaces.folders(tmp_path / "others", 1, ("angry",)))
    assert load(tmp_path / "faces").problems == (
        f"{folder}: 4 files that are no pictures by their names (.gif, no suffix, .txt) left out",
        f"{folder}: 1 linked folders left out (such as more): move or copy them here",
    )


def test_load_shows_few_of_many_suffixes(tmp_path: Path) -> None:
    """A folder of numbered files is one line of bearable length."""
    folder = toyfaces.folders(tmp_path, 1, ("angry",)) / "angry"
    for number in range(9):
        (folder / f"face.{number}").write_bytes(b"something")
    (problem,) = load(tmp_path).problems
    assert problem.endswith("by their names (.0, .1, .2, .3, .4, ...) left out")


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".ppm", ".pnm"])
def test_load_reads_what_opencv_reads(tmp_path: Path, suffix: str) -> None:
    """Rarer names of the same formats are pictures too."""
    folder = toyfaces.folders(tmp_path, 1, ("angry",)) / "angry"
    written = "x.jpg" if suffix == ".jfif" else f"x{suffix}"
    cv2.imwrite(str(folder / written), np.full((9, 9, 3), 7, np.uint8))
    (folder / written).rename(folder / f"x{suffix}")
    assert (len(load(tmp_path)), load(tmp_path).problems) == (2, ())


def test_load_keeps_colours_when_asked(tmp_path: Path) -> None:
    """A colour picture is grey by default and blue-green-red on demand."""
    (tmp_path / "happy").mkdir()
    cv2.imwrite(str(tmp_path / "happy" / "1.png"), np.full((20, 30, 3), (10, 20, 30), np.uint8))
    assert load(tmp_path).pictures[0].shape == (20, 30)
    assert load(tmp_path, color=True).pictures[0][0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "no such file or folder"),
        (lambda path: path.mkdir(), "needs one folder per label"),
        (lambda path: (path / "happy").mkdir(parents=True), "no usable picture"),
        (lambda path: path.write_text("a,b\n1,2\n"), "no column emotion, pixels; found a, b"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "can't decode"),
    ],
)
def test_load_says_what_is_wrong_with_the_whole(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]  # lambdas of a table
    """Data of which nothing can be used is one clear error."""
    make(tmp_path / "data")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "data")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be read by whom the process works as meanwhile: not as root, who may all."""
    folder = toyfaces.folders(tmp_path / "locked", 1, ("happy",))
    folder.chmod(0)
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    yield folder
    os.seteuid(own)
    folder.chmod(0o700)


def test_load_says_that_a_folder_may_not_be_read(locked: Path) -> None:
    """It names the folder and the reason."""
    with pytest.raises(InputError, match=f"can't read {locked}: Permission denied"):
        load(locked)


def test_load_reads_kaggles_csv(tmp_path: Path) -> None:
    """Labels by their number, pixels as a square, and only the wanted split."""
    rows = [("happy", "Training"), ("sad", "PublicTest"), ("fear", "Training")]
    path = toyfaces.kaggle(tmp_path / "fer.csv", rows)
    faces = load(path, usage="Training")
    assert faces.names == FER2013
    assert faces.labels.tolist() == [3, 2]
    assert faces.keys == ("0", "2")
    expected = toyfaces.draw("happy", np.random.default_rng(0))
    assert np.array_equal(faces.pictures[0], expected)


def test_load_lists_every_fault_of_a_csv(tmp_path: Path) -> None:
    """Bad rows and labels without a picture are listed; the rest is read."""
    good = " ".join(["7"] * 64)
    lines = [
        "emotion,pixels,Usage",
        *(f"{label},{good},Training" for label in range(6)),
        "9," + good + ",Training",
        "x," + good + ",Training",
        "1,1 2 3,Training",
        "1," + good[:-1] + "300,Training",
        "1",
        "1," + good[:-1] + "9" * 20 + ",Training",
    ]
    path = tmp_path / "fer.csv"
    path.write_text("\n".join(lines))
    faces = load(path)
    assert len(faces) == 6
    assert [p.removeprefix(f"{path}: ") for p in faces.problems] == [
        "row 6: emotion is 9; allowed: 0 to 6",
        "row 7: emotion and pixels must be whole numbers",
        "row 8: 3 pixels are no square picture",
        "row 9: pixels must be 0 to 255",
        "row 10: emotion and pixels must be whole numbers",
        "row 11: emotion and pixels must be whole numbers",
        "no picture of neutral",
    ]


def test_load_takes_large_pictures_from_a_csv(tmp_path: Path) -> None:
    """A row is as long as its picture wants it to be."""
    path = tmp_path / "large.csv"
    path.write_text("emotion,pixels\n3," + " ".join(["200"] * 192 * 192))
    assert load(path).pictures[0].shape == (192, 192)


@pytest.mark.parametrize(
    ("usages", "said"),
    [
        (("Training", "PublicTest"), "no split Test; there are PublicTest, Training"),
        (("", ""), "has no column Usage, so no split Test to take"),
    ],
)
def test_load_refuses_a_split_that_is_not_there(
    tmp_path: Path, usages: tuple[str, str], said: str
) -> None:
    """A slip in its name never means all faces, or a riddle."""
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", usage) for usage in usages])
    with pytest.raises(InputError, match=said):
        load(path, usage="Test")


def test_load_matches_votes_by_path(tmp_path: Path) -> None:
    """A FER+ csv with paths is matched to the folder; a picture that it lacks has no votes."""
    root = toyfaces.folders(tmp_path / "faces", 2, ("happy",))
    table = toyfaces.votes(tmp_path / "votes.csv", [("happy/1.png", {"happiness": 9, "NF": 1})])
    faces = load(root, ferplus=table)
    assert faces.votes is not None
    assert faces.votes.tolist() == [[0] * 10, [0, 9, 0, 0, 0, 0, 0, 0, 0, 1]]
    assert faces.problems == (f"{table}: no votes for 1 of 2 pictures",)


def test_load_matches_votes_row_by_row(tmp_path: Path) -> None:
    """A FER+ csv without paths goes with Kaggle's rows, also when a split is picked."""
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training"), ("sad", "PublicTest")])
    table = toyfaces.votes(tmp_path / "v.csv", [("", {"fear": 3}), ("", {"sadness": 8})])
    faces = load(path, ferplus=table, usage="PublicTest")
    assert faces.votes is not None
    assert faces.votes.tolist() == [[0, 0, 0, 8, 0, 0, 0, 0, 0, 0]]


def ferplus_table(path: Path, usages: Sequence[str]) -> Path:
    """FER+'s own csv, ten votes for fear a row, with the split of each."""
    fear = [10 if column == "fear" else 0 for column in COLUMNS]
    rows = [[usage, f"fer{number:07}.png", *fear] for number, usage in enumerate(usages)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["Usage", "Image name", *COLUMNS], *rows])
    return path


def test_load_takes_ferplus_own_table(tmp_path: Path) -> None:
    """Its rows are in the same splits as Kaggle's."""
    usages = ("Training", "PublicTest")
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", usage) for usage in usages])
    faces = load(path, ferplus=ferplus_table(tmp_path / "v.csv", usages))
    assert faces.votes is not None
    assert faces.votes[:, COLUMNS.index("fear")].tolist() == [10, 10]


@pytest.mark.parametrize(
    ("usages", "said"),
    [
        (["Training"] * 3, "3 rows of votes for 2 of pictures"),
        (["Training"], "1 rows of votes for 2 of pictures"),
        (["PublicTest", "Training"], "row 0 is of PublicTest, that of its picture of Training"),
    ],
)
def test_load_refuses_votes_of_other_rows(tmp_path: Path, usages: list[str], said: str) -> None:
    """A csv that lacks rows, or has them otherwise, would give pictures the votes of others."""
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training"), ("sad", "PublicTest")])
    with pytest.raises(InputError, match=said):
        load(path, ferplus=ferplus_table(tmp_path / "v.csv", usages))


def test_load_refuses_votes_for_other_pictures(tmp_path: Path) -> None:
    """Votes of which none fits are the wrong file, not a detail."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    table = toyfaces.votes(tmp_path / "votes.csv", [("other/1.png", {"fear": 3})])
    said = r"for none of the pictures \(such as happy/0.png\); its first path is other/1.png$"
    with pytest.raises(InputError, match=said):
        load(root, ferplus=table)


def test_load_refuses_votes_by_row_for_a_folder(tmp_path: Path) -> None:
    """Without paths nothing tells which picture a row is of."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    table = toyfaces.votes(tmp_path / "votes.csv", [("", {"fear": 3})])
    with pytest.raises(InputError, match=r"\(such as happy/0.png\); it has no column path$"):
        load(root, ferplus=table)


def test_load_lists_rows_of_votes_that_go_nowhere(tmp_path: Path) -> None:
    """Rows of pictures that are not there, and rows that a later one of the same picture takes the place of."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    names = ["happy/0.png", "sad/7.png", "./happy/0.png", "happy/0.png", "sad/8.png"]
    rows = [(name, {"fear": number}) for number, name in enumerate(names)]
    table = toyfaces.votes(tmp_path / "votes.csv", rows)
    faces = load(root, ferplus=table)
    assert faces.votes is not None
    assert faces.votes[:, COLUMNS.index("fear")].tolist() == [3]
    assert faces.problems == (
        f"{table}: 2 rows of no readable picture (such as sad/7.png)",
        f"{table}: 1 pictures in more than one row, of which the last counts (such as happy/0.png)",
    )


@pytest.mark.parametrize("before", ["{root}", "faces", "./faces"])
def test_load_matches_votes_by_paths_from_elsewhere(tmp_path: Path, before: str) -> None:
    """Paths in full, and paths that begin with the folder's own name."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    written = f"{before.format(root=root)}/happy/0.png"
    faces = load(root, ferplus=toyfaces.votes(tmp_path / "v.csv", [(written, {"happiness": 9})]))
    assert faces.votes is not None
    assert (faces.votes.sum(), faces.problems) == (9, ())


@pytest.mark.parametrize("written", ["happy\\0.png", "./happy/0.png", ".\\happy\\0.png"])
def test_load_matches_votes_by_paths_of_other_systems(tmp_path: Path, written: str) -> None:
    """A csv from Windows has backslashes, one made by `find` a dot in front."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    table = toyfaces.votes(tmp_path / "votes.csv", [(written, {"happiness": 9})])
    faces = load(root, ferplus=table)
    assert faces.votes is not None
    assert faces.votes.tolist() == [[0, 9, 0, 0, 0, 0, 0, 0, 0, 0]]


def test_load_takes_votes_as_pandas_writes_them(tmp_path: Path) -> None:
    """A column that ever had a gap in it is one of floats."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    row = ",".join("9.0" if column == "happiness" else "0.0" for column in COLUMNS)
    (tmp_path / "votes.csv").write_text(f"path,{','.join(COLUMNS)}\nhappy/0.png,{row}\n")
    faces = load(root, ferplus=tmp_path / "votes.csv")
    assert faces.votes is not None
    assert faces.votes.tolist() == [[0, 9, 0, 0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("vote", ["", "x", "0.5", "-1", "nan", "inf", "1e300"])
def test_load_says_what_is_wrong_with_all_votes(tmp_path: Path, vote: str) -> None:
    """The end names the first fault: it is not that the pictures are others."""
    root = toyfaces.folders(tmp_path / "faces", 1, ("happy",))
    row = ",".join([vote] * len(COLUMNS))
    (tmp_path / "votes.csv").write_text(f"path,{','.join(COLUMNS)}\nhappy/0.png,{row}\n")
    with pytest.raises(InputError, match=r"; row 0: votes must be whole numbers, 0 or more$"):
        load(root, ferplus=tmp_path / "votes.csv")


def test_relabel_merges_and_reorders(tmp_path: Path) -> None:
    """Disgust becomes anger; the order is the wanted one; what has no place, or no picture, is said."""
    faces = load(toyfaces.folders(tmp_path, 2, ("angry", "disgust", "fear")))
    merged = relabel(faces, ("fear", "angry"), {"disgust": "angry"})
    assert merged.names == ("fear", "angry")
    assert merged.labels.tolist() == [1, 1, 1, 1, 0, 0]
    few = relabel(faces, ("fear", "happy"))
    assert len(few) == 2
    assert few.problems == (
        "2 pictures of angry left out: no such label",
        "2 pictures of disgust left out: no such label",
        "no picture of happy",
    )


def test_without_copies_drops_what_stands_in_the_test() -> None:
    """A picture that is byte for byte in the other set goes, a similar one stays."""
    same, near = np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8)
    train = Faces([same, near], np.array([0, 0]), ("a",), ("1", "2"))
    test = Faces([same], np.array([0]), ("a",), ("3",))
    assert without_copies(train, test).keys == ("2",)


def test_split_holds_a_share_of_every_label(tmp_path: Path) -> None:
    """The split is stratified, complete, and the same for a seed."""
    faces = load(toyfaces.folders(tmp_path, 10, ("happy", "sad")))
    rest, held = faces.split(0.3, seed=5)
    assert np.bincount(held.labels).tolist() == [3, 3]
    assert sorted(rest.keys + held.keys) == sorted(faces.keys)
    assert faces.split(0.3, seed=5)[1].keys == held.keys
    assert faces.split(0.3, seed=6)[1].keys != held.keys


@pytest.mark.parametrize(("pictures", "held"), [(1, 0), (2, 1), (12, 4), (50, 10), (400, 14)])
def test_split_spares_what_few_pictures_there_are(pictures: int, held: int) -> None:
    """Of a small label up to a third is held, so that there is something to judge by; never its only picture."""
    blank = [np.zeros((8, 8), np.uint8)] * pictures
    keys = tuple(map(str, range(pictures)))
    faces = Faces(blank, np.zeros(pictures, np.int64), ("a",), keys)
    assert len(faces.split(0.035, seed=1)[1]) == held


def test_stack_brings_pictures_to_one_shape() -> None:
    """Any size, grey or colour, becomes (n, height, width, channels) in red-green-blue."""
    colour = np.full((10, 10, 3), (1, 2, 3), np.uint8)
    faces = Faces([colour, np.full((9, 4), 7, np.uint8)], np.array([0, 0]), ("a",), ("1", "2"))
    stacked = faces.stack((6, 8), 3)
    assert stacked.shape == (2, 8, 6, 3)
    assert stacked[0, 0, 0].tolist() == [3, 2, 1]
    assert stacked[1, 0, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Anger", "angry"),
        (" Happiness ", "happy"),
        ("neutral", "neutral"),
        ("Very Sad", "very_sad"),
    ],
)
def test_canonical_spells_labels_alike(given: str, name: str) -> None:
    """Spellings that people use come out as this project's."""
    assert canonical(given) == name


def test_keep_writes_faces_that_load_reads_back(tmp_path: Path) -> None:
    """Folders and votes written from a csv give the same faces, labels and votes."""
    path = toyfaces.kaggle(tmp_path / "fer.csv", [("happy", "Training"), ("sad", "Training")])
    table = toyfaces.votes(tmp_path / "v.csv", [("", {"fear": 3}), ("", {"sadness": 8})])
    faces = load(path, ferplus=table)
    keep(faces, tmp_path / "held")
    again = load(tmp_path / "held", ferplus=tmp_path / "held.csv")
    assert again.keys == ("happy/0.png", "sad/1.png")
    assert [again.names[i] for i in again.labels] == ["happy", "sad"]
    assert np.array_equal(again.pictures, faces.pictures)
    assert np.array_equal(again.votes, faces.votes)  # type: ignore[arg-type]  # both have votes


def test_keep_replaces_what_an_earlier_run_kept(tmp_path: Path) -> None:
    """No face of another choice stays behind; pictures of one name in two formats both go in."""
    faces = load(toyfaces.folders(tmp_path / "faces", 2, ("happy",)))
    keep(faces, tmp_path / "held")
    renamed = replace(faces, keys=("happy/1.png", "happy/1.jpg"))
    keep(renamed, tmp_path / "held")
    kept = load(tmp_path / "held")
    assert kept.keys == ("happy/happy/1.jpg.png", "happy/happy/1.png")


def test_keep_can_be_cut_off_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while the earlier faces are removed, their mark first, it still knows them for its own."""

    def killed(path: Path, **_: object) -> None:
        if (path / MARK).exists():
            (path / MARK).unlink()
            raise KeyboardInterrupt

    faces = load(toyfaces.folders(tmp_path / "faces", 2, ("happy",)))
    keep(faces, tmp_path / "out" / "held")
    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        keep(faces, tmp_path / "out" / "held")
    monkeypatch.undo()
    keep(faces, tmp_path / "out" / "held")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["held"]
    assert len(load(tmp_path / "out" / "held")) == 2
