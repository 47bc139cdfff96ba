"""Whether a picture or clip is whole, told by the structure of the file.

Decoders make do with half a file: libjpeg paints the rest grey, FFmpeg ends early. The formats
say where they end, though, so that a broken download is refused before anything is made of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

JPEG_MAGIC, JPEG_END = b"\xff\xd8", 0xD9
JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
"""In a scan FF 00 stands for the byte FF; before a marker FF may be repeated."""
JPEG_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers without a segment: TEM, the restarts within a scan, and another start of a picture."""
PNG_MAGIC, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
GIF_MAGIC = b"GIF8"
GIF_EXTENSION, GIF_PICTURE, GIF_END = b"\x21", b"\x2c", b"\x3b"
TAIL = 4096
"""Bytes at the end in which a trailer is looked for: some writers pad."""


def is_gif(path: Path) -> bool:
    """Whether the file starts as a GIF does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(GIF_MAGIC)) == GIF_MAGIC


def is_still_gif(path: Path) -> bool:
    """Whether a file is a GIF of one picture, which is not animated. Raises OSError."""
    return is_gif(path) and _walk_gif(path.read_bytes()).pictures == 1


def is_cut_short(path: Path) -> bool:
    """Whether a file ends before its own structure says; False for formats not known here.

    Known: JPEG, PNG, GIF, RIFF (AVI, WebP) and the ISO base media format (MP4, MOV).

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, os.SEEK_END)
        if head.startswith(JPEG_MAGIC):
            return _lacks_jpeg_end(path.read_bytes())
        if head.startswith(PNG_MAGIC):
            return PNG_END not in _tail(file, size)
        if head.startswith(GIF_MAGIC):
            return not _walk_gif(path.read_bytes()).is_whole
        if head.startswith(b"RIFF"):
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[4:8] == b"ftyp":
            return _atoms_end(file, size) > size
    return False


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - TAIL))
    return file.read()


def _lacks_jpeg_end(content: bytes) -> bool:
    """Whether the markers of a JPEG don't lead to its end (ITU-T T.81, B.1).

    A thumbnail, which has an end of its own, lies within a segment, and a film that a phone has
    appended lies behind the end: neither is looked at.
    """
    position = len(JPEG_MAGIC)
    while marker := JPEG_MARKER.search(content, position):
        code, position = marker[1][0], marker.end()
        if code == JPEG_END:
            return False
        if code not in JPEG_ALONE:
            position += int.from_bytes(content[position : position + 2], "big")
    return True


class _Gif(NamedTuple):
    pictures: int
    is_whole: bool


def _walk_gif(content: bytes) -> _Gif:
    """How many pictures a GIF holds, and whether its blocks lead to its end (GIF89a, sections 17 to 27).

    What lies behind the end is not looked at.
    """
    position, count = 13 + _color_table_bytes(content[10:11]), 0
    while (kind := content[position : position + 1]) in (GIF_EXTENSION, GIF_PICTURE):
        if kind == GIF_PICTURE:
            count += 1
            position += 11 + _color_table_bytes(content[position + 9 : position + 10])
        else:
            position += 2
        position = _after_blocks(content, position)
    return _Gif(count, kind == GIF_END)


def _color_table_bytes(flags: bytes) -> int:
    """How long the table is that follows a descriptor with these flags."""
    packed = flags[0] if flags else 0
    return 3 * 2 ** ((packed & 0x07) + 1) if packed & 0x80 else 0


def _after_blocks(content: bytes, position: int) -> int:
    """Where a row of blocks ends: each begins with its length, the last is empty."""
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return position + 1


def _atoms_end(file: BinaryIO, size: int) -> int:
    """Where the last of the top-level atoms ends: each begins with its length (ISO/IEC 14496-12)."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:  # reaches to the end of the file, whatever that is
            return size
        position += max(length, 8)
    return position
