"""What the control port can do with the detector: its scene, its effects, the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nifsdc_sim import scene
from nifsdc_sim.arrays import DetectorArray
from nifsdc_sim.control_port import BadRequest, Handler


class Physics:
    """Handlers of the control port."""

    def __init__(self, array: DetectorArray) -> None:
        self._array = array

    def handlers(self) -> dict[str, Handler]:
        """Return what it obeys."""
        return {"scene": self._set_scene, "effects": self._set_effects, "truth": self._write_truth}

    def _set_scene(self, request: Mapping[str, Any]) -> dict[str, Any]:
        parameters = {key: value for key, value in request.items() if key not in ("command", "name")}
        try:
            light = scene.named(str(request.get("name")), **parameters)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        self._array.set_scene(light)
        return {}

    def _set_effects(self, request: Mapping[str, Any]) -> dict[str, Any]:
        wishes = request.get("set", [])
        if not isinstance(wishes, list) or not all(isinstance(wish, str) for wish in wishes):
            raise BadRequest(f"set is {wishes!r}, expected a list of texts such as cosmic-rays=5")
        try:
            self._array.set_effects(*wishes)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return {"effects": self._array.effects}

    def _write_truth(self, request: Mapping[str, Any]) -> dict[str, Any]:
        file = request.get("file")
        if not isinstance(file, str):
            raise BadRequest(f"file is {file!r}, expected the name of a file to write, in NumPy's npz format")
        truth = self._array.truth()
        try:
            with Path(file).open("wb") as stream:
                np.savez(stream, allow_pickle=False, **truth)
        except (OSError, ValueError) as error:
            raise BadRequest(f"cannot write the truth: {error}") from None
        return {"arrays": {name: list(array.shape) for name, array in truth.items()}}
