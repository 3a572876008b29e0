"""Frames as areaDetector's image type: NTNDArray of the normative types, as its plugin NDPluginPva gives it.

Fields, their order and the names of structures are those that ADCore's converter writes and reads (ADCore,
ntndArrayConverter; EPICS V4 normative types, section NTNDArray). The fastest axis comes first in
``dimension``; row 0, the bottom of the image, is the first row.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from p4p import Type, Value

from nifsdc.data.frame import Array, Card, CardValue
from nifsdc.quicklook.follow import Seen

_TIME = (
    "S",
    "time_t",
    [("secondsPastEpoch", "l"), ("nanoseconds", "i"), ("userTag", "i")],
)
_ALARM = ("S", "alarm_t", [("severity", "i"), ("status", "i"), ("message", "s")])

NDARRAY = Type(
    [
        (
            "value",
            (
                "U",
                None,
                [
                    ("booleanValue", "a?"),
                    ("byteValue", "ab"),
                    ("shortValue", "ah"),
                    ("intValue", "ai"),
                    ("longValue", "al"),
                    ("ubyteValue", "aB"),
                    ("ushortValue", "aH"),
                    ("uintValue", "aI"),
                    ("ulongValue", "aL"),
                    ("floatValue", "af"),
                    ("doubleValue", "ad"),
                ],
            ),
        ),
        ("codec", ("S", "codec_t", [("name", "s"), ("parameters", "v")])),
        ("compressedSize", "l"),
        ("uncompressedSize", "l"),
        (
            "dimension",
            (
                "aS",
                "dimension_t",
                [("size", "i"), ("offset", "i"), ("fullSize", "i"), ("binning", "i"), ("reverse", "?")],
            ),
        ),
        ("uniqueId", "i"),
        ("dataTimeStamp", _TIME),
        (
            "attribute",
            (
                "aS",
                "epics:nt/NTAttribute:1.0",
                [
                    ("name", "s"),
                    ("value", "v"),
                    ("tags", "as"),
                    ("descriptor", "s"),
                    ("alarm", _ALARM),
                    ("timeStamp", _TIME),
                    ("sourceType", "i"),
                    ("source", "s"),
                ],
            ),
        ),
        ("descriptor", "s"),
        ("alarm", _ALARM),
        ("timeStamp", _TIME),
        (
            "display",
            (
                "S",
                "display_t",
                [
                    ("limitLow", "d"),
                    ("limitHigh", "d"),
                    ("description", "s"),
                    ("format", "s"),
                    ("units", "s"),
                ],
            ),
        ),
    ],
    id="epics:nt/NTNDArray:1.0",
)

_MEMBERS = {
    "uint8": "ubyteValue",
    "uint16": "ushortValue",
    "int16": "shortValue",
    "int32": "intValue",
    "float32": "floatValue",
    "float64": "doubleValue",
}
"""member of the union for each element type that an array of a frame may have"""
_MONO = 0
"""of areaDetector's attribute ColorMode"""
_SHOWN_EXTENSIONS = ("", "SCI", "SCI:1")
"""extensions whose keywords are true of the image that is looked at"""
_MOST_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Attribute:
    """One of an image's attributes."""

    name: str
    value: str | int | float
    descriptor: str


def empty() -> Value:
    """Return what a stream holds before its first image: no pixels, no dimensions, as areaDetector has it."""
    return Value(NDARRAY, {"attribute": [_as_field(Attribute("ColorMode", _MONO, "Color mode"))]})


def image_value(seen: Seen, array: str, stream: str, *, now: float | None = None) -> Value:
    """Return an array of a frame as an NTNDArray.

    Parameters
    ----------
    seen
        the frame, with its number in the ring, which becomes ``uniqueId``
    array
        name of the array, which has two dimensions
    stream
        in which it is shown
    now
        Unix time in seconds for ``timeStamp``; the present if None
    """
    pixels = seen.frame.arrays[array]
    stamp = time.time() if now is None else now
    attributes = list(_attributes(seen, array, stream))
    return Value(
        NDARRAY,
        {
            "value": (_MEMBERS[str(pixels.dtype)], pixels.reshape(-1)),
            "compressedSize": pixels.nbytes,
            "uncompressedSize": pixels.nbytes,
            "dimension": [_dimension(size) for size in reversed(pixels.shape)],
            "uniqueId": seen.sequence & _MOST_INT32,
            "dataTimeStamp": _time(_taken(seen.frame.header.cards, stamp)),
            "attribute": [_as_field(attribute) for attribute in attributes],
            "descriptor": f"{stream}: {seen.frame.header.kind.value}",
            "timeStamp": _time(stamp),
            "display.units": _unit(attributes),
        },
    )


