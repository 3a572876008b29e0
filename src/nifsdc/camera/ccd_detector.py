"""A CCD as an installation describes it (``db/detectors/ccd*.yaml``): outputs, prescan, speeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nifsdc.camera.layout import LayoutError
from nifsdc.sdsu.windows import CcdGeometry, Corner

Made = TypeVar("Made")

CORNERS: Mapping[str, Corner] = {corner.name.lower().replace("_", "-"): corner for corner in Corner}
"""where an output can be: ``bottom-left`` ..."""


@dataclass(frozen=True)
class Speed:
    """What goes with a readout speed, for the header."""

    gain: float
    """electrons per ADU"""
    read_noise: float
    """electrons"""


@dataclass(frozen=True)
class CcdDetector:
    """A CCD."""

    name: str
    geometry: CcdGeometry
    slow: Speed
    """after LSP"""
    fast: Speed
    """after HSP"""

    @classmethod
    def load(cls, path: Path) -> CcdDetector:
        """Read a CCD from a YAML file.

        Raises
        ------
        LayoutError
            when the file cannot be read, or an entry is missing or wrong
        """
        return cls.read(path, cls.from_tree)

    @staticmethod
    def read(path: Path, made: Callable[[Mapping[str, Any]], Made]) -> Made:
        """Read a file and return what a function makes of its entries; raises LayoutError as `load` does."""
        try:
            return made(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise LayoutError(f"{path}: cannot be read: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise LayoutError(f"{path}: {_problem(error)}") from error

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> CcdDetector:
        """Return a CCD by the entries of its file; raises KeyError, TypeError or ValueError."""
        outputs = tuple(CORNERS[corner] for corner in tree["outputs"])
        prescan, overscan = int(tree["prescan"]), int(tree["overscan"])
        rows = int(tree["rows"]) // len({corner.top for corner in outputs})
        columns = int(tree["columns"]) // len({corner.right for corner in outputs})
        geometry = CcdGeometry(rows, prescan + columns + overscan, outputs, prescan, overscan)
        speeds = {
            name: Speed(float(tree["speeds"][name]["gain"]), float(tree["speeds"][name]["read_noise"]))
            for name in ("slow", "fast")
        }
        return cls(str(tree["name"]), geometry, **speeds)


def _problem(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"entry {error} is missing, or no corner ({', '.join(CORNERS)})"
    return f"an entry is of the wrong kind: {error}"
