"""Names of files as OpenCV takes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeemo.filename import opencv_name

LATIN1 = os.fsdecode("café".encode("latin-1"))
"""A name from a disk of before UTF-8."""


def test_opencv_name_of_a_file_whose_name_is_text_is_its_own(tmp_path: Path) -> None:
    """Any text will do."""
    with opencv_name(tmp_path / "café.jpg") as name:
        assert name == str(tmp_path / "café.jpg")


@pytest.mark.parametrize(
    ("file", "ending"), [(f"{LATIN1}.JPG", ".JPG"), (f"a.{LATIN1}", ".caf"), (LATIN1, "")]
)
def test_opencv_name_leads_to_a_file_whose_name_is_no_text(
    tmp_path: Path, file: str, ending: str
) -> None:
    """What is read and written by it is the file; it is text with the same ending, and gone later."""
    (tmp_path / file).write_text("before")
    with opencv_name(tmp_path / file) as name:
        name.encode()
        link = Path(name)
        assert link.suffix == ending
        assert link.read_text() == "before"
        link.write_text("after")
    assert not link.parent.exists()
    assert (tmp_path / file).read_text() == "after"


def test_opencv_name_serves_a_file_that_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by the name, it is where it should be, also below the working folder."""
    monkeypatch.chdir(tmp_path)
    with opencv_name(Path(f"{LATIN1}.png")) as name:
        Path(name).write_text("new")
    assert (tmp_path / f"{LATIN1}.png").read_text() == "new"
