"""Every event that a test sees is held against the schema that ships."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads(resources.files("edgeemo").joinpath("schemas/event.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def validate(event: dict[str, Any]) -> dict[str, Any]:
    """The event, if it keeps the contract; fails with what is wrong otherwise."""
    VALIDATOR.validate(event)
    assert abs(sum(event["scores"].values()) - 1.0) < 0.01
    assert event["emotion"] in {*event["scores"], "uncertain"}
    return event
