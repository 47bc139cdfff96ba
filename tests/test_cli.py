"""The command line, as a process of its own: what it prints, writes and ends with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

import edgeemo
from clips import write_gif
from edgeemo.config import bundled_model
from process import environment, run

FRAME_KEYS = {"source", "frame", "time_s", "analysed", "faces"}
FACE_KEYS = {"face", "box", "emotion", "confidence", "scores"}


def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    """The JSON lines that a successful call prints."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_version_is_the_packages() -> None:
    """`edgeemo --version` says what is installed."""
    assert run("--version").stdout.strip() == f"edgeemo, version {edgeemo.__version__}"


def test_check_says_what_will_be_done() -> None:
    """A good configuration is put into words."""
    done = run("check", "--set", "mqtt.host=broker.lan", "--set", "device=hall")
    assert done.returncode == 0, done.stderr
    assert "broker.lan:1883, topics edgeemo/hall/" in done.stdout
    assert "angry" in done.stdout


def test_check_reports_five_mistakes_at_once(tmp_path: Path) -> None:
    """Exit 2, and each of them has its line; the masked password is in none."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "camera: {rotate: 45, fps: fast}\ncadence: {min_fps: 20}\n"
        "mqtt: {hots: a, password: [hush]}\n"
    )
    done = run("check", config)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 6
    assert "hush" not in done.stderr + done.stdout
    for key in ("camera.rotate", "camera.fps", "cadence", "mqtt.hots", "mqtt.password"):
        assert f"  {key}: " in done.stderr


def test_analyze_prints_every_frame_of_a_clip(clip: Path) -> None:
    """One line a frame, in order, coasted ones too; faces have their keys and a distribution."""
    frames = lines("analyze", clip, "--json")
    assert [f["frame"] for f in frames] == list(range(160))
    assert all(f.keys() == FRAME_KEYS for f in frames)
    assert {f["analysed"] for f in frames} == {True, False}
    faces = [face for f in frames for face in f["faces"]]
    assert len({face["face"] for face in faces}) == 2
    assert len({face["emotion"] for face in faces}) >= 2
    assert all(face.keys() == FACE_KEYS for face in faces)
    assert all(sum(face["scores"].values()) == pytest.approx(1.0, abs=0.01) for face in faces)


def test_analyze_looks_at_a_still_thoroughly(still: Path) -> None:
    """A picture is seen once: its face is believed at once."""
    (frame,) = lines("analyze", still, "--json")
    assert frame["analysed"]
    assert len(frame["faces"]) == 1


def test_analyze_goes_through_a_folder(tmp_path: Path, still: Path, clip: Path) -> None:
    """Pictures and clips, by name; a broken one is named and passed over, exit 4."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.jpg").write_text("no picture")
    shutil.copy(still, folder / "b.png")
    shutil.copy(clip, folder / "c.avi")
    (folder / "notes.txt").write_text("left out")
    done = run("analyze", folder, "--json")
    assert done.returncode == 4
    assert done.stderr.count("edgeemo: ") == 1
    assert str(folder / "a.jpg") in done.stderr
    sources = [json.loads(line)["source"] for line in done.stdout.splitlines()]
    assert sources == [str(folder / "b.png")] + [str(folder / "c.avi")] * 160


