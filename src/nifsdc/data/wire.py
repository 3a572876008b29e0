"""Messages of the data server, and entries of the spool: JSON fields and binary arrays, with checksums.

A message is a prelude of 28 bytes, the fields as JSON, then the arrays one after the other in the order the
fields describe them. The prelude holds the lengths, a CRC-32 of the fields and one of the prelude itself; the
fields hold a CRC-32 for each array. Numbers of the prelude are big endian; arrays are little endian.
No input and no output here: `pack` returns buffers, `unpack` takes a function that reads bytes.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nifsdc.data.errors import WireError
from nifsdc.data.frame import ArraySpec, Frame, FrameError, FrameHeader

MAGIC = b"NIFSDC\x00\x01"
PRELUDE = struct.Struct(">8sIIQI")
MOST_FIELD_BYTES = 4 << 20
MOST_ARRAY_BYTES = 2 << 30

Buffer = bytes | memoryview
ReadInto = Callable[[memoryview], None]
"""fills the whole of a buffer, or raises"""


@dataclass(frozen=True)
class Message:
    """What is said to the data server, or answered by it."""

    fields: Mapping[str, Any]
    """``type`` and whatever goes with it; JSON values"""
    frame: Frame | None = field(default=None, compare=False)


def pack(message: Message) -> list[Buffer]:
    """Return the bytes of a message, as buffers to be sent in order; arrays are not copied."""
    fields = dict(message.fields)
    arrays: list[Buffer] = []
    if message.frame is not None:
        fields["frame"] = message.frame.header.as_tree()
        for spec in message.frame.header.arrays:
            arrays.append(_as_bytes(message.frame.arrays[spec.name]))
        fields["crc"] = [zlib.crc32(array) for array in arrays]
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii")
    total = sum(len(array) for array in arrays)
    prelude = PRELUDE.pack(MAGIC, len(text), zlib.crc32(text), total, 0)
    prelude = prelude[:-4] + zlib.crc32(prelude[:-4]).to_bytes(4, "big")
    return [prelude + text, *arrays]


def _as_bytes(array: np.ndarray[Any, np.dtype[Any]]) -> memoryview:
    little = array if sys.byteorder == "little" else array.byteswap()
    return little.reshape(-1).view(np.uint8).data


def unpack(read_into: ReadInto) -> Message:
    """Read one message.

    Parameters
    ----------
    read_into
        where the bytes come from; what it raises passes through

    Raises
    ------
    WireError
        when the bytes are no message, or damaged
    """
    text, array_bytes = _read_fields(read_into)
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise WireError(f"the fields of a message are not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise WireError("the fields of a message have no type")
    frame = None
    if "frame" in fields:
        frame = _read_frame(fields.pop("frame"), fields.pop("crc", None), array_bytes, read_into)
    elif array_bytes:
        raise WireError(f"{array_bytes} bytes of arrays without a frame to describe them")
    return Message(fields, frame)


def _read_fields(read_into: ReadInto) -> tuple[bytes, int]:
    prelude = bytearray(PRELUDE.size)
    read_into(memoryview(prelude))
    magic, text_length, text_crc, array_bytes, own_crc = PRELUDE.unpack(prelude)
    if magic != MAGIC:
        raise WireError(f"a message begins with {magic!r}; expected {MAGIC!r}: both sides must be nifsdc")
    if zlib.crc32(bytes(prelude[:-4])) != own_crc:
        raise WireError("the checksum of a message's beginning is wrong: it was damaged on its way")
    if text_length > MOST_FIELD_BYTES or array_bytes > MOST_ARRAY_BYTES:
        raise WireError(f"a message of {text_length} and {array_bytes} bytes is longer than any frame")
    text = bytearray(text_length)
    read_into(memoryview(text))
    if zlib.crc32(text) != text_crc:
        raise WireError("the checksum of a message's fields is wrong: they were damaged on their way")
    return bytes(text), array_bytes


def _read_frame(tree: Any, crcs: Any, array_bytes: int, read_into: ReadInto) -> Frame:
    try:
        header = FrameHeader.from_tree(tree)
    except FrameError as error:
        raise WireError(str(error)) from error
    if not isinstance(crcs, list) or len(crcs) != len(header.arrays) or header.nbytes != array_bytes:
        raise WireError(f"frame {header.key} does not describe the {array_bytes} bytes that follow it")
    arrays = {}
    damaged = []
    for spec, crc in zip(header.arrays, crcs, strict=True):
        array = _empty(spec)
        buffer = array.reshape(-1).view(np.uint8).data
        read_into(buffer)
        if zlib.crc32(buffer) != crc:
            damaged.append(spec.name)
        if sys.byteorder != "little":
            array.byteswap(inplace=True)
        arrays[spec.name] = array
    if damaged:
        raise WireError(f"frame {header.key}: wrong checksum of {', '.join(damaged)}: damaged on its way")
    return Frame(header, arrays)


def _empty(spec: ArraySpec) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        return np.empty(spec.shape, spec.dtype)
    except (MemoryError, ValueError) as error:
        raise WireError(f"no memory for array {spec.name} of {spec.nbytes} bytes: {error}") from error
