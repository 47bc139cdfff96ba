"""A network camera for tests: a real RTSP server, by GStreamer.

    /usr/bin/python3 tests/real/rtsp_server.py PORT [USER PASSWORD]

Serves rtsp://127.0.0.1:PORT/h264 and /mjpeg, 320 x 240 at 15 frames a second, and prints `ready`.
With a user and a password both ask for them. Runs on Debian's Python, which sees python3-gi and
gir1.2-gst-rtsp-server-1.0; needs gstreamer1.0-plugins-base, -good and -ugly.
"""

from __future__ import annotations

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions are chosen first

PICTURES = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1 "
    "! videoconvert ! video/x-raw,format=I420"
)
STREAMS = {
    "/h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 "
    "! rtph264pay name=pay0 pt=96 config-interval=1",
    "/mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
ROLE = "viewer"


def add_stream(server: Any, path: str, *, is_open: bool) -> None:
    """Put one stream at its path, for everybody or for those with the role."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {PICTURES} ! {STREAMS[path]} )")
    factory.set_shared(True)
    if not is_open:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_role(ROLE)
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role(ROLE, right, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(path, factory)


def ask_login(server: Any, user: str, password: str) -> None:
    """Let only this user have the role."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def main() -> None:
    """Serve until killed."""
    port, *login = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for path in STREAMS:
        add_stream(server, path, is_open=not login)
    if login:
        ask_login(server, *login)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
