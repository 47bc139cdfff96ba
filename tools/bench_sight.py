#!/usr/bin/env python3
r"""Hold the eye against clips of which it is known where the faces are: a table, a row a clip.

\b
    python tools/bench_sight.py ../shared/data/clips
    python tools/bench_sight.py ../shared/data/clips --keras
    python tools/bench_sight.py FOLDER --set cadence.max_fps=5 --json

FOLDER holds clips and a faces.json: for each file name a list, frame by frame, of boxes [x, y, w, h]
in pixels. A face counts as held when its box and the true one overlap by an IoU of 0.3. With --keras
the loop's classification is what the articles do, one Keras prediction a face; else our own network.

\b
held    recall over all frames and faces       true    precision
ids     ids given / people there               mixed   ids that were given to two people
ms      CPU a frame, all of edgeemo            loop    CPU a frame, Haar 1.1 on every full frame
x       loop / ms, all and Haar alone          MB      peak memory
still   ms if its first frame is shown for 20 s; loop / that
events  whether the labels told are those of the same run with nothing skipped, and how far apart
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from command import PATH, command
from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import Config
from edgeemo.configfile import load_config
from edgeemo.errors import EdgeemoError, InputError
from edgeemo.pipeline import Look, build_pipeline
from edgeemo.types import Box, Frame
from labelled.clips import FILE, Truth, truths, watched

MIN_IOU = 0.3
STILL_S, STILL_FPS = 20.0, 12.5
KERAS_WARM_UP, KERAS_RUNS = 3, 20
COLUMNS = (
    "clip",
    "frames",
    "held",
    "true",
    "ids",
    "mixed",
    "ms",
    "loop",
    "x",
    "MB",
    "still",
    "events",
)


def watch(
    clip: Sequence[Frame], config: Config, classifier: TFLiteClassifier, *, exhaustive: bool
) -> list[Look]:
    """Every look at a clip."""
    pipeline = build_pipeline(config, classifier, exhaustive=exhaustive)
    return [pipeline.step(frame) for frame in clip]


def people(truth: Truth) -> list[list[int]]:
    """Which person each true box is of: boxes that overlap from one frame to the next are one's."""
    last: dict[int, Box] = {}
    named: list[list[int]] = []
    for boxes in truth:
        names: list[int] = []
        for box in boxes:
            free = [p for p in last if p not in names and last[p].iou(box) >= MIN_IOU]
            names.append(max(free, key=lambda p: last[p].iou(box), default=len(last)))
            last[names[-1]] = box
        named.append(names)
    return named


def pairs(look: Look, boxes: Sequence[Box]) -> Iterator[tuple[int, int]]:
    """(id, index of the true box) of every face that is held, the best overlap first."""
    overlaps = [
        (face.track.box.iou(box), face.track.id, index)
        for face in look.faces
        for index, box in enumerate(boxes)
    ]
    ids: set[int] = set()
    taken: set[int] = set()
    for overlap, face, index in sorted(overlaps, reverse=True):
        if overlap >= MIN_IOU and face not in ids and index not in taken:
            ids.add(face)
            taken.add(index)
            yield face, index


def judge(looks: Sequence[Look], truth: Truth) -> dict[str, Any]:
    """Recall, precision and identity of a clip."""
    held = shown = there = 0
    met: dict[int, set[int]] = {}
    for look, boxes, names in zip(looks, truth, people(truth), strict=True):
        found = list(pairs(look, boxes))
        held, shown, there = held + len(found), shown + len(look.faces), there + len(boxes)
        for face, index in found:
            met.setdefault(face, set()).add(names[index])
    count = len({name for names in people(truth) for name in names})
    return {
        "frames": len(looks),
        "held": held / there if there else None,
        "true": held / shown if shown else None,
        "ids": f"{len({f.track.id for look in looks for f in look.faces})}/{count}",
        "mixed": sum(len(names) > 1 for names in met.values()),
    }


def compare(looks: Sequence[Look], thorough: Sequence[Look]) -> str:
    """Whether both told the same labels in the same order, and the greatest difference in time."""
    one, other = ([e for look in run for e in look.events] for run in (looks, thorough))
    changed = [[e for e in events if e.kind == "changed"] for events in (one, other)]
    labels = [[e.label for e in events] for events in changed]
    if labels[0] != labels[1]:
        return f"{' '.join(labels[0]) or '-'} for {' '.join(labels[1]) or '-'}"
    apart = max((abs(a.at - b.at) for a, b in zip(*changed, strict=True)), default=0.0)
    return f"{len(labels[0])} same, {apart:.2f} s"


