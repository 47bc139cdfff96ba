"""The grammar of `camera.source`, and what of it may be shown.

Pure text; what the address leads to is opened by `edgeemo.sources`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit, urlunsplit

BY_ID = "/dev/v4l/by-id/"
"""Where udev links video devices by names that stay the same over reboots and ports."""
STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "tcp")
MASK = "***"

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")
# Up to the last @, wherever it stands: a password may hold a / or ? that nobody has escaped.
_LOGIN = re.compile(r"(?<=://).*@", re.S)
# Cheap cameras want the log-in in the query or even in the path: /user=admin&password=secret
_SECRET = re.compile(
    r"(?<=[?&/;_])((?:user|usr|username|pass|passwd|password|pwd|token|key|auth)=)[^&/;#]*", re.I
)


class Kind(StrEnum):
    """What an address leads to: a backend of `edgeemo.sources` each, and `auto`."""

    AUTO = "auto"
    PICAMERA2 = "picamera2"
    V4L2 = "v4l2"
    STREAM = "stream"
    FILE = "file"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed `camera.source`.

    `target` is the camera's number for picamera2, a number or path for v4l2, the URL for a
    stream, the path for a file, and empty for auto and demo.
    """

    kind: Kind
    target: str = ""

    def __repr__(self) -> str:
        return f"Address({self.kind.value!r}, {mask_url(self.target)!r})"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `auto | demo | picamera2[:N] | v4l2[:N|path|name] | N | /dev/path | URL | file or folder`.

        A name is one in /dev/v4l/by-id.

        Raises:
            ValueError: with what is allowed; the text itself is never repeated.
        """
        if scheme := _SCHEME.match(text):
            return cls(Kind.STREAM, _check_url(text, scheme.group(1).lower()))
        head, colon, rest = text.partition(":")
        if head in (Kind.AUTO, Kind.DEMO) and not colon:
            return cls(Kind(head))
        if head == Kind.PICAMERA2:
            return cls(Kind.PICAMERA2, _check_number(rest or "0", "picamera2:N"))
        if head == Kind.V4L2:
            return cls(Kind.V4L2, _device(rest or "0"))
        if text.isdecimal() or text.startswith("/dev/"):
            return cls(Kind.V4L2, text)
        return cls(Kind.FILE, text)


def mask_url(text: str) -> str:
    """The text with a URL's user, password and secret parameters replaced by `***`."""
    if not _SCHEME.match(text):
        return text
    return _SECRET.sub(rf"\1{MASK}", _LOGIN.sub(f"{MASK}@", text))


def with_login(url: str, user: str | None, password: str | None) -> str:
    """The URL with a log-in put in, percent-encoded; what the URL itself holds gives way to it."""
    if user is None and password is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = quote(user, safe="") if user is not None else quote(parts.username or "", safe="%")
    secret = quote(password, safe="") if password is not None else parts.password
    login = name if secret is None else f"{name}:{secret}"
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def _check_url(url: str, scheme: str) -> str:
    if scheme not in STREAM_SCHEMES:
        raise ValueError(f"a URL starts with one of {', '.join(f'{s}://' for s in STREAM_SCHEMES)}")
    if not url.partition("://")[2].strip("/"):
        raise ValueError(f"a host is missing: {scheme}://HOST/PATH")
    if not _has_usable_host(url):
        raise ValueError(
            f"no host and port can be told from it, as in {scheme}://HOST:PORT/PATH; a log-in that "
            "holds any of / ? # [ ] belongs in camera.user and camera.password"
        )
    return url


def _has_usable_host(url: str) -> bool:
    """Whether host and port can be told from the rest, and the host be looked up; it may be empty."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that raises unless it is a number up to 65535
        (parts.hostname or "").encode("idna")
    except ValueError:  # UnicodeError among them; its text may hold a piece of a password
        return False
    return True


def _check_number(text: str, form: str) -> str:
    if not text.isdecimal():
        raise ValueError(f"N in {form} should be a camera's number, from 0")
    return text


def _device(text: str) -> str:
    """The number or path of a device given by its number, its path or its name in BY_ID."""
    if text.isdecimal() or text.startswith("/"):
        return text
    if "/" in text:
        raise ValueError(
            f"v4l2: takes a device's number, its path such as /dev/video0, or its name in {BY_ID}"
        )
    return BY_ID + text
