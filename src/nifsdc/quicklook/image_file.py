"""An image that came over PVAccess as a FITS file for a display."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from p4p import Value

from nifsdc.data.fits_image import build
from nifsdc.data.frame import Card, CardValue, Frame, FrameError, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS
from nifsdc.quicklook.ndarray import Attribute, attributes_of, pixels_of

_KINDS = {keyword.name: (keyword.kind, keyword.extension) for keyword in HEADER_KEYWORDS}


def write_image(value: Value, path: Path) -> str:
    """Write an image over the one before it, whole at any moment, and return what to call it.

    A display that has mapped the file before keeps what it has: the new file only takes its name.

    Parameters
    ----------
    value
        an NTNDArray; its attributes that are FITS keywords go into the header
    path
        of the file

    Raises
    ------
    ValueError
        when there is no image yet, or not one that a file can hold
    OSError
        when it cannot be written
    """
    pixels = pixels_of(value)
    if pixels is None:
        raise ValueError("there is no image yet")
    attributes = attributes_of(value)
    said = {attribute.name: str(attribute.value) for attribute in attributes}
    frame = Frame.build(
        said.get("ExposureId", ""),
        FrameKind.VIEW,
        {"science": pixels},
        night="",
        cards=_cards(attributes),
    )
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with fresh.open("wb") as file:
            file.writelines(build(frame))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    words = (said.get("Stream", ""), said.get("DataLabel", ""), said.get("FrameKind", ""), value.uniqueId)
    return " ".join(str(word) for word in words if word not in ("", None))


def _cards(attributes: Iterable[Attribute]) -> Iterator[Card]:
    for attribute in attributes:
        kind, extension = _KINDS.get(attribute.name, ("", ""))
        value: CardValue = bool(attribute.value) if kind == "bool" else attribute.value
        try:
            yield Card(attribute.name, value, attribute.descriptor, extension)
        except FrameError:  # an attribute that is no keyword
            continue
