"""What `camera.source` may say, and that nothing of a log-in shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeemo.address import Address, Kind, mask_url, with_login


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("auto", Address(Kind.AUTO)),
        ("demo", Address(Kind.DEMO)),
        ("picamera2", Address(Kind.PICAMERA2, "0")),
        ("picamera2:1", Address(Kind.PICAMERA2, "1")),
        ("v4l2", Address(Kind.V4L2, "0")),
        ("v4l2:2", Address(Kind.V4L2, "2")),
        ("v4l2:/dev/v4l/by-id/usb-cam", Address(Kind.V4L2, "/dev/v4l/by-id/usb-cam")),
        (
            "v4l2:usb-046d_C920_1A-index0",
            Address(Kind.V4L2, "/dev/v4l/by-id/usb-046d_C920_1A-index0"),
        ),
        ("0", Address(Kind.V4L2, "0")),
        ("/dev/video2", Address(Kind.V4L2, "/dev/video2")),
        ("rtsp://cam/live", Address(Kind.STREAM, "rtsp://cam/live")),
        ("RTSPS://cam/live", Address(Kind.STREAM, "RTSPS://cam/live")),
        ("http://cam:8080/video", Address(Kind.STREAM, "http://cam:8080/video")),
        ("rtsp://[fe80::1]:554/live", Address(Kind.STREAM, "rtsp://[fe80::1]:554/live")),
        ("rtsp://tür.local/live", Address(Kind.STREAM, "rtsp://tür.local/live")),
        ("udp://@:1234", Address(Kind.STREAM, "udp://@:1234")),
        ("clips/party.mp4", Address(Kind.FILE, "clips/party.mp4")),
        ("demo.mp4", Address(Kind.FILE, "demo.mp4")),
        ("demo:1", Address(Kind.FILE, "demo:1")),
    ],
)
def test_address_reads_every_form(text: str, address: Address) -> None:
    """Each form of the grammar leads to its backend."""
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rtps://admin:secret@cam/", "a URL starts with one of rtsp://"),
        ("rtsp://", "a host is missing"),
        ("rtsp://cam:port/s", "no host and port can be told"),
        ("rtsp://cam:99999/s", "no host and port can be told"),
        ("rtsp://cam..local/", "no host and port can be told"),
        ("rtsp://[::1/s", "no host and port can be told"),
        ("rtsp://admin:secret/word@cam/", "belongs in camera.user and camera.password"),
        ("picamera2:front", "a camera's number"),
        ("v4l2:by-id/webcam", "a device's number, its path"),
    ],
)
def test_address_refuses_other_forms_without_repeating_them(text: str, says: str) -> None:
    """The message says what is allowed and holds nothing of a log-in."""
    with pytest.raises(ValueError, match=says) as caught:
        Address.parse(text)
    assert "secret" not in str(caught.value)


def test_address_shows_no_login_in_its_repr() -> None:
    """A log line that shows the object shows no password."""
    assert "secret" not in repr(Address.parse("rtsp://me:secret@cam/live"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam/live", "rtsp://cam/live"),
        ("rtsp://me:secret@cam:554/live", "rtsp://***@cam:554/live"),
        ("rtsp://me:se@cr@et@cam/live", "rtsp://***@cam/live"),
        ("rtsp://me:sec/ret@cam/live", "rtsp://***@cam/live"),
        ("rtsp://me:s@c/r?t#!@cam/live", "rtsp://***@cam/live"),
        ("http://cam/v?user=me&pwd=secret&ch=1", "http://cam/v?user=***&pwd=***&ch=1"),
        (
            "rtsp://cam/user=me&password=secret&channel=1",
            "rtsp://cam/user=***&password=***&channel=1",
        ),
        ("rtsp://cam/user=me_password=secret_channel=1", "rtsp://cam/user=***"),
        ("clips/a@b.mp4", "clips/a@b.mp4"),
    ],
)
def test_mask_url_hides_logins_wherever_cameras_want_them(url: str, shown: str) -> None:
    """In front of the host, in the query, and in the path as cheap cameras have it."""
    assert mask_url(url) == shown


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=30))
def test_mask_url_never_shows_a_password_in_front_of_the_host(password: str) -> None:
    """Whatever a password is made of, `with_login` and `mask_url` together keep it."""
    url = with_login("rtsp://camera.example/live", "me", password)
    assert mask_url(url) == "rtsp://***@camera.example/live"


@pytest.mark.parametrize(
    ("url", "user", "password", "whole"),
    [
        ("rtsp://cam/x", None, None, "rtsp://cam/x"),
        ("rtsp://cam:554/x?a=1", "me", "p@ss:w/rd", "rtsp://me:p%40ss%3Aw%2Frd@cam:554/x?a=1"),
        ("rtsp://old:gone@cam/x", "me", "new", "rtsp://me:new@cam/x"),
        ("rtsp://me@cam/x", None, "new", "rtsp://me:new@cam/x"),
        ("rtsp://cam/x", "me", None, "rtsp://me@cam/x"),
        ("rtsp://[::1]:554/x", "me", "pw", "rtsp://me:pw@[::1]:554/x"),
    ],
)
def test_with_login_puts_a_login_into_the_url(
    url: str, user: str | None, password: str | None, whole: str
) -> None:
    """What has a meaning in URLs is encoded; the rest of the URL stays."""
    assert with_login(url, user, password) == whole
