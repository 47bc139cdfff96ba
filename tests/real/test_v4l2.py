"""A real V4L2 device without a camera: the kernel's vivid, in an emulated machine.

    .venv/bin/pytest -m slow tests/real/test_v4l2.py

Needs root, mmdebstrap, kmod, cpio and qemu-system-x86.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from real import kernel

pytestmark = [pytest.mark.real, pytest.mark.slow]

COMMAND = """
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 || exit 1
python3 -m pytest --noconftest -p no:cacheprovider --color=no -q -k "v4l2 or auto or describe" \\
    tests/test_sources.py tests/test_sources_v4l2.py
"""
TIMEOUT_S = 1200


@pytest.mark.timeout(2 * TIMEOUT_S)
def test_v4l2_keeps_the_contract_of_sources(tmp_path: Path) -> None:
    """The contract suite and V4L2's own tests pass in it, none of the latter skipped."""
    kernel.build(tmp_path, ("vivid",))
    code, told = kernel.run(tmp_path, COMMAND, TIMEOUT_S)
    assert code == 0, told
    assert "virtual camera" not in told, told
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None, told
    assert int(passed.group(1)) > 30, told
