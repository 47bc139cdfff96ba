"""Passwords, from wherever they are kept: settings, a file, or a systemd credential."""

from __future__ import annotations

from edgeemo.config import CameraConfig, MqttConfig
from edgeemo.errors import ConfigError
from edgeemo.systemd import credential

Section = CameraConfig | MqttConfig


def read_password(section: Section, name: str) -> str | None:
    """The password of a section: its own, else that of its file, else the credential <name>_password.

    A file's first line is the password; it is read anew each time. `name` is the section's key.

    Raises:
        ConfigError: the file can't be read or holds none.
    """
    if section.password is not None:
        return section.password.get_secret_value()
    path = section.password_file or credential(f"{name}_password")
    if path is None:
        return None
    try:
        first_line = path.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        # Without its cause, whose words hold a byte of the password.
        raise ConfigError(str(path), [f"{name}.password_file: is not UTF-8 text"]) from None
    except OSError as error:
        raise ConfigError(str(path), [f"{name}.password_file: can't be read: {error}"]) from error
    if not first_line:
        raise ConfigError(str(path), [f"{name}.password_file: its first line holds no password"])
    return first_line


def password_origin(section: Section, name: str) -> str:
    """Where `read_password` looks for the password of a section, for people: nothing of it is shown."""
    if section.password is not None:
        return f"password of {name}.password"
    if section.password_file is not None:
        return f"password of {section.password_file}, read at every attempt"
    if credential(f"{name}_password") is not None:
        return f"password of the credential {name}_password, which a service gets when it starts"
    return f"no password ({name}.password_file)"
