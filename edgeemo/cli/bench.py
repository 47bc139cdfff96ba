"""`edgeemo bench`: what a frame costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edgeemo import bench as measuring
from edgeemo.classifier import TFLiteClassifier
from edgeemo.cli.options import overrides_option, read_config
from edgeemo.sources import frames


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--baseline", is_flag=True, help="Also the plain loop, on the same frames.")
@click.option(
    "--frames",
    "limit",
    type=click.IntRange(min=1),
    default=900,
    show_default=True,
    help="At most so many.",
)
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="The settings.")
@overrides_option
def bench(
    path: str,
    as_json: bool,
    baseline: bool,
    limit: int,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Measure processor time a frame on PATH: a clip, a folder of pictures, or `demo`."""
    config = read_config(config_path, (*overrides, f"camera.source={path}"))
    report = measuring.bench(
        config,
        TFLiteClassifier(config.model),
        lambda: frames(measuring.repeatable_source(config.camera)),
        limit=limit,
        with_baseline=baseline,
    )
    click.echo(json.dumps(report) if as_json else "\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    skipped = ", ".join(f"{n} {cause}" for cause, n in report["skipped"].items()) or "none"
    yield f"{report['frames']} frames, {report['analysed']} analysed, skipped: {skipped}"
    refused = ", ".join(f"{n} {cause}" for cause, n in report["refused"].items()) or "none"
    yield f"{report['faces']} faces; candidates refused: {refused}"
    yield _cost("a frame", report)
    for stage, cpu_ms in report["stages_cpu_ms"].items():
        yield f"  {stage:<12}{cpu_ms:9.3f} ms CPU"
    yield _cost("reading it", report["read"])
    yield f"peak memory   {report['peak_rss_mb']:9.1f} MB"
    if baseline := report.get("baseline"):
        yield _cost("plain loop", baseline)
        yield _cost("  Haar", baseline["haar"])
        yield _cost("  classify", baseline["classify"])
        yield f"the plain loop costs {report['ratio']} times as much, its Haar {report['ratio_haar']} times"


def _cost(name: str, cost: dict[str, Any]) -> str:
    return f"{name:<14}{cost['cpu_ms']:9.3f} ms CPU {cost['wall_ms']:9.3f} ms wall"
