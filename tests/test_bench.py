"""What a frame costs: that both passes see the same ones."""

from __future__ import annotations

from itertools import islice

import pytest

from edgeemo.bench import repeatable_source
from edgeemo.config import CameraConfig
from edgeemo.sources import frames


def test_repeatable_source_leaves_no_frame_of_the_demo_out() -> None:
    """However slow its reader is: a rate that none can follow gives every frame of the play."""
    config = CameraConfig(source="demo", width=160, height=120, fps=240.0)
    seen = list(islice(frames(repeatable_source(config)), 60))
    assert [frame.at for frame in seen] == pytest.approx([i / 240 for i in range(60)])
