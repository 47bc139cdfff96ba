"""The YAML of settings: texts as they are spelt, what stands twice, what would multiply, what is no YAML."""

from __future__ import annotations

import re
import reprlib
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from edgeemo.address import MASK, mask_url

MAX_NODES = 10_000
"""Of YAML, keys and values: fifty times as many as all settings are."""

Settings = dict[str, Any]

_MERGE_TAG = "tag:yaml.org,2002:merge"
# A log-in before a host, without the scheme by which mask_url knows an address.
_BARE_LOGIN = re.compile(r"^[^/:]*:(?!//).*@", re.S)
_ABRIDGED = reprlib.Repr()
_ABRIDGED.maxstring = _ABRIDGED.maxother = 200


class _UnfitError(yaml.MarkedYAMLError):
    """It is YAML, but none to make settings of."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe one, which also says where a value is not what its spelling or its tag promises."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"this is no {kind}: a text like that belongs in quotes",
                problem_mark=node.start_mark,
            ) from error


class _TextLoader(_Loader):
    """Makes nothing but texts, lists and maps; a merge key is resolved."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}  # noqa: RUF012 - as yaml has it


def parse_yaml(text: str, section: type[BaseModel] | None, problems: list[str]) -> Any:
    """What YAML makes of a text, but for the settings in a section that are texts: as they are spelt.

    Every key that stands twice is added to `problems`.

    Raises:
        yaml.YAMLError: it is none, or none to make settings of; `explain` puts it into words.
        ValueError, OverflowError, RecursionError: an escape is no character, or all is nested too deeply.
    """
    problems += _repeated_keys(text)
    loaded = _with_text_keys(yaml.load(text, _Loader))  # noqa: S506 - a safe one
    if section is None or not isinstance(loaded, dict):
        return loaded
    return _as_written(loaded, yaml.load(text, _TextLoader), section)  # noqa: S506 - a safe one


def _repeated_keys(text: str) -> Iterator[str]:
    """A problem for each key that stands twice: YAML takes the last one and drops the others unsaid.

    Raises:
        yaml.YAMLError: also for more than MAX_NODES, and for an alias within what it stands for.
    """
    sizes: dict[yaml.Node, int | None] = {}
    if root := yaml.compose(text, _Loader):
        _measure(root, sizes)
    for node in sizes:
        if isinstance(node, yaml.MappingNode):
            yield from _repeated_in(node)


def _measure(node: yaml.Node, sizes: dict[yaml.Node, int | None]) -> int:
    """How many nodes come out of one with its aliases written out; each is looked at once, and kept in `sizes`.

    Nine aliases for nine aliases, ten times over, are a short text, but billions of values.
    """
    if node not in sizes:
        sizes[node] = None
        sizes[node] = 1 + sum(_measure(child, sizes) for child in _children(node))
    size = sizes[node]
    if size is None:
        problem = "an alias (*) stands within what it stands for: write out what is meant"
        raise _UnfitError(problem=problem, problem_mark=node.start_mark)
    if size > MAX_NODES:
        problem = (
            f"more than {MAX_NODES} values, aliases (*) written out, are no settings: use fewer"
        )
        raise _UnfitError(problem=problem, problem_mark=node.start_mark)
    return size


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _repeated_in(section: yaml.MappingNode) -> Iterator[str]:
    """A problem for each key of a map that stood in it before; any number of merge keys may."""
    seen: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in section.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE_TAG:
            continue
        if key.value not in seen:
            seen[key.value] = (key, value)
            continue
        first_key, first_value = seen[key.value]
        is_section = any(isinstance(v, yaml.MappingNode) for v in (first_value, value))
        yield (
            f"{_place(key.start_mark)}{shown(key.value)} stands here a second time (first in line "
            f"{first_key.start_mark.line + 1}): {'join the two' if is_section else 'take one out'}"
        )


def _with_text_keys(value: Any) -> Any:
    """The same with every key a text: YAML also reads `1:`, `yes:` and a lone `:` as keys."""
    if isinstance(value, dict):
        return {"null" if k is None else str(k): _with_text_keys(v) for k, v in value.items()}
    return [_with_text_keys(v) for v in value] if isinstance(value, list) else value


def _as_written(settings: Settings, written: Settings, model: type[BaseModel]) -> Settings:
    """The same with texts as the file spells them: YAML takes 0123, 12:30:45 and yes for something else."""
    spelt = dict(settings)
    for name, field in model.model_fields.items():
        value, text = settings.get(name), written.get(name)
        section = section_of(field.annotation)
        if section and isinstance(value, dict) and isinstance(text, dict):
            spelt[name] = _as_written(value, text, section)
        elif is_text(field.annotation) and value is not None and isinstance(text, str):
            spelt[name] = text
    return spelt


def is_text(annotation: object) -> bool:
    """Whether a setting is a text, a path or one of some words; None may be allowed besides."""
    return any(c in (str, SecretStr, Path) or isinstance(c, str) for c in choices_of(annotation))


def choices_of(annotation: object) -> tuple[object, ...]:
    """The types of which a setting has one, or the values that it may have."""
    is_choice = typing.get_origin(annotation) in (typing.Union, UnionType, typing.Literal)
    return typing.get_args(annotation) if is_choice else (annotation,)


def without_empty_sections(settings: Settings, model: type[BaseModel]) -> Settings:
    """Drop sections whose keys are all commented out: YAML reads them as null, and they mean the defaults."""
    sections = {n: s for n, f in model.model_fields.items() if (s := section_of(f.annotation))}
    return {
        name: without_empty_sections(value, sections[name])
        if name in sections and isinstance(value, dict)
        else value
        for name, value in settings.items()
        if not (name in sections and value is None)
    }


def explain(error: yaml.YAMLError) -> str:
    """Where a text is at fault, and why."""
    where = _place(getattr(error, "problem_mark", None))
    said = str(getattr(error, "problem", None) or error)
    if isinstance(error, _UnfitError):
        return where + said
    cure = ": indent with spaces" if r"'\t'" in said else ""
    return f"{where}is not YAML: {said}{cure}"


def _place(mark: yaml.Mark | None) -> str:
    """The front of a problem that says where in a text it is; empty if that is not known."""
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def section_of(annotation: object) -> type[BaseModel] | None:
    """The section that a key stands for; None for a setting."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def shown(value: object) -> str:
    """A wrong value as the message repeats it: an address without its log-in, nothing endless whole."""
    if isinstance(value, str):
        value = _BARE_LOGIN.sub(f"{MASK}@", mask_url(value))
    try:
        return _ABRIDGED.repr(value)
    except ValueError:  # Python writes out no number of more than 4300 digits
        return "a number that long"
