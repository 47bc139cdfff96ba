"""Files: every frame in order at its own time, and one clear line for what can't be used."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import SIZE, plain, write_clip, write_gif
from edgeemo.errors import EndOfSource, InputError
from edgeemo.sources import frames
from edgeemo.sources.container import is_cut_short, is_still_gif
from edgeemo.sources.file import FileSource
from edgeemo.sources.reader import clip_fps, is_picture

LEVELS = (10, 60, 110, 160, 210)


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4"])
def test_file_source_gives_every_frame_of_a_video_in_order(tmp_path: Path, name: str) -> None:
    """As many frames as were written, their levels and times as written."""
    path = write_clip(tmp_path / name, LEVELS, fps=10)
    seen = list(frames(FileSource(path)))
    assert [f.index for f in seen] == [0, 1, 2, 3, 4]
    assert [f.at for f in seen] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert [f.image.mean() for f in seen] == pytest.approx(LEVELS, abs=4)
    assert {f.size for f in seen} == {SIZE}


def test_file_source_keeps_the_frame_times_of_a_gif(tmp_path: Path) -> None:
    """Each frame of a GIF is shown for its own time."""
    path = write_gif(tmp_path / "a.gif", LEVELS, (0.1, 0.2, 0.05, 0.4, 0.1))
    seen = list(frames(FileSource(path)))
    assert [f.at for f in seen] == pytest.approx([0.0, 0.1, 0.3, 0.35, 0.75], abs=1e-3)
    assert [f.image.mean() for f in seen] == pytest.approx(LEVELS, abs=2)


def test_file_source_takes_a_picture_for_one_frame(tmp_path: Path) -> None:
    """A picture is a clip of one frame at time 0."""
    cv2.imwrite(str(tmp_path / "p.png"), plain(77))
    (frame,) = frames(FileSource(tmp_path / "p.png"))
    assert (frame.at, frame.index, frame.size) == (0.0, 0, SIZE)
    assert np.array_equal(frame.image, plain(77))


def test_file_source_makes_a_grey_picture_three_channels(tmp_path: Path) -> None:
    """What comes out has blue, green and red, whatever went in."""
    cv2.imwrite(str(tmp_path / "grey.png"), plain(90)[:, :, 0])
    (frame,) = frames(FileSource(tmp_path / "grey.png"))
    assert np.array_equal(frame.image, plain(90))


def test_file_source_takes_a_folder_by_name_at_the_given_rate(tmp_path: Path) -> None:
    """Pictures of a folder follow each other by name; other files are left out."""
    for name, level in (("b.png", 2), ("a.jpg", 100), ("c.bmp", 200)):
        cv2.imwrite(str(tmp_path / name), plain(level))
    (tmp_path / "notes.txt").write_text("not a picture")
    seen = list(frames(FileSource(tmp_path, fps=4)))
    assert [f.at for f in seen] == [0.0, 0.25, 0.5]
    assert [f.image.mean() for f in seen] == pytest.approx([100, 2, 200], abs=2)


def test_file_source_in_real_time_is_live_and_due_by_the_clock(tmp_path: Path) -> None:
    """Frames bear the instant at which they are due, counted from the opening."""
    path = write_gif(tmp_path / "a.gif", LEVELS[:3], (0.1, 0.2, 0.1))
    source = FileSource(path, realtime=True, clock=lambda: 1000.0)
    assert source.live
    assert [f.at for f in frames(source)] == pytest.approx([1000.0, 1000.1, 1000.3], abs=1e-3)


def test_file_source_says_when_it_ends(tmp_path: Path) -> None:
    """After the last frame EndOfSource, each time it is asked."""
    cv2.imwrite(str(tmp_path / "p.png"), plain(1))
    source = FileSource(tmp_path / "p.png")
    source.open()
    source.read()
    for _ in range(2):
        with pytest.raises(EndOfSource, match="ended after 1 frames"):
            source.read()


def test_is_picture_knows_a_gif_for_a_clip(tmp_path: Path) -> None:
    """Newer OpenCV has a GIF decoder for pictures; it isn't used."""
    cv2.imwrite(str(tmp_path / "p.png"), plain(1))
    assert is_picture(tmp_path / "p.png")
    assert not is_picture(write_gif(tmp_path / "a.gif", [1], [0.1]))


@pytest.mark.parametrize(("levels", "is_still"), [([1], True), ([1, 2], False)])
def test_is_still_gif_knows_one_picture_from_several(
    tmp_path: Path, levels: list[int], is_still: bool
) -> None:
    """By the pictures in it; what is no GIF is none."""
    path = write_gif(tmp_path / "a.gif", levels, [0.1] * len(levels))
    assert is_still_gif(path) is is_still
    cv2.imwrite(str(tmp_path / "p.png"), plain(1))
    assert not is_still_gif(tmp_path / "p.png")


def _noise_picture(path: Path) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    return path.read_bytes()