def test_analyze_annotates_a_picture_and_a_clip(tmp_path: Path, still: Path, clip: Path) -> None:
    """Where it is asked for, boxes are drawn onto copies; the inputs stay as they were."""
    before = still.read_bytes(), clip.read_bytes()
    assert run("analyze", still, clip, "--annotate", tmp_path / "out").returncode == 4
    (tmp_path / "out").mkdir()
    assert run("analyze", still, clip, "--annotate", tmp_path / "out").returncode == 0
    drawn = cv2.imread(str(tmp_path / "out" / "face.png"))
    assert drawn is not None
    assert (drawn != cv2.imread(str(still))).any()
    capture = cv2.VideoCapture(str(tmp_path / "out" / "demo.avi"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 160
    assert (still.read_bytes(), clip.read_bytes()) == before


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_analyze_annotates_over_no_other_input(
    tmp_path: Path, still: Path, names: tuple[str, str]
) -> None:
    """A drawing that would take the place of another input is refused before anything is drawn."""
    for name in names:
        (tmp_path / name).mkdir()
        shutil.copy(still, tmp_path / name / "a.png")
    inputs = [tmp_path / name / "a.png" for name in names]
    done = run("analyze", *inputs, "--annotate", tmp_path / "one")
    assert done.returncode == 4
    assert f"--annotate {tmp_path / 'one' / 'a.png'}" in done.stderr
    assert [path.read_bytes() for path in inputs] == [still.read_bytes()] * 2


def test_analyze_annotates_no_two_inputs_into_one(tmp_path: Path, still: Path) -> None:
    """Equal names from two folders are refused: one drawing would replace the other."""
    for name in ("one", "two", "out"):
        (tmp_path / name).mkdir()
    inputs = [shutil.copy(still, tmp_path / name / "a.png") for name in ("one", "two")]
    done = run("analyze", *inputs, "--annotate", tmp_path / "out")
    assert done.returncode == 4
    assert "would overwrite another input or its drawing" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_analyze_annotates_a_gif_over_no_clip_beside_it(tmp_path: Path, clip: Path) -> None:
    """A GIF is drawn into an AVI, which may be the name of another input."""
    write_gif(tmp_path / "demo.gif", [10, 60], [0.1, 0.1])
    shutil.copy(clip, tmp_path / "demo.avi")
    (tmp_path / "out").mkdir()
    done = run("analyze", tmp_path / "demo.avi", tmp_path / "demo.gif", "--annotate", tmp_path)
    assert done.returncode == 4
    assert (tmp_path / "demo.avi").read_bytes() == clip.read_bytes()


def test_analyze_annotates_a_gif_of_one_picture_as_a_picture(tmp_path: Path) -> None:
    """What is looked at as a still is drawn as one, in a format that can be written."""
    gif = write_gif(tmp_path / "one.gif", [60], [0.1])
    (tmp_path / "out").mkdir()
    done = run("analyze", gif, "--annotate", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.png"]


def test_bench_compares_with_the_plain_loop(clip: Path) -> None:
    """The figures of both, and their ratio, in one JSON object."""
    (report,) = lines("bench", clip, "--json", "--baseline")
    assert report["frames"] == 160
    assert report["analysed"] + sum(report["skipped"].values()) == 160
    assert report["ratio"] == pytest.approx(
        report["baseline"]["cpu_ms"] / report["cpu_ms"], rel=0.05
    )
    assert report["baseline"]["faces_found"] > 100
    assert report["peak_rss_mb"] > 20


@pytest.mark.parametrize("what", ["events", "config"])
def test_schema_prints_a_valid_json_schema(what: str) -> None:
    """What is printed is itself a valid schema."""
    Draft202012Validator.check_schema(json.loads(run("schema", what).stdout))


def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    """Everything is looked at, the exit code is that of the first thing that is wrong."""
    done = run(
        *("doctor", "--set", "camera.source=demo", "--set", "mqtt.host=127.0.0.1"),
        *("--set", "mqtt.port=9", "--set", f"state_dir={tmp_path}"),
    )
    assert done.returncode == 6, done.stdout
    assert "ok      model" in done.stdout
    assert "ok      camera" in done.stdout
    assert "wrong   broker port" in done.stdout


@pytest.mark.parametrize("command", ["check", "doctor"])
@pytest.mark.parametrize("model", ["/nonexistent/face.tflite", str(bundled_model())])
def test_network_that_finds_no_faces_is_told(command: str, model: str, tmp_path: Path) -> None:
    """What detect.model names is tried too: not there, or of another kind, exit 3 as the daemon would."""
    done = run(
        *(command, "--set", f"detect.model={model}", "--set", f"state_dir={tmp_path}"),
        *("--set", "camera.source=demo"),
    )
    assert done.returncode == 3
    assert (
        "side by side" in done.stdout + done.stderr or "detect.model" in done.stdout + done.stderr
    )


@pytest.mark.parametrize(("source", "code"), [("rtsp://cam/1", 2), ("0", 0)])
def test_check_reads_the_password_of_a_stream_only(tmp_path: Path, source: str, code: int) -> None:
    """A file without one is a problem of the configuration where somebody would read it."""
    (tmp_path / "secret").touch()
    file = f"camera.password_file={tmp_path / 'secret'}"
    done = run("check", "--set", file, "--set", f"camera.source={source}")
    assert done.returncode == code
    said = "camera.password_file: its first line holds no password"
    assert (said in done.stderr) == (code == 2)


def test_check_reports_every_file_that_cannot_be_used(tmp_path: Path) -> None:
    """Passwords, certificates and both networks, all in one go; exit 2, as the first of them has."""
    (tmp_path / "empty").touch()
    config = tmp_path / "c.yaml"
    config.write_text(
        f"camera: {{source: 'rtsp://cam/1', password_file: {tmp_path / 'empty'}}}\n"
        f"mqtt: {{host: h, user: u, password_file: {tmp_path / 'empty'}, "
        f"tls: {{enabled: true, ca_file: {tmp_path / 'empty'}}}}}\n"
        "model: {path: /nonexistent/a.tflite}\ndetect: {model: /nonexistent/b.tflite}\n"
    )
    done = run("check", config)
    assert done.returncode == 2
    for said in ("camera.password_file: ", "mqtt.password_file: ", "mqtt.tls: ", "/a.", "/b."):
        assert said in done.stderr
    assert done.stdout == ""


def truncated(path: Path, folder: Path) -> Path:
    """The first half of a file."""
    half = folder / f"half{path.suffix}"
    content = path.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    return half


def copied_model(folder: Path) -> Path:
    """A copy of the shipped model, both files."""
    source = bundled_model()
    for suffix in (".tflite", ".json"):
        shutil.copy(source.with_suffix(suffix), folder / f"m{suffix}")
    return folder / "m.tflite"


def test_analyze_refuses_what_it_cannot_read(tmp_path: Path, still: Path, clip: Path) -> None:
    """No picture, half a picture, half a clip, an empty folder, nothing: one line each, exit 4."""
    (tmp_path / "empty").mkdir()
    noise = tmp_path / "noise.png"
    noise.write_bytes(np.random.default_rng(1).bytes(500))
    unreadable = (
        noise,
        truncated(still, tmp_path),
        truncated(clip, tmp_path),
        tmp_path / "empty",
        tmp_path / "gone.png",
        tmp_path / ("x" * 300),
    )
    for path in unreadable:
        done = run("analyze", path)
        assert done.returncode == 4
        assert str(path) in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_model_of_the_wrong_shape_is_refused(tmp_path: Path, still: Path) -> None:
    """A sidecar that does not fit the network: exit 3, in one line with both shapes."""
    model = copied_model(tmp_path)
    sidecar = json.loads(model.with_suffix(".json").read_text())
    model.with_suffix(".json").write_text(json.dumps(sidecar | {"width": 64}))
    done = run("analyze", still, "--set", f"model.path={model}")
    assert done.returncode == 3
    assert "(1, 48, 48, 1)" in done.stderr
    assert "(1, 48, 64, 1)" in done.stderr


@pytest.mark.parametrize("cut", [0, 3, 100, 20_000])
def test_damaged_model_is_refused(tmp_path: Path, still: Path, cut: int) -> None:
    """A model that was not copied whole: exit 3, no traceback, no crash."""
    model = copied_model(tmp_path)
    model.write_bytes(model.read_bytes()[:cut])
    done = run("analyze", still, "--set", f"model.path={model}")
    assert done.returncode == 3
    assert "copy both files of the model again" in done.stderr


def test_run_without_anyone_to_hear_is_refused() -> None:
    """Neither a broker nor --events nor --demo: exit 2, and what to do."""
    done = run("run", "--set", "camera.source=demo")
    assert done.returncode == 2
    assert "mqtt.host" in done.stderr
    assert "--demo" in done.stderr


def test_run_with_demo_says_once_that_a_password_can_be_read_by_others(tmp_path: Path) -> None:
    """The settings are read once, though the demo adds to them."""
    config = tmp_path / "c.yaml"
    config.write_text("mqtt: {host: 127.0.0.1, user: u, password: hush}")
    config.chmod(0o644)
    done = run("run", config, "--demo", "--events", tmp_path / "gone" / "events")
    assert done.returncode == 2
    assert done.stderr.count("holds a password") == 1
    assert "watching the demo" in done.stderr


def test_no_picture_is_written_unasked(tmp_path: Path, clip: Path) -> None:
    """With home, temporary and working folder empty, run, analyze and bench leave no file behind."""
    env = environment() | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    env.pop("XDG_STATE_HOME", None)
    for command in (
        ["run", "--set", f"camera.source={clip}", "--events", "-"],
        ["analyze", str(clip)],
        ["bench", str(clip)],
    ):
        subprocess.run(
            [sys.executable, "-m", "edgeemo", *command],
            cwd=tmp_path,
            env=env,
            check=True,
            capture_output=True,
        )
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def run_bytes(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """As `run`, where what is printed may be no text."""
    return subprocess.run(
        [sys.executable, "-m", "edgeemo", *map(str, arguments)],
        capture_output=True,
        check=False,
        env=environment() | environ,
    )


NO_TEXT = os.fsdecode("café".encode("latin-1"))
"""A file's name from a disk of before UTF-8."""


@pytest.mark.parametrize("named", ["by itself", "by its folder"])
def test_analyze_takes_files_whose_names_are_no_text(
    tmp_path: Path, still: Path, clip: Path, named: str
) -> None:
    """A picture and a clip are looked at, and named as they are, whatever the terminal's language."""
    folder = tmp_path / "old"
    folder.mkdir()
    files = [
        folder / shutil.copy(still, folder / f"{NO_TEXT}.png"),
        folder / shutil.copy(clip, folder / f"{NO_TEXT}2.avi"),
    ]
    paths = files if named == "by itself" else [folder]
    done = run_bytes("analyze", *paths, PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 0, done.stderr
    for path in files:
        assert os.fsencode(path) + b": " in done.stdout


def test_analyze_prints_a_name_that_an_encoding_can_not_spell(tmp_path: Path, still: Path) -> None:
    """Byte for byte what is no text, escaped what the encoding lacks, on both streams; no traceback."""
    name = f"é…{NO_TEXT}"
    shutil.copy(still, tmp_path / f"{name}.png")
    paths = tmp_path / f"{name}.png", tmp_path / f"{name}.gone"
    done = run_bytes("analyze", *paths, PYTHONIOENCODING="latin-1:strict")
    assert done.returncode == 4
    spelt = b"\xe9\\u2026caf\xe9"
    assert spelt + b".png: 1 frames" in done.stdout
    assert spelt + b".gone" in done.stderr
    assert b"Traceback" not in done.stderr


def test_check_says_what_will_be_done_in_any_encoding() -> None:
    """What the terminal's encoding lacks is escaped as in JSON."""
    done = run_bytes("check", "--set", "mqtt.host=x", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert b"entities  through homeassistant/\\u2026\n" in done.stdout


@pytest.mark.parametrize(("command", "code"), [("check", 0), ("chekc", 2)])
def test_command_goes_on_without_standard_error(command: str, code: int) -> None:
    """Closed, it takes what would be said there; results and the exit code stay as they are."""
    said = run_bytes(command)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "edgeemo", command],
        capture_output=True,
        check=False,
        env=environment(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, said.stdout, b"")


def test_check_names_a_file_that_it_looks_for_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    """One problem of the configuration, no traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    leave = f'rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", leave, "sh", sys.executable, "-m", "edgeemo", "check", "c.yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=gone,
        env=environment(),
    )
    assert done.returncode == 2
    assert done.stderr == (
        "edgeemo: c.yaml: 1 problem\n  can't be read: No such file or directory\n"
    )


def test_analyze_annotates_into_files_whose_names_are_no_text(
    tmp_path: Path, still: Path, clip: Path
) -> None:
    """A drawing gets the very name that it was given."""
    for path, suffix in ((still, ".png"), (clip, ".avi")):
        out = tmp_path / f"{NO_TEXT}{suffix}"
        done = run_bytes("analyze", path, "--annotate", out)
        assert done.returncode == 0, done.stderr
        assert out.stat().st_size > 0


def test_analyze_names_a_picture_that_claims_too_much_and_goes_on(
    tmp_path: Path, still: Path
) -> None:
    """A header of more pixels than OpenCV decodes: one line, exit 4, the next is looked at."""
    huge = bytearray(still.read_bytes())
    huge[16:24] = (40_000).to_bytes(4, "big") * 2  # IHDR's width and height
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(huge)
    done = run("analyze", tmp_path / "huge.png", still)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert f"{still}: 1 frames" in done.stdout


def test_analyze_passes_over_paths_that_lead_nowhere(tmp_path: Path, still: Path) -> None:
    """Missing, empty or a link to itself: each has its line, the others are looked at; exit 4."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    bad = [tmp_path / name for name in ("gone.png", "empty", "loop")]
    done = run("analyze", *bad, still)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 3
    assert all(str(path) in done.stderr for path in bad)
    assert f"{still}: 1 frames" in done.stdout


def test_analyze_annotates_into_no_link_to_itself(tmp_path: Path, still: Path) -> None:
    """It can't be written: one line, exit 4."""
    (tmp_path / "loop.png").symlink_to("loop.png")
    done = run("analyze", still, "--annotate", tmp_path / "loop.png")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1


def test_analyze_draws_a_clip_at_its_own_rate(tmp_path: Path) -> None:
    """However long its first picture is shown: the drawing is about as long as the clip."""
    gif = write_gif(tmp_path / "a.gif", [10, 60, 110, 160], [1.0, 0.04, 0.04, 0.04])
    assert run("analyze", gif, "--annotate", tmp_path / "out.avi").returncode == 0
    drawn = cv2.VideoCapture(str(tmp_path / "out.avi"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert drawn.get(cv2.CAP_PROP_FPS) > 2


def test_results_that_can_not_be_written_are_an_error_in_one_line(still: Path) -> None:
    """A full disk: no traceback, exit 1."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgeemo", "analyze", str(still), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(),
        )
    assert done.returncode == 1
    assert done.stderr == ("edgeemo: standard output can't be written: No space left on device\n")


def test_bench_refuses_to_measure_no_frames(clip: Path) -> None:
    """Exit 2, as for any other wrong use of the command line."""
    done = run("bench", clip, "--frames", "-1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_reader_that_goes_away_is_no_error(clip: Path) -> None:
    """As `head` does: no word of it, exit 0."""
    with subprocess.Popen(
        [sys.executable, "-m", "edgeemo", "analyze", str(clip), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline().startswith(b"{")
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 0
