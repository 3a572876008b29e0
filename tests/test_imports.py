"""Imports point one way: the layers of the design, checked on the source."""

from __future__ import annotations

import ast
from pathlib import Path

import nifsdc

ROOT = Path(nifsdc.__file__).parent

ALLOWED: dict[str, set[str]] = {
    "records": set(),
    "dictionary": set(),
    "readout": set(),
    "timing": set(),
    "sdsu": set(),
    "database": {"records", "dictionary"},
    "data": {"timing", "readout"},
    "camera": {"sdsu", "readout", "timing"},
    "tasks": {"camera", "sdsu", "readout", "timing", "data", "dictionary"},
    "control": {"tasks", "camera", "sdsu", "timing", "data", "dictionary", "database", "records", "config"},
    "client": set(),
    "quicklook": {"data"},
    "screens": {"database", "records", "quicklook"},
    "cli": {
        *("sdsu", "timing", "control", "camera", "client", "quicklook", "screens"),
        *("database", "config", "data", "records", "dictionary"),
    },
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "nifsdc":
                rooms |= {alias.name for alias in node.names if (ROOT / alias.name).is_dir()}
            elif node.module.startswith("nifsdc."):
                rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nifsdc.")}
    return rooms


def test_every_room_imports_only_what_its_layer_may() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports nifsdc.{room}"
        for folder, allowed in ALLOWED.items()
        for path in (ROOT / folder).rglob("*.py")
        for room in imported_rooms(path) - allowed - {folder}
    ]
    assert wrong == []


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == set(ALLOWED)


def test_caproto_is_spoken_to_in_one_place_only() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "import caproto" in (text := path.read_text(encoding="utf-8")) or "from caproto" in text
    }
    assert users
    allowed = ("records/ca_", "client/repeater.py")
    assert all(user.startswith(allowed) for user in users), users


def test_the_ioc_never_imports_its_simulator() -> None:
    users = [path for path in ROOT.rglob("*.py") if "import nifsdc_sim" in path.read_text(encoding="utf-8")]
    assert users == []
