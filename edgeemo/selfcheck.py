"""Whether this installation can do its work at all: a face of the demo is found and classified.

    python -m edgeemo.selfcheck

The installer asks this of a new environment before it replaces the old one: packages that import
and pass `pip check` can still fail when an interpreter is built.
"""

from __future__ import annotations

import sys

from edgeemo.classifier import TFLiteClassifier
from edgeemo.config import Config
from edgeemo.errors import EdgeemoError
from edgeemo.pipeline import build_pipeline
from edgeemo.sources.demo import Stage
from edgeemo.types import Face, Frame

PICTURE_SIZE = (640, 360)
SHOWN_AT_S = 3.5
"""Seconds into the demo's play at which one calm face stands still."""


def faces_in_demo(config: Config) -> tuple[Face, ...]:
    """The faces that the detector, an interpreter and the classifier see in a picture of the demo.

    Raises:
        ModelError: the model can't be used.
        RuntimeMissingError: no runtime here can build an interpreter.
    """
    picture = Stage(PICTURE_SIZE).draw(SHOWN_AT_S)
    pipeline = build_pipeline(config, TFLiteClassifier(config.model), thorough=True)
    return pipeline.step(Frame(image=picture, at=0.0, index=0)).faces


def main() -> int:
    """Say what was seen in one line; exit code 0 if that was a face, as it should be."""
    try:
        faces = faces_in_demo(Config())
    except EdgeemoError as error:
        print(f"edgeemo: {error}", file=sys.stderr)
        return error.exit_code
    if not faces:
        print("edgeemo: no face was found in the demo, where one is", file=sys.stderr)
        return 1
    print(f"a face was found in the demo: {faces[0].label}, {faces[0].confidence:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
