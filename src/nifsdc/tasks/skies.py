"""The skies that are taken off images for display: one for views, one for runs (SDN 11.03 section 4.6.3).

What is stored keeps its sky: only displays see an image without it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from nifsdc.camera.accumulator import SCIENCE, Image
from nifsdc.data import sky_file
from nifsdc.data.sky_file import SkyError
from nifsdc.readout.sky import Mode, SkyFrames
from nifsdc.tasks.messages import ObservationKind

MODES = {ObservationKind.VIEW: Mode.IDLE, ObservationKind.OBSERVE: Mode.RUN}


class Skies:
    """Loads skies in one thread and takes them off images in another.

    Parameters
    ----------
    shape
        rows and columns of an image
    folder
        where the files lie, in it or in the folders of the nights in it
    """

    def __init__(self, shape: tuple[int, int], folder: Path) -> None:
        self._frames = SkyFrames(shape)
        self._folder = folder

    def choose(self, kind: ObservationKind, name: str) -> None:
        """Take the image of a file off those of a kind from now on; without a name, nothing.

        The file is read now: it may be another one under the same name than the last time.

        Raises
        ------
        SkyError
            when the file cannot be a sky; then nothing is taken off
        """
        self._frames.forget(MODES[kind])
        if not name:
            return
        image, seconds = sky_file.read(sky_file.find(self._folder, name))
        try:
            self._frames.load(MODES[kind], image, seconds)
        except ValueError:
            rows, columns = image.shape
            raise SkyError(f"{name}: is {columns} x {rows} pixels") from None

    def chosen(self, kind: ObservationKind) -> bool:
        """Whether anything is taken off images of a kind."""
        return self._frames.loaded(MODES[kind])

    def off(self, kind: ObservationKind, images: tuple[Image, ...], seconds: float) -> tuple[Image, ...]:
        """Return images without their sky, where there is one.

        Parameters
        ----------
        kind
            in which mode they were taken
        images
            of which those of the sky are changed, and those of reference samples are not
        seconds
            in which their counts came
        """
        if not self.chosen(kind):
            return images
        return tuple(
            dataclasses.replace(image, pixels=self._without(kind, image, seconds))
            if image.name.partition(":")[0] == SCIENCE
            else image
            for image in images
        )

    def _without(self, kind: ObservationKind, image: Image, seconds: float) -> np.ndarray:
        rate = image.keywords.get("BUNIT") == sky_file.RATE
        pixels = image.pixels.astype(np.float32, copy=False)
        return self._frames.subtract(MODES[kind], pixels, 1.0 if rate else seconds)
