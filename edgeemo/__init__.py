"""edgeemo: faces in, emotion events out, no picture leaves the machine."""

__version__ = "0.1.0"
