"""edgeemo: faces in, emotion events out, no picture leaves the machine."""

import os

# OpenCV and FFmpeg write to standard error what edgeemo says itself, in one line and with the
# cause; FFmpeg's lines could also show a camera's address. Read by OpenCV when it is loaded.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

__version__ = "0.1.0"
