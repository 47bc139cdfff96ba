"""Why a stream does not open: FFmpeg only says that it doesn't, so the camera is asked once more."""

from __future__ import annotations

import socket
from urllib.parse import SplitResult, urlsplit, urlunsplit

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""Where each scheme is spoken unless the URL says otherwise (RFC 7826, RFC 9110)."""
UNAUTHORIZED, NOT_FOUND, OK = "401", "404", "200"
REPLY_BYTES = 512
"""Enough of an answer to hold its first line."""


def explain(url: str, timeout_s: float) -> str:
    """What keeps a stream from opening, in words that hold nothing of its log-in.

    Connects, and over RTSP asks for the stream's description (RFC 2326, 10.2), within about twice
    `timeout_s` seconds.
    """
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme.lower())
    if parts.hostname is None or port is None:
        return "nothing arrives there"
    where = f"{parts.hostname}:{port}"
    try:
        with socket.create_connection((parts.hostname, port), timeout_s) as connection:
            if parts.scheme.lower() != "rtsp":
                return f"{where} answers, but gives no stream: a wrong path, or a refused log-in"
            return _explain_status(_describe(connection, parts), has_login="@" in parts.netloc)
    except socket.gaierror:
        return f"no machine is called {parts.hostname}"
    except ConnectionRefusedError:
        return f"nothing listens at {where}"
    except TimeoutError:
        return f"{where} does not answer"
    except OSError as error:
        return f"{where} can't be reached: {error.strerror or error}"


def _describe(connection: socket.socket, parts: SplitResult) -> str:
    """The status of the answer to DESCRIBE, such as 404; empty if it is none of RTSP's."""
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    connection.sendall(f"DESCRIBE {bare} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
    version, _, rest = connection.recv(REPLY_BYTES).decode("latin-1").partition(" ")
    return rest[:3] if version.startswith("RTSP/") else ""


def _explain_status(status: str, *, has_login: bool) -> str:
    if status == UNAUTHORIZED and not has_login:
        return "it wants a log-in: set camera.user and camera.password"
    if status == UNAUTHORIZED:
        return "it refuses the log-in, or has no such stream for it"
    if status == NOT_FOUND:
        return "it has no such stream: is the path right?"
    if status == OK:
        return "it has the stream, but sends no pictures of it that can be read"
    return (
        f"it answers {status}, which is no way to a stream" if status else "it does not speak RTSP"
    )
