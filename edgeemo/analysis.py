"""Pictures, clips and folders through the daemon's own pipeline, without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edgeemo.config import Config
from edgeemo.errors import InputError
from edgeemo.pipeline import Classifier, Look, Pipeline, build_pipeline
from edgeemo.sources.container import is_still_gif
from edgeemo.sources.file import FileSource
from edgeemo.sources.oriented import oriented
from edgeemo.sources.reader import PICTURE_SUFFIXES, files_in, is_folder, is_picture
from edgeemo.sources.source import frames
from edgeemo.types import Face, Frame

CLIP_SUFFIXES = (".gif", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts")


class Seen(NamedTuple):
    """One frame of an input, and what was seen in it."""

    source: Path
    frame: Frame
    look: Look

    def as_json(self) -> dict[str, Any]:
        """The object that `analyze --json` prints; boxes are [x, y, w, h] in whole pixels."""
        return {
            "source": str(self.source),
            "frame": self.look.index,
            "time_s": round(self.look.at, 3),
            "analysed": self.look.analysed,
            "faces": [face_json(face) for face in self.look.faces],
        }


def face_json(face: Face) -> dict[str, Any]:
    """A face as it is told: its track, box, mood and scores."""
    return {
        "face": face.track.id,
        "box": list(face.track.box.rounded()),
        "emotion": face.label,
        "confidence": round(face.confidence, 4),
        "scores": {label: round(value, 4) for label, value in face.scores.as_dict().items()},
    }


class Analyzer:
    """Looks at inputs one after the other with one network.

    A still is looked at thoroughly: nothing is skipped and every face believed at once. A clip is
    seen as the daemon would see it, with a fresh pipeline.
    """

    def __init__(self, config: Config, classifier: Classifier) -> None:
        self._config = config
        self._classifier = classifier
        self._thorough = build_pipeline(config, classifier, thorough=True)

    def look(self, path: Path) -> Iterator[Seen]:
        """Every frame of a picture or clip, in order, turned as the settings say of the camera's.

        Raises:
            InputError: the input can't be read.
        """
        pipeline = self._pipeline_for(path)
        for frame in frames(oriented(FileSource(path), self._config.camera)):
            yield Seen(path, frame, pipeline.step(frame))

    def _pipeline_for(self, path: Path) -> Pipeline:
        if is_still(path):
            self._thorough.reset(at=0.0)
            return self._thorough
        return build_pipeline(self._config, self._classifier)


def is_still(path: Path) -> bool:
    """Whether an input is one picture, a GIF that is not animated among them; False if it can't be read."""
    try:
        return is_picture(path) or is_still_gif(path)
    except OSError:
        return False  # whoever reads it says why it can't be read


def inputs(path: Path) -> list[Path]:
    """The files meant by a path: those of a folder are its pictures and clips, by name.

    Raises:
        InputError: it is not there or can't be looked at, or is a folder without any.
    """
    try:
        path.stat()
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error
    return files_in(path, _is_known, "picture and no clip") if is_folder(path) else [path]


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in (*PICTURE_SUFFIXES, *CLIP_SUFFIXES)
