"""An image made small and visible: binned, stretched, written as a PNG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

MOST_PIXELS = 512
LOW_PERCENT = 1.0
HIGH_PERCENT = 99.5
GREYS = 255


def binned(image: NDArray[Any], most: int = MOST_PIXELS) -> NDArray[np.float32]:
    """Return an image of at most ``most`` pixels a side, each the mean of a square of the original.

    Parameters
    ----------
    image
        shape (rows, columns); what does not fill a square at the upper and right edge is left out
    most
        pixels of the longer side
    """
    rows, columns = image.shape
    factor = max(1, min(-(-max(rows, columns) // most), rows, columns))
    whole = image[: rows // factor * factor, : columns // factor * factor]
    squares: NDArray[Any] = whole.reshape(whole.shape[0] // factor, factor, whole.shape[1] // factor, factor)
    means: NDArray[np.float32] = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


def stretched(
    image: NDArray[np.float32], low: float = LOW_PERCENT, high: float = HIGH_PERCENT
) -> NDArray[np.uint8]:
    """Return an image as greys: black at the ``low`` percentile, white at the ``high`` one.

    Pixels that are not finite are black; an image without contrast is all grey.
    """
    finite = np.isfinite(image)
    if not finite.any():
        return np.zeros(image.shape, np.uint8)
    black, white = np.percentile(image[finite], (low, high))
    if not white > black:
        return np.where(finite, np.uint8(GREYS // 2), np.uint8(0))
    scaled = (image - black) * (GREYS / (white - black))
    return np.where(finite, np.rint(np.clip(scaled, 0, GREYS)), 0).astype(np.uint8)


def write_png(
    image: NDArray[Any], path: Path, *, most: int = MOST_PIXELS, text: Mapping[str, str] | None = None
) -> None:
    """Write an image as a PNG that whoever looks at it finds whole: the old one or the new one.

    Parameters
    ----------
    image
        shape (rows, columns), row 0 at the bottom, as the picture shows it
    path
        of the picture
    most
        pixels of its longer side
    text
        kept in the PNG's text chunks
    """
    greys = stretched(binned(image, most))
    info = PngImagePlugin.PngInfo()
    for name, value in (text or {}).items():
        info.add_text(name, value)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(np.flipud(greys)).save(fresh, "PNG", pnginfo=info, compress_level=3)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def fits_to_png(path: Path, out: Path, *, extension: str = "SCI", most: int = MOST_PIXELS) -> None:
    """Draw an extension of a product as a PNG.

    Raises
    ------
    OSError, KeyError
        when the file cannot be read or does not have the extension
    """
    with fits.open(path, memmap=False) as hdus:
        image = np.asarray(hdus[extension].data)
        text = {"Title": str(hdus[0].header.get("DATALAB", path.stem))}
    write_png(image, out, most=most, text=text)
