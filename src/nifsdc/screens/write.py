"""A folder with all screens: what was drawn by hand and what follows from the records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import parse

from nifsdc.database import Definition
from nifsdc.quicklook.streams import run_stream
from nifsdc.screens.pages import OVERVIEW, Camera, make_screens

CAMERAS = {"nifs": "nifs:", "ccd": "ccd:", "ft": "ft:"}
"""the kinds of camera that screens are shipped for, with the prefix of each"""


def camera(name: str, definition: Definition, top: str = "") -> Camera:
    """Return a kind of camera whose screens are made.

    Parameters
    ----------
    name
        nifs, ccd or ft
    definition
        its records
    top
        prefix of the records; empty for that of the camera's shipped configuration
    """
    defaults = {each.name: each.default for each in definition.parameters}
    return Camera(name, definition, top or CAMERAS[name], run_stream(defaults))


def screens(cameras: Sequence[Camera], drawn: Path) -> dict[str, str]:
    """Return the text of every screen by its path.

    Parameters
    ----------
    cameras
        kinds of camera
    drawn
        folder with the screens that were drawn by hand
    """
    overview = drawn / OVERVIEW
    root = parse(overview).getroot()
    size = int(root.findtext("width", "0")), int(root.findtext("height", "0"))
    return {OVERVIEW: overview.read_text(encoding="utf-8"), **make_screens(cameras, size)}


def write(texts: dict[str, str], folder: Path) -> None:
    """Write screens into a folder, in place of those of the same names."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
