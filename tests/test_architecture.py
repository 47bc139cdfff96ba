"""Imports run one way: a module imports only from floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "edgeemo"

FLOORS = (
    {"types", "errors"},
    {
        "address",
        "config",
        "configfile",
        "sidecar",
        "preprocess",
        "quant",
        "backoff",
        "view",
    },
    {
        "motion",
        "tracker",
        "search",
        "cadence",
        "mood",
        "events",
        "homeassistant",
        "messages",
        "power",
        "standing",
        "state",
        "commands",
        "telemetry",
    },
    {
        *(
            "sources",
            "mailbox",
            "capture",
            "detector",
            "flow",
            "classifier",
            "mqtt",
            "outbox",
            "systemd",
        ),
        *("thermal", "clock", "demobroker", "annotate", "pause", "complaint"),
        *("broker", "brokerprobe", "brokerwatch", "visit", "connection", "courier", "salvage"),
    },
    {"pipeline"},
    {"daemon", "bench", "doctor"},
    {"cli", "__main__"},
)
"""The package's modules and subpackages by floor, the lowest first."""

PURE = FLOORS[2]
OUTSIDE_WORLD = {"cv2", "socket", "threading", "sqlite3", "paho", "time", "random", "asyncio"}
"""What a decision may not import: time and chance are passed in."""


def modules() -> list[Path]:
    """Every module of the package, its __init__ left out: it only names the version."""
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def unit(path: Path) -> str:
    """The name under which a file stands in FLOORS: its own or its subpackage's."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


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
            if node.module == "edgeemo":
                yield from (f"edgeemo.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    """The units of this package that a file imports."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "edgeemo" and len(parts) > 1 and parts[1] != "__version__":
            yield parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_from_floors_below(path: Path) -> None:
    """A module imports from below; within a subpackage, from itself."""
    own = unit(path)
    above = {n for n in own_imports(path) if n != own and floor(n) >= floor(own)}
    # Two floors hold units that build on each other; the order is given by hand.
    allowed = ALLOWED_SIDEWAYS.get(own, set())
    assert above <= allowed, f"{own} (floor {floor(own)}) imports {sorted(above - allowed)}"


ALLOWED_SIDEWAYS = {
    "errors": {"types"},
    "config": {"address"},
    "configfile": {"address", "config"},
    "preprocess": {"sidecar"},
    "view": {"preprocess"},
    "search": {"motion"},
    "cadence": {"motion"},
    "homeassistant": {"messages"},
    "commands": {"messages", "homeassistant"},
    # From the socket up to what the daemon calls: each knows only those before it.
    "salvage": {"clock"},
    "outbox": {"clock", "salvage"},
    "broker": {"clock", "systemd"},
    "connection": {"broker"},
    "courier": {"outbox"},
    "mqtt": {"broker", "clock", "complaint", "connection", "courier", "outbox"},
    "visit": {"broker"},
    "brokerprobe": {"broker", "visit"},
    "brokerwatch": {"visit"},
}


def test_floors_name_every_module_and_no_other() -> None:
    """A new module has to be given its floor, a removed one leaves the table."""
    assert {unit(p) for p in modules()} == set().union(*FLOORS)


@pytest.mark.parametrize("name", sorted(PURE))
def test_decision_imports_nothing_of_the_outside_world(name: str) -> None:
    """Floor 2 has no picture library, clock, socket, thread or chance."""
    found = {n.split(".")[0] for n in imports(PACKAGE / f"{name}.py")} & OUTSIDE_WORLD
    assert not found


def test_package_never_imports_the_tools() -> None:
    """The daemon runs without the desktop tools."""
    tools = {p.stem for p in (ROOT / "tools").glob("*.py")}
    offenders = {
        (str(path.relative_to(ROOT)), name)
        for path in modules()
        for name in imports(path)
        if name.split(".")[0] in tools
    }
    assert not offenders
