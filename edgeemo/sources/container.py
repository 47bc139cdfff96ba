"""Whether a picture or clip is whole, told by the structure of the file.

Decoders make do with half a file: libjpeg paints the rest grey, FFmpeg ends early. The formats
say where they end, though, so that a broken download is refused before anything is made of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"
PNG_MAGIC, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
GIF_MAGIC, GIF_END = b"GIF8", b"\x3b"
TAIL = 4096
"""Bytes at the end in which a trailer is looked for: some writers pad."""


def is_gif(path: Path) -> bool:
    """Whether the file starts as a GIF does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(GIF_MAGIC)) == GIF_MAGIC


def is_cut_short(path: Path) -> bool:
    """Whether a file ends before its own structure says; False for formats not known here.

    Known: JPEG, PNG, GIF, RIFF (AVI, WebP) and the ISO base media format (MP4, MOV).

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, os.SEEK_END)
        if head.startswith(JPEG_SCAN[:1] + b"\xd8"):
            return _lacks_jpeg_end(path)
        if head.startswith(PNG_MAGIC):
            return PNG_END not in _tail(file, size)
        if head.startswith(GIF_MAGIC):
            return not _tail(file, size).rstrip(b"\0").endswith(GIF_END)
        if head.startswith(b"RIFF"):
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[4:8] == b"ftyp":
            return _atoms_end(file, size) > size
    return False


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - TAIL))
    return file.read()


def _lacks_jpeg_end(path: Path) -> bool:
    # A thumbnail inside has an end of its own: only one after the last scan's start counts.
    content = path.read_bytes()
    return content.rfind(JPEG_END) < content.rfind(JPEG_SCAN)


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
