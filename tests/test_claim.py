"""One daemon a state directory."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from edgeemo.claim import claimed
from edgeemo.errors import InUseError
from process import run


def test_claim_is_refused_to_a_second_one_and_free_again_at_the_end(tmp_path: Path) -> None:
    """The message says what to change; the folder is made, and nothing is left in it."""
    state_dir = tmp_path / "state"
    refusal = pytest.raises(InUseError, match=r"/state: .* `state_dir`")
    with claimed(state_dir), refusal, claimed(state_dir):
        pass
    with claimed(state_dir):
        assert list(state_dir.iterdir()) == []


HOLDER = """
import sys
from pathlib import Path
from edgeemo.claim import claimed
with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_claim_goes_with_a_process_that_is_killed(tmp_path: Path) -> None:
    """The next start has it at once."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InUseError), claimed(tmp_path):
            pass
        holder.kill()
    with claimed(tmp_path):
        pass


def test_claim_that_no_disk_takes_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file where the folder should be: one warning, and the daemon goes on."""
    (tmp_path / "state").write_text("in the way")
    with caplog.at_level(logging.WARNING), claimed(tmp_path / "state"):
        pass
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_run_ends_at_once_beside_another_with_its_state_directory(tmp_path: Path) -> None:
    """One line, and an exit code after which systemd tries again: what is left of a killed one goes."""
    settings = ("device=door", "camera.source=demo", "mqtt.host=127.0.0.1", f"state_dir={tmp_path}")
    with claimed(tmp_path):
        done = run("run", *(word for one in settings for word in ("--set", one)))
    assert (done.returncode, done.stderr) == (
        1,
        f"edgeemo: another edgeemo works in {tmp_path}: give each its own `state_dir`\n",
    )
