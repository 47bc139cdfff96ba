"""Imports run one way: a module imports only from floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "edgeemo"

FLOORS = (
    # 0: values and errors
    {"types", "errors"},
    # 1: settings, and what daemon and tools share
    {"address", "backoff", "filename", "quant", "streams"},
    {"config", "sidecar"},
    {"configtext", "preprocess"},
    {"configfile"},
    # 2: decisions, pure
    {"messages", "motion", "power", "standing", "state", "telemetry", "tracker"},
    {"cadence", "events", "homeassistant", "mood", "search"},
    {"commands"},
    # 3: edges, one outside thing each, then those built on others
    {
        *(
            "board",
            "clock",
            "systemd",
            "thermal",
            "pause",
            "claim",
            "eventlog",
            "salvage",
            "mailbox",
            "complaint",
        ),
        *("annotate", "classifier", "demobroker", "view"),
    },
    {"secret"},
    {"sources"},
    {"broker", "capture", "outbox", "verifier", "flow", "nobroker"},
    {"courier", "detector", "link", "visit"},
    {"brokerprobe", "brokerwatch", "connection", "eye"},
    {"mqtt"},
    # 4: the order of work
    {"pipeline"},
    # 5: composition
    {"analysis", "bench", "doctor", "selfcheck", "vitals"},
    {"daemon"},
    # 6: the command line
    {"cli"},
    {"__main__"},
)
"""The package's modules and subpackages, the lowest first; within a floor in steps."""

ROOMS = {"delivery", "sight"}
"""Subpackages that hold units of several floors; the others are units themselves."""

TOOL_FLOORS = ({"labelled"}, {"networks"}, {"measuring"}, {"learning", "converting"})
"""The rooms of the desktop tools, the lowest first; the scripts beside them import from all."""

PURE = FLOORS[4] | FLOORS[5] | FLOORS[6]
OUTSIDE_WORLD = {"cv2", "socket", "threading", "sqlite3", "paho", "time", "random", "asyncio"}
"""What a decision may not import: time and chance are passed in."""


def modules() -> list[Path]:
    """Every module of the package, but for the __init__ that only say what a folder is for."""
    silent = [PACKAGE / "__init__.py", *(PACKAGE / room / "__init__.py" for room in ROOMS)]
    return sorted(p for p in PACKAGE.rglob("*.py") if p not in silent)


def unit(path: Path) -> str:
    """The name under which a file stands in FLOORS: its own or its subpackage's."""
    parts = path.relative_to(PACKAGE).parts
    return parts[parts[0] in ROOMS].removesuffix(".py")


def floor(name: str) -> int:
    """The floor of a unit."""
    return next(i for i, names in enumerate(FLOORS) if name in names)


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if node.module in ("edgeemo", *(f"edgeemo.{room}" for room in ROOMS)):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    """The units of this package that a file imports."""
    for name in imports(path):
        package, *parts = [part for part in name.split(".") if part not in ROOMS]
        if package == "edgeemo" and parts and parts[0] != "__version__":
            yield parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_from_floors_below(path: Path) -> None:
    """A module imports from below; within a subpackage, from itself."""
    own = unit(path)
    offenders = {n for n in own_imports(path) if n != own and floor(n) >= floor(own)}
    assert not offenders


def test_floors_name_every_module_and_no_other() -> None:
    """A new module has to be given its floor, a removed one leaves the table."""
    assert {unit(p) for p in modules()} == set().union(*FLOORS)


@pytest.mark.parametrize("name", sorted(PURE))
def test_decision_imports_nothing_of_the_outside_world(name: str) -> None:
    """Floor 2 has no picture library, clock, socket, thread or chance."""
    (path,) = (p for p in modules() if unit(p) == name)
    found = {n.split(".")[0] for n in imports(path)} & OUTSIDE_WORLD
    assert not found


def test_package_never_imports_the_tools() -> None:
    """The daemon runs without the desktop tools."""
    tools = {p.stem for p in (ROOT / "tools").iterdir()}
    offenders = {
        (str(path.relative_to(ROOT)), name)
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] in tools
    }
    assert not offenders


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tools").glob("*/*.py")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_tool_room_imports_only_from_rooms_below(path: Path) -> None:
    """A room of the tools imports from itself and from floors below, never a script."""
    own = path.parent.name
    below = next(i for i, rooms in enumerate(TOOL_FLOORS) if own in rooms)
    allowed = {own}.union(*TOOL_FLOORS[:below])
    ours = {p.stem for p in (ROOT / "tools").iterdir()}
    assert {name.split(".")[0] for name in imports(path)} & ours <= allowed
