"""The description that travels with a model: NAME.json beside NAME.tflite.

Written by the converter, checked by the loader: labels in order, input, value range, crop margin,
digest, accuracy, provenance. Scale, zero point and dtype are not in it: they come from the tensor.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgeemo.errors import ModelError
from edgeemo.types import NO_FACE, UNCERTAIN

Share = Annotated[float, Field(ge=0.0, le=1.0)]
LABEL_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"


class Accuracy(BaseModel):
    """Share of right answers on named pictures, of the float model and of the int8 one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    n: int = Field(ge=1)
    float_: Share = Field(alias="float")
    int8: Share


class Sidecar(BaseModel):
    """What a model file can't say of itself. Version 1 of the format."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=1, ge=1, le=1)
    name: str
    labels: tuple[Annotated[str, Field(pattern=LABEL_PATTERN)], ...] = Field(min_length=2)
    """One label an output, in order."""
    width: int = Field(ge=8, le=512)
    height: int = Field(ge=8, le=512)
    """Input in pixels."""
    channels: int
    """1 for grey, 3 for red-green-blue."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """What pixel values 0 and 255 become."""
    standardize: bool = False
    """Whether each picture is then shifted and scaled to mean 0 and deviation 1."""
    margin: float = Field(default=0.0, ge=-0.4, le=1.0)
    """Added on every side of the detector's box before cropping, as a share of its side."""
    logits: bool = False
    """Whether the outputs still need a softmax."""
    temperature: float = Field(default=1.0, gt=0.0, le=20.0)
    """Divides the logits before the softmax (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"); with probabilities as outputs, their logarithms."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    accuracy: tuple[Accuracy, ...] = ()
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Where it came from: source, tool versions, data, seed."""

    @model_validator(mode="after")
    def _check(self) -> Sidecar:
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}; allowed: 1 (grey), 3 (colour)")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: one stands twice")
        if reserved := {UNCERTAIN, NO_FACE} & set(self.labels):
            raise ValueError(f"labels: {', '.join(sorted(reserved))} is reserved")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError("value_range: the first must be less than the second")
        return self

    @classmethod
    def beside(cls, model: Path) -> Sidecar:
        """Read and check the sidecar of a `.tflite` file, its digest included.

        Raises:
            ModelError: either file is missing, unreadable, invalid, or they do not belong together.
        """
        path = model.with_suffix(".json")
        sidecar = cls._parse(path, _read(path, "the sidecar"))
        digest = sha256(_read(model, "the model"))
        if digest != sidecar.sha256:
            raise ModelError(
                f"{model} is not the file that {path.name} describes (sha256 {digest[:12]}…, expected "
                f"{sidecar.sha256[:12]}…): copy both files of the model again"
            )
        return sidecar

    @classmethod
    def _parse(cls, path: Path, raw: bytes) -> Sidecar:
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise ModelError(
                f"{path}: {where}: {first['msg']}; make it again with tools/convert.py"
            ) from error

    def to_json(self) -> str:
        """The text of the file, indented, ending in a newline."""
        return json.dumps(self.model_dump(by_alias=True), indent=2, ensure_ascii=False) + "\n"


def sha256(content: bytes) -> str:
    """The digest as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(
            f"can't read {what} {path}: {reason}; a model is two files, NAME.tflite and NAME.json, side by side"
        ) from error