def _half_picture(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"half{suffix}"
        content = _noise_picture(path)
        path.write_bytes(content[: len(content) // 2])
        return path

    return write


def _half_clip(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"half{suffix}"
        if suffix == ".gif":
            write_gif(path, LEVELS, [0.1] * 5)
        else:
            write_clip(path, LEVELS * 5, fps=10)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        return path

    return write


def _with(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _png(width: int, height: int) -> bytes:
    """A whole PNG that claims a size, whatever its data are enough for (RFC 2083)."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG that claims another size than its data have (ITU-T T.81, B.2.2)."""
    size = struct.pack(">HH", height, width)
    content = cv2.imencode(".jpg", plain(90))[1].tobytes()
    return re.sub(rb"(\xff\xc0...)....", lambda m: m[1] + size, content, count=1, flags=re.S)


def _folder(*names: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        for name in names:
            (folder / name).write_bytes(b"not a picture")
        return folder

    return write


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_half_picture(".jpg"), "cut short"),
        (_half_picture(".png"), "cut short"),
        (_half_picture(".webp"), "cut short"),
        (_half_clip(".avi"), "cut short"),
        (_half_clip(".mp4"), "cut short"),
        (_half_clip(".gif"), "cut short"),
        (_with("no.jpg", b"this is no picture"), "neither a picture nor a video"),
        (_with("no.mp4", b"\x00" * 4096), "neither a picture nor a video"),
        (_with("empty.jpg", b""), "is empty"),
        (_with("huge.png", _png(40_000, 40_000)), "damaged, or too large"),
        (_with("huge.jpg", _resized_jpeg(60_000, 60_000)), "damaged, or too large"),
        (_folder(), "holds no picture, nothing at all"),
        (_folder("a.txt", "b.txt"), "holds no picture, only 2 other files"),
        (_folder("broken.jpg"), "broken.jpg is not a picture"),
        (lambda folder: folder / "absent.mp4", "No such file"),
        # As a closed folder is, but for root too: asking what is there is itself an error.
        (lambda folder: folder / ("x" * 300), "File name too long"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_file_source_refuses_the_unusable_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line names the file and what is wrong with it; the decoders keep quiet."""
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        list(frames(FileSource(path)))
    message = str(caught.value)
    assert says in message
    assert str(path) in message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_file_source_says_how_much_of_a_damaged_clip_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clip that is whole by its structure and yet can't be decoded to its end is warned about."""
    path = write_clip(tmp_path / "clip.mp4", range(0, 250, 5), fps=25)
    content = bytearray(path.read_bytes())
    table = content.index(b"stsz")  # the sizes of the frames (ISO/IEC 14496-12, 8.7.3)
    content[table + 16 + 4 * 20 : table + 16 + 4 * 50] = b"\0" * 4 * 30
    path.write_bytes(content)
    count = len(list(frames(FileSource(path))))
    assert count < 45
    assert [r.getMessage() for r in caplog.records] == [
        f"{path} is damaged: {count} of 50 frames can be read"
    ]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_file_source_takes_whole_pictures_of_every_kind(tmp_path: Path, suffix: str) -> None:
    """The check for missing ends does not refuse what is whole."""
    _noise_picture(tmp_path / f"whole{suffix}")
    assert len(list(frames(FileSource(tmp_path / f"whole{suffix}")))) == 1


JPEGS = {
    "plain": [],
    "several scans": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
}


def _jpeg(kind: str, seed: int = 0) -> bytes:
    """A JPEG of noise with a thumbnail in its first segment and fill bytes behind it."""
    noise = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
    picture = cv2.imencode(".jpg", noise, JPEGS[kind])[1].tobytes()
    thumbnail = cv2.imencode(".jpg", plain(90, (16, 12)))[1].tobytes()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    return picture[:2] + segment + b"\xff\xff" + picture[2:]


@pytest.mark.parametrize("kind", JPEGS)
def test_is_cut_short_ignores_what_follows_a_whole_jpeg(tmp_path: Path, kind: str) -> None:
    """Phones append a film, in which any two bytes occur, those of a scan's start too."""
    path = tmp_path / "phone.jpg"
    path.write_bytes(_jpeg(kind) + b"\0\0\0\x18ftypmp42 \xff\xda " + bytes(1000))
    assert not is_cut_short(path)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("kept", [0.7, 0.9, 0.999])
def test_is_cut_short_misses_the_end_of_a_jpeg(tmp_path: Path, kind: str, kept: float) -> None:
    """The ends of its thumbnail and of its scans are not its own."""
    content = _jpeg(kind)
    (tmp_path / "half.jpg").write_bytes(content[: int(kept * len(content))])
    assert is_cut_short(tmp_path / "half.jpg")


@pytest.mark.parametrize("behind", [b"\n", b"\0\0", b"<!-- saved -->"])
def test_is_cut_short_ignores_what_follows_a_whole_gif(tmp_path: Path, behind: bytes) -> None:
    """Its blocks lead to its end, whatever a program has appended."""
    path = write_gif(tmp_path / "a.gif", LEVELS, [0.1] * 5)
    path.write_bytes(path.read_bytes() + behind)
    assert not is_cut_short(path)


def test_is_cut_short_misses_the_end_of_a_gif(tmp_path: Path) -> None:
    """A byte like that of the end may be the last one of a piece, too."""
    path = write_gif(tmp_path / "a.gif", LEVELS, [0.1] * 5)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x3b") + 1])
    assert is_cut_short(path)


def test_clip_fps_is_the_rate_of_the_whole_clip(tmp_path: Path) -> None:
    """As written; a usual one for a file that says none."""
    assert clip_fps(write_clip(tmp_path / "a.avi", LEVELS, fps=12)) == 12.0
    (tmp_path / "no.avi").write_bytes(b"no clip")
    assert clip_fps(tmp_path / "no.avi") == 25.0