def pixels_of(value: Value) -> Array | None:
    """Return the image of an NTNDArray, shape (rows, columns), or None when it has none yet.

    Raises
    ------
    ValueError
        when it is compressed, or no image of two dimensions
    """
    shape = tuple(int(dimension.size) for dimension in reversed(value.dimension))
    if value.value is None or not shape:
        return None
    if value.codec.name:
        raise ValueError(f"the image is compressed with {value.codec.name}; expected plain pixels")
    if len(shape) != 2:
        raise ValueError(f"an array of {len(shape)} dimensions; expected an image of 2")
    return np.asarray(value.value).reshape(shape)


def attributes_of(value: Value) -> list[Attribute]:
    """Return the attributes of an NTNDArray that have a plain value."""
    return [
        Attribute(str(field.name), field.value, str(field.get("descriptor", "")))
        for field in value.attribute
        if isinstance(field.value, str | int | float)
    ]


def _attributes(seen: Seen, array: str, stream: str) -> Iterator[Attribute]:
    header = seen.frame.header
    shown = [card for card in header.cards if card.extension in _SHOWN_EXTENSIONS]
    values: dict[str, CardValue] = {card.keyword: card.value for card in shown}
    yield Attribute("ColorMode", _MONO, "Color mode")
    yield Attribute("ImageCounter", seen.sequence & _MOST_INT32, "frames since the IOC began")
    acquired = values.get("EXPTIME", values.get("EXPRQ"))
    if isinstance(acquired, int | float):
        yield Attribute("AcquireTime", float(acquired), "exposure time, s")
    yield Attribute("Stream", stream, "quick-look stream")
    yield Attribute("FrameKind", header.kind.value, "science, view, preview, read, coadd or idle")
    yield Attribute("FrameNumber", header.number, "of the frames of a kind in an exposure")
    yield Attribute("ExposureId", header.exposure_id, "identifier of the exposure, never used twice")
    yield Attribute("DataLabel", header.label, "data label, if it has one")
    yield Attribute("ArrayName", array, "array of the frame")
    yield Attribute("FramesSkipped", seen.skipped, "passed over for a newer one")
    for card in shown:
        if card.value is not None:
            value = int(card.value) if isinstance(card.value, bool) else card.value
            yield Attribute(card.keyword, value, card.comment)


def _as_field(attribute: Attribute) -> dict[str, object]:
    # areaDetector knows integers of 32 and 64 bits, doubles and text, but no truth values.
    value = attribute.value
    if isinstance(value, int):
        typed: object = ("i" if -_MOST_INT32 <= value <= _MOST_INT32 else "l", value)
    else:
        typed = ("d", value) if isinstance(value, float) else ("s", value)
    return {
        "name": attribute.name,
        "value": typed,
        "descriptor": attribute.descriptor,
        "source": "nifsdc",
    }


def _dimension(size: int) -> dict[str, object]:
    return {"size": size, "offset": 0, "fullSize": size, "binning": 1, "reverse": False}


def _taken(cards: tuple[Card, ...], otherwise: float) -> float:
    """Return when an image was taken as Unix time: its DATE-OBS, or else what is given."""
    for card in cards:
        if card.keyword == "DATE-OBS" and isinstance(card.value, str):
            try:
                return datetime.fromisoformat(card.value).replace(tzinfo=UTC).timestamp()
            except ValueError:
                break
    return otherwise


def _time(seconds: float) -> dict[str, int]:
    whole = math.floor(seconds)
    return {"secondsPastEpoch": whole, "nanoseconds": min(999_999_999, int((seconds - whole) * 1e9))}


def _unit(attributes: list[Attribute]) -> str:
    return next((str(one.value) for one in attributes if one.name == "BUNIT"), "")