def keras_ms() -> float:
    """CPU milliseconds of one Keras prediction by the articles' five-class network, one face at a time."""
    import numpy as np  # late, as all of TensorFlow: only --keras needs it

    from learning.articles import five_class

    model = five_class((48, 48), 1, {"emotion": 5})
    face = np.zeros((1, 48, 48, 1), np.float32)
    for _ in range(KERAS_WARM_UP):
        model.predict(face, verbose=0)
    start = time.process_time()
    for _ in range(KERAS_RUNS):
        model.predict(face, verbose=0)
    return 1000 * (time.process_time() - start) / KERAS_RUNS


def measure(clip: Path, settings: Sequence[str], keras: float | None) -> dict[str, Any]:
    """What `edgeemo bench --baseline` says of a clip, in a process of its own.

    `keras` is what one prediction of the loop costs in milliseconds; None for our own network's.
    """
    command = [sys.executable, "-m", "edgeemo", "bench", str(clip), "--json", "--baseline"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EdgeemoError(done.stderr.strip())
    report = json.loads(done.stdout)
    loop = report["baseline"]["cpu_ms"]
    if keras is not None:
        predictions = report["baseline"]["faces_found"] / report["frames"]
        loop = report["baseline"]["haar"]["cpu_ms"] + predictions * keras
    return {
        "ms": report["cpu_ms"],
        "loop": loop,
        "x": f"{loop / report['cpu_ms']:.0f} {report['ratio_haar']:.0f}",
        "MB": report["peak_rss_mb"],
        "stages": report["stages_cpu_ms"],
        "read_ms": report["read"]["cpu_ms"],
    }


def stand_still(first: Frame, config: Config, classifier: TFLiteClassifier) -> float:
    """CPU milliseconds a frame while nothing moves in it."""
    pipeline = build_pipeline(config, classifier)
    count = round(STILL_S * STILL_FPS)
    start = time.process_time()
    for index in range(count):
        pipeline.step(replace(first, at=index / STILL_FPS, index=index))
    return 1000 * (time.process_time() - start) / count


def rows(folder: Path, settings: Sequence[str], keras: float | None) -> Iterator[dict[str, Any]]:
    """The figures of every clip that faces.json names.

    Raises:
        EdgeemoError: the clips or the settings can't be used.
    """
    config = load_config(None, settings, {})
    classifier = TFLiteClassifier(config.model)
    known = truths(folder)
    if not known:
        raise InputError(f"{folder / FILE} names no clip")
    for name in known:
        clip, truth = watched(folder, name, known)
        looks = watch(clip, config, classifier, exhaustive=False)
        thorough = watch(clip, config, classifier, exhaustive=True)
        costs = measure(folder / name, settings, keras)
        still = stand_still(clip[0], config, classifier)
        yield {
            "clip": name,
            **judge(looks, truth),
            **costs,
            "still": f"{still:.2f} {costs['loop'] / still:.0f}",
            "events": compare(looks, thorough),
        }


def line(row: dict[str, Any]) -> str:
    """One row of the table, in Markdown."""
    cells = (row[column] for column in COLUMNS)
    texts = (
        "-" if cell is None else f"{cell:.3g}" if isinstance(cell, float) else str(cell)
        for cell in cells
    )
    return "| " + " | ".join(texts) + " |"


@command(__doc__)
@click.argument("folder", type=PATH)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="As edgeemo run has it."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a clip instead.")
@click.option("--keras", "with_keras", is_flag=True, help="The loop asks Keras; see above.")
def main(folder: Path, settings: tuple[str, ...], *, as_json: bool, with_keras: bool) -> None:  # noqa: D103 - click takes the help from the module
    keras = keras_ms() if with_keras else None
    if keras is not None:
        click.echo(f"one Keras prediction: {keras:.1f} ms CPU\n", err=as_json)
    for index, row in enumerate(rows(folder, settings, keras)):
        if not as_json and not index:
            click.echo(line(dict(zip(COLUMNS, COLUMNS, strict=True))))
            click.echo("|" + "---|" * len(COLUMNS))
        click.echo(json.dumps(row) if as_json else line(row))


if __name__ == "__main__":
    main()
