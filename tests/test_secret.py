"""Passwords, from wherever they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.config import CameraConfig, MqttConfig
from edgeemo.errors import ConfigError
from edgeemo.secret import password_origin, read_password

Section = type[CameraConfig] | type[MqttConfig]
SECTIONS: list[tuple[Section, str]] = [(CameraConfig, "camera"), (MqttConfig, "mqtt")]


@pytest.mark.parametrize(("section", "name"), SECTIONS)
def test_read_password_looks_in_every_place(
    section: Section, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nowhere, a systemd credential, the first line of a file, the settings: later ones win."""
    assert read_password(section(), name) is None
    (tmp_path / f"{name}_password").write_text("of systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_password(section(), name) == "of systemd"
    (tmp_path / "file").write_text(" two words \r\nsecond line")
    assert read_password(section(password_file=tmp_path / "file"), name) == " two words "
    given = section.model_validate({"password": "given"})
    assert read_password(given, name) == "given"


@pytest.mark.parametrize(("section", "name"), SECTIONS)
def test_password_origin_names_the_place_that_is_read(
    section: Section, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same places in the same order, and nothing of what they hold."""
    found = [password_origin(section(), name)]
    (tmp_path / f"{name}_password").write_text("hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found.append(password_origin(section(), name))
    found.append(password_origin(section(password_file=tmp_path / "file"), name))
    found.append(password_origin(section.model_validate({"password": "hunter2"}), name))
    assert found == [
        f"no password ({name}.password_file)",
        f"password of the credential {name}_password, which a service gets when it starts",
        f"password of {tmp_path / 'file'}, read at every attempt",
        f"password of {name}.password",
    ]


@pytest.mark.parametrize(("section", "name"), SECTIONS)
@pytest.mark.parametrize("content", [None, b"", b"\nlate"])
def test_read_password_names_a_file_without_one(
    section: Section, name: str, content: bytes | None, tmp_path: Path
) -> None:
    """A file that is not there or holds none is said with its key."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}\.password_file: ") as raised:
        read_password(section(password_file=path), name)
    assert "late" not in str(raised.value)


@pytest.mark.parametrize(("section", "name"), SECTIONS)
def test_read_password_shows_nothing_of_a_file_that_is_no_text(
    section: Section, name: str, tmp_path: Path
) -> None:
    """One in another encoding is said with its key, in words that hold neither its bytes nor its letters."""
    path = tmp_path / "file"
    path.write_bytes("hüsch-hüsch".encode("latin-1"))
    with pytest.raises(ConfigError) as raised:
        read_password(section(password_file=path), name)
    assert raised.value.problems == (f"{name}.password_file: is not UTF-8 text",)
    assert raised.value.__cause__ is None
