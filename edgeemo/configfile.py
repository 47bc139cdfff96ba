"""Reading the settings: a YAML file, then the environment, then the command line; later ones win.

Every problem is found before anything is said, and each is said with its key path, the value and
what is allowed; secrets are masked.
"""

from __future__ import annotations

import difflib
import grp
import logging
import os
import stat
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from edgeemo.address import MASK
from edgeemo.config import Config, MqttConfig
from edgeemo.configtext import (
    Settings,
    choices_of,
    explain,
    is_text,
    parse_yaml,
    section_of,
    shown,
    without_empty_sections,
)
from edgeemo.errors import ConfigError

logger = logging.getLogger(__name__)

ENV_PREFIX = "EDGEEMO_"
DEFAULT_PATHS = (Path("/etc/edgeemo/config.yaml"),)
SECRET_KEYS = ("password",)

KeyPath = tuple[str, ...]


class Assignment(NamedTuple):
    """One value given outside the file: where (for messages), the key's path, the text."""

    origin: str
    path: KeyPath
    text: str


def load_config(
    path: Path | None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Config:
    """Return the settings of a file (None: the defaults) with overrides applied.

    Args:
        path: the YAML file.
        overrides: `dotted.key=value` each, as from `--set`.
        environ: where EDGEEMO_<KEY>_<KEY> variables are looked up; None for the process's own.

    Raises:
        ConfigError: with every problem of all three at once.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    settings = _read(path, problems) if path else {}
    assignments = [*_from_environment(environ, problems), *_from_command_line(overrides, problems)]
    for assignment in assignments:
        _assign(settings, assignment, problems)
    origins = {a.path: a.origin for a in assignments}
    refused: set[KeyPath] = set()
    # A section's combinations are only checked once each of its values is good: so look again without the bad ones.
    while details := _violations(settings):
        problems += [_describe(detail, origins) for detail in details]
        for detail in details:
            _remove(settings, detail["loc"])
            refused.add(_key_path(detail))
    config = Config.model_validate(settings)
    problems += _missing_files(config)
    problems += [f"{_where(key, origins)}: {why}" for key, why in _unused(config.mqtt, refused)]
    if problems:
        raise ConfigError(str(path) if path else "the settings", problems)
    return config


def _missing_files(config: Config) -> Iterator[str]:
    named = {
        "camera.password_file": config.camera.password_file,
        "mqtt.password_file": config.mqtt.password_file,
        "mqtt.tls.ca_file": config.mqtt.tls.ca_file,
        "mqtt.tls.cert_file": config.mqtt.tls.cert_file,
        "mqtt.tls.key_file": config.mqtt.tls.key_file,
    }
    for key, path in named.items():
        if path is not None and not os.access(path, os.R_OK):
            reason = "does not exist" if _is_absent(path) else "can't be read by this user"
            yield f"{key}: {path} {reason}"


def _unused(mqtt: MqttConfig, refused: Collection[KeyPath]) -> Iterator[tuple[KeyPath, str]]:
    """What is given for a broker but would never be used, and why; not if that is for a refused value."""
    if mqtt.host is None:
        return
    if mqtt.user is None and ("mqtt", "user") not in refused:
        for name in ("password", "password_file"):
            if getattr(mqtt, name) is not None:
                why = "is of no use without mqtt.user: give that too, or take the password out"
                yield ("mqtt", name), why
    if not mqtt.tls.enabled and ("mqtt", "tls", "enabled") not in refused:
        for name in ("ca_file", "cert_file", "key_file", "insecure_skip_verification"):
            if getattr(mqtt.tls, name):
                why = "is given, but mqtt.tls.enabled is false: turn it on, or take this out"
                yield ("mqtt", "tls", name), why


def _is_absent(path: Path) -> bool:
    """Whether there is certainly no such file: in a folder that is closed to us there may be one."""
    try:
        return not path.exists()
    except OSError:
        return False


def _violations(settings: Settings) -> list[ErrorDetails]:
    try:
        Config.model_validate(settings)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _remove(settings: Settings, path: Sequence[int | str]) -> None:
    """Take out the value at a path, or the whole of the list or choice in which it stands."""
    place: Any = settings
    for name in path[:-1]:
        if not isinstance(place.get(name), dict):
            place.pop(name, None)
            return
        place = place[name]
    place.pop(path[-1], None)


def find_config(path: Path | None, system: Sequence[Path] = DEFAULT_PATHS) -> Path | None:
    """The file to read: the given one, else the system's if there is one, else none.

    One that this user may not look at counts as none, with a line in the log.
    """
    if path is not None:
        return path
    return next((p for p in system if _is_there(p)), None)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        # As installed, the folder is closed to all but root and the service; others may look at pictures.
        logger.warning("%s needs sudo (%s): the defaults apply", path, error.strerror)
        return False


def exposure_warning(path: Path) -> str | None:
    """A line for the log if others can read a file that holds a password."""
    mode = path.stat().st_mode
    group_reads = mode & stat.S_IRGRP and _has_members(path.stat().st_gid)
    if not (mode & stat.S_IROTH or group_reads) or not _holds_secret(_read(path, [])):
        return None
    # Not without need, and never where the service itself reads by the group.
    rights = "o-r, g-r" if group_reads and path.parent != DEFAULT_PATHS[0].parent else "o-r"
    return (
        f"{path} holds a password and can be read by others (mode {stat.S_IMODE(mode):o}): "
        f"take the right to read it from them (chmod {rights}), or use password_file"
    )


def _has_members(group: int) -> bool:
    """Whether a group is more than a user's own, as the service's is that reads /etc/edgeemo."""
    try:
        return bool(grp.getgrgid(group).gr_mem)
    except KeyError:
        return True


def key_paths(model: type[BaseModel] = Config) -> Iterator[KeyPath]:
    """Every key that a file may hold, as a path; a section before what is in it."""
    for name, field in model.model_fields.items():
        yield (name,)
        if section := section_of(field.annotation):
            yield from ((name, *rest) for rest in key_paths(section))


def _read(path: Path, problems: list[str]) -> Settings:
    try:
        text = path.read_text(encoding="utf-8")
        loaded = parse_yaml(text, Config, problems)
    except OSError as error:
        raise ConfigError(str(path), [f"can't be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            str(path), [f"is not UTF-8 text (byte {error.start}): save it as UTF-8"]
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(str(path), [explain(error)]) from error
    except (ValueError, OverflowError) as error:  # "\UFFFFFFFF"
        raise ConfigError(
            str(path), ["an escape in it is no character: put that text in single quotes"]
        ) from error
    except RecursionError as error:
        raise ConfigError(str(path), ["is nested too deeply to be a configuration"]) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            str(path), [f"should hold `key: value` lines, not a {type(loaded).__name__}"]
        )
    return without_empty_sections(loaded, Config)


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[Assignment]:
    names = {ENV_PREFIX + "_".join(path).upper(): path for path in key_paths()}
    for name in sorted(n for n in environ if n.startswith(ENV_PREFIX)):
        if path := names.get(name):
            yield Assignment(f"environment variable {name}", path, environ[name])
        else:
            problems.append(f"environment variable {name}: unknown{_nearest(name, names)}")


def _from_command_line(overrides: Sequence[str], problems: list[str]) -> Iterator[Assignment]:
    for override in overrides:
        key, equals, text = override.partition("=")
        if equals and key:
            yield Assignment(f"--set {key}", tuple(key.strip().split(".")), text)
        else:
            problems.append(f"--set {override!r}: should be key=value, such as mqtt.host=localhost")


def _assign(settings: Settings, assignment: Assignment, problems: list[str]) -> None:
    """Put a value into the tree; it is a problem if a value stands where a section should, or a key twice."""
    *sections, name = assignment.path
    place = settings
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            problems.append(f"{assignment.origin}: {section!r} is no section")
            return
    repeated: list[str] = []
    place[name] = _parse(assignment.text, _annotation_at(assignment.path), repeated)
    problems += [f"{assignment.origin}: {problem}" for problem in repeated]


def _annotation_at(path: Sequence[str]) -> object:
    """The type of what a path leads to, a section or a setting; None if that is not known."""
    annotation: object = Config
    for name in path:
        section = section_of(annotation)
        field = section.model_fields.get(name) if section else None
        annotation = field.annotation if field else None
    return annotation


def _parse(text: str, annotation: object, problems: list[str]) -> object:
    """Text as it is (numbers and booleans are the validator's work), but lists, maps and null.

    A setting that is a text is no list and no map, whatever it begins with. `null` stands for none
    where there may be none, but for a password: that may be this very word.
    """
    choices = choices_of(annotation)
    if text == "null" and NoneType in choices and SecretStr not in choices:
        return None
    if text[:1] in ("[", "{") and not is_text(annotation):
        with suppress(yaml.YAMLError, ValueError, OverflowError, RecursionError):
            return parse_yaml(text, section_of(annotation), problems)
    return text


def _describe(detail: ErrorDetails, origins: Mapping[KeyPath, str]) -> str:
    path = _key_path(detail)
    where = _where(path, origins)
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key{_nearest(path[-1], _siblings(path))}"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if isinstance(detail["input"], dict):
        return f"{where}: {message}"
    value = MASK if any(s in path[-1] for s in SECRET_KEYS) else shown(detail["input"])
    return f"{where}: {value} is not allowed: {message}"


def _key_path(detail: ErrorDetails) -> KeyPath:
    return tuple(str(part) for part in detail["loc"])


def _where(path: KeyPath, origins: Mapping[KeyPath, str]) -> str:
    """A key as a message names it, with where its value came from if not from the file."""
    origin = origins.get(path)
    return (".".join(path) or "the whole") + (f" ({origin})" if origin else "")


def _siblings(path: KeyPath) -> list[str]:
    """The keys that are known beside an unknown one."""
    return [p[-1] for p in key_paths() if p[:-1] == path[:-1]]


def _nearest(name: str, known: typing.Iterable[str]) -> str:
    known = list(known)
    if close := difflib.get_close_matches(name, known, n=1, cutoff=0.6):
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(known)}" if 0 < len(known) <= 16 else ""


def _holds_secret(settings: Mapping[str, Any]) -> bool:
    return any(
        _holds_secret(value) if isinstance(value, dict) else key in SECRET_KEYS and bool(value)
        for key, value in settings.items()
    )
