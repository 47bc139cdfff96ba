"""Sources of pictures: one contract, a module for each kind.

`make_source` gives the one that `camera.source` names, turned as the config wishes.
"""

from edgeemo.sources.factory import make_source
from edgeemo.sources.source import Source, frames

__all__ = ["Source", "frames", "make_source"]
