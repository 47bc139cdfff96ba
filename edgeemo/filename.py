"""Names of files as OpenCV takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def opencv_name(path: Path) -> Iterator[str]:
    """A name by which OpenCV finds a file, there already or to be written; good for the block's length.

    It is the file's own, but where that is not UTF-8 the name of a link to it: such a text ends
    the process inside of OpenCV, and bytes it takes only in newer versions (4.14 does, 4.11 not).
    """
    if _is_utf8(str(path)):
        yield str(path)
        return
    with TemporaryDirectory(prefix="edgeemo-") as folder:
        # The ending tells the format: what can't be said of it is left out.
        link = Path(folder, "link" + path.suffix.encode(errors="ignore").decode())
        link.symlink_to(path.absolute())
        yield str(link)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
