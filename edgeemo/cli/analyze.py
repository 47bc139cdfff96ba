"""`edgeemo analyze`: pictures, clips and folders, without a broker."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from edgeemo.analysis import Analyzer, Seen, inputs, is_still
from edgeemo.annotate import CLIP_CODES, WRITABLE_SUFFIXES, annotated, open_canvas
from edgeemo.classifier import TFLiteClassifier
from edgeemo.cli.options import overrides_option, read_config
from edgeemo.errors import InputError
from edgeemo.sources.reader import clip_fps, is_folder


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a frame, on a line each.")
@click.option(
    "--annotate",
    "out",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write the picture or clip with boxes, labels and scores; a folder for several inputs.",
)
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="The settings to look with."
)
@overrides_option
def analyze(
    paths: tuple[Path, ...],
    as_json: bool,
    out: Path | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> int:
    """Send pictures and clips through the daemon's pipeline.

    An input that can't be read is named and passed over; the exit code is then 4.
    """
    config = read_config(config_path, overrides)
    files, failed = _files(paths)
    targets = _targets(files, out) if out else [None] * len(files)
    analyzer = Analyzer(config, TFLiteClassifier(config.model))
    show = _show_json if as_json else _show_text
    for path, target in zip(files, targets, strict=True):
        try:
            show(path, _drawn(analyzer.look(path), path, target))
        except InputError as error:
            failed = _pass_over(error)
    return failed


def _files(paths: tuple[Path, ...]) -> tuple[list[Path], int]:
    """The files meant by all the paths that can be used, and the exit code of those that can't."""
    files: list[Path] = []
    failed = 0
    for path in paths:
        try:
            files += inputs(path)
        except InputError as error:
            failed = _pass_over(error)
    return files, failed


def _pass_over(error: InputError) -> int:
    """Name an input that can't be read; returns the exit code for the end."""
    click.echo(f"edgeemo: {error}", err=True)
    return error.exit_code


def _show_json(_: Path, looks: Iterator[Seen]) -> None:
    for seen in looks:
        click.echo(json.dumps(seen.as_json()))


def _show_text(path: Path, looks: Iterator[Seen]) -> None:
    analysed: Counter[bool] = Counter()
    for seen in looks:
        analysed[seen.look.analysed] += 1
        for event in seen.look.events:
            click.echo(f"{path} {seen.look.at:8.2f} s  {event}")
    click.echo(f"{path}: {analysed.total()} frames, {analysed[True]} analysed")


def _drawn(looks: Iterator[Seen], path: Path, target: Path | None) -> Iterator[Seen]:
    """The same looks, each drawn onto its picture on the way if there is a target."""
    if target is None:
        yield from looks
        return
    canvas = open_canvas(target, None if is_still(path) else clip_fps(path))
    with closing(canvas):
        for seen in looks:
            canvas.add(annotated(seen.frame.image, seen.look.faces))
            yield seen


def _targets(files: list[Path], out: Path) -> list[Path]:
    """Where each drawing goes. Refused as a whole before any of them can destroy an input or another."""
    if len(files) > 1 and not is_folder(out):
        raise InputError(f"--annotate {out} should be an existing folder for {len(files)} inputs")
    targets = [_target(path, out) for path in files]
    # Unlike Path.resolve, realpath does not raise over a link that leads to itself.
    taken = {os.path.realpath(path) for path in files}
    for path, target in zip(files, targets, strict=True):
        place = os.path.realpath(target)
        if place == os.path.realpath(path):
            raise InputError(f"--annotate {target} would overwrite the input; name another place")
        if place in taken:
            raise InputError(
                f"--annotate {target}, drawn from {path}, would overwrite another input or its "
                "drawing; name another place, or call analyze once for each"
            )
        taken.add(place)
    return targets


def _target(path: Path, out: Path) -> Path:
    if not is_folder(out):
        return out
    # Not all that can be read can be written: an animated GIF becomes an AVI, one of one picture a PNG.
    known, other = (WRITABLE_SUFFIXES, ".png") if is_still(path) else (CLIP_CODES, ".avi")
    return out / (path.name if path.suffix.lower() in known else f"{path.stem}{other}")
