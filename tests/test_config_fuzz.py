"""Any file, any override: settings, or one message that lists what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from edgeemo.config import Config
from edgeemo.configfile import key_paths, load_config
from edgeemo.errors import ConfigError

FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
known = st.sampled_from([".".join(path) for path in key_paths()])
sections = st.sampled_from(list(Config.model_fields))
names = st.text(max_size=8)
unknown = names | st.builds("{}.{}".format, sections, names)


def outcome(path: Path | None, overrides: tuple[str, ...] = ()) -> None:
    """Load; nothing but the one error may come, and every problem of it says something."""
    problems: tuple[str, ...] = ("none",)
    try:
        load_config(path, overrides, environ={})
    except ConfigError as error:
        problems = error.problems
    assert problems
    assert all(problem.strip() for problem in problems)


@FUZZ
@example(b": 3")
@example(b"camera: {~: 3}")
@example(b"camera: {controls: {~: {1: 2}}}")
@example(b"camera: {rotate: 0x" + b"F" * 5000 + b"}")
@example(b"? &a [*a]\n: *a")
@example(b"<<: &a {<<: *a}")
@example(b"? [a, a]\n: 1\n? {a: 1, a: 2}\n: 2")
@given(st.binary(max_size=300))
def test_config_file_of_any_bytes_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """A picture named config.yaml, a cut file, a wrong encoding."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    outcome(path)


@FUZZ
@given(st.dictionaries(known | sections | unknown, values, max_size=5))
def test_config_file_with_any_keys_and_values_is_read_or_refused(
    tmp_path: Path, given_values: dict[str, object]
) -> None:
    """Keys and sections, known and unknown, with values of any kind."""
    tree: dict[str, object] = {}
    for key, value in given_values.items():
        *above, name = key.split(".")
        place: object = tree
        for section in above:
            place = place.setdefault(section, {}) if isinstance(place, dict) else place
        if isinstance(place, dict):
            place[name] = value
    path = tmp_path / "config.yaml"
    try:
        path.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
    except (yaml.YAMLError, UnicodeEncodeError):
        assume(False)
    outcome(path)


@FUZZ
@given(st.lists(st.tuples(known | st.text(max_size=12), st.text(max_size=20)), max_size=4))
def test_config_overrides_of_any_text_are_taken_or_refused(pairs: list[tuple[str, str]]) -> None:
    """--set with whatever a shell lets through."""
    outcome(None, tuple(f"{key}={text}" for key, text in pairs))
