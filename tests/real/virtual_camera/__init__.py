"""A pytest plugin that lets the real picamera2 run on libcamera's virtual cameras.

    pytest -p real.virtual_camera tests/test_sources.py -k picamera2

What picamera2 imports for its DRM preview and for raw files, and what the virtual pipeline has no
raw stream for, is stood in for; all that brings pictures is picamera2's and libcamera's own.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Anything(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormats(metaclass=_Anything):
    """Any attribute is there: picamera2 makes a table of them."""


def stand_in(name: str, **members: object) -> None:
    """Make `import name` work."""
    module = ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


def pytest_configure() -> None:
    """Before any test is collected, since those look for cameras."""
    stand_in("kms", PixelFormats=PixelFormats)
    stand_in("pidng")
    stand_in("pidng.camdefs", Picamera2Camera=None)
    stand_in("pidng.core", PICAM2DNG=None)
    import picamera2
    from picamera2.allocators import LibcameraAllocator

    class VirtualPicamera2(picamera2.Picamera2):  # type: ignore[misc]  # it has no types
        """With buffers that the virtual pipeline can use, and without raw modes."""

        def __init__(self, number: int) -> None:
            super().__init__(number)
            self.allocator = LibcameraAllocator(self.camera)

        def _get_raw_modes(self) -> list[dict[str, Any]]:
            return [{"format": "NV12", "size": (640, 480)}]

    picamera2.Picamera2 = VirtualPicamera2
