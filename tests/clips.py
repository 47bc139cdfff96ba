"""Small pictures and clips for tests, made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (64, 48)
"""(width, height) of everything made here."""


def plain(level: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A picture of one grey, (height, width, 3)."""
    return np.full((size[1], size[0], 3), level, np.uint8)


def write_clip(path: Path, levels: Sequence[int], fps: float) -> Path:
    """A video, a plain frame a level: MJPEG in .avi, MPEG-4 in .mp4."""
    code = {".avi": "MJPG", ".mp4": "mp4v"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, SIZE)
    for level in levels:
        writer.write(plain(level))
    writer.release()
    return path


def write_gif(path: Path, levels: Sequence[int], delays_s: Sequence[float]) -> Path:
    """An animated GIF of plain frames, each shown for its own time (GIF89a, whole 1/100 s)."""
    return write_grey_gif(path, [plain(level)[:, :, 0] for level in levels], delays_s)


def write_grey_gif(
    path: Path, pictures: Sequence[NDArray[np.uint8]], delays_s: Sequence[float]
) -> Path:
    """A GIF of grey pictures of one size, (height, width), each shown for its own time."""
    size = pictures[0].shape[::-1]
    greys = bytes(level for grey in range(256) for level in (grey, grey, grey))
    parts = [b"GIF89a", struct.pack("<HHBBB", *size, 0xF7, 0, 0), greys]
    for picture, delay_s in zip(pictures, delays_s, strict=True):
        parts.append(b"\x21\xf9\x04\x00" + struct.pack("<H", round(delay_s * 100)) + b"\x00\x00")
        parts.append(b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0))
        parts.append(_lzw(picture.ravel().tolist()))
    path.write_bytes(b"".join([*parts, b"\x3b"]))
    return path


def _lzw(pixels: Sequence[int]) -> bytes:
    """GIF's image data without compression: the table is cleared before codes grow past 9 bits."""
    clear, end, width = 256, 257, 9
    codes: list[int] = []
    for start in range(0, len(pixels), 250):
        codes += [clear, *pixels[start : start + 250]]
    bits = sum(code << (width * i) for i, code in enumerate([*codes, end]))
    data = bits.to_bytes((width * (len(codes) + 1) + 7) // 8, "little")
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"\x08" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\x00"
