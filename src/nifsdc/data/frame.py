"""A frame: arrays of pixels and the header that goes with them, from the readout to the file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

CardValue = str | int | float | bool | None
Array = NDArray[Any]

SCIENCE = "science"
REFERENCE = "reference"
VARIANCE = "variance"
QUALITY = "quality"

TYPES = ("uint8", "uint16", "int16", "int32", "float32", "float64")
"""element types an array of a frame may have"""


RESERVED = frozenset(
    {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "NEXTEND", "PCOUNT", "GCOUNT", "EXTNAME", "EXTVER"}
    | {"BZERO", "BSCALE", "BLANK", "DATASUM", "CHECKSUM", "COMMENT", "HISTORY", "CONTINUE", "END"}
)
"""keywords that describe a file's own structure, which whoever writes the file sets"""


class FrameError(ValueError):
    """A frame that cannot be what it says: ours to mend, not the user's."""


@dataclass(frozen=True)
class Card:
    """One header keyword.

    Raises
    ------
    FrameError
        when the value cannot stand in a header
    """

    keyword: str
    value: CardValue
    comment: str = ""
    extension: str = ""
    """name of the extension whose header it belongs to, of all its versions (``SCI``) or of one (``SCI:2``);
    empty for the primary header"""

    def __post_init__(self) -> None:
        if self.keyword in RESERVED or re.fullmatch(r"NAXIS[0-9]+", self.keyword):
            raise FrameError(f"{self.keyword} describes the file itself and is set by its writer")
        if not re.fullmatch(r"[A-Z0-9_-]{1,8}|HIERARCH [A-Za-z0-9_ -]{1,60}", self.keyword):
            raise FrameError(f"{self.keyword!r} is no keyword: up to 8 of A-Z 0-9 _ -, or HIERARCH and words")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise FrameError(f"{self.keyword} is {self.value}: a header holds finite numbers only; give None")
        for text in (self.keyword, self.comment, self.value if isinstance(self.value, str) else ""):
            if not (text.isascii() and (text.isprintable() or not text)):
                raise FrameError(f"{self.keyword}: {text!r} has characters that a header cannot hold")

    def as_list(self) -> list[CardValue]:
        """Return it as JSON would have it: what `Card` takes."""
        return [self.keyword, self.value, self.comment, self.extension]


class FrameKind(Enum):
    """What a frame is."""

    SCIENCE = "science"
    """the result of an observation, to be stored"""
    VIEW = "view"
    """the result of a view, to be shown"""
    PREVIEW = "preview"
    """an observation as far as it has got, to be shown"""
    READ = "read"
    """one read as it came"""
    COADD = "coadd"
    """one exposure of several"""
    FRAMES = "frames"
    """frames of a run, as rows of the table that its file is"""
    IDLE = "idle"
    """what the detector sees while nothing is asked of it"""


@dataclass(frozen=True)
class ArraySpec:
    """Name, element type and shape of one array of a frame."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.dtype not in TYPES:
            raise FrameError(f"array {self.name} is {self.dtype}; expected one of {', '.join(TYPES)}")
        if not self.shape or min(self.shape) < 0:
            raise FrameError(f"array {self.name} has the shape {self.shape}")

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class FrameHeader:
    """What a frame is and belongs to."""

    exposure_id: str
    """unique over all time; with kind and number it makes storing twice harmless"""
    kind: FrameKind
    number: int
    """counts frames of one kind within an exposure"""
    cards: tuple[Card, ...]
    label: str
    """data label, from which the file gets its name; empty for a running number"""
    night: str
    """UTC date of the observation, ``20260301``: the folder its file goes to"""
    arrays: tuple[ArraySpec, ...]
    scratch: str = ""
    """name of the scratch file it goes to; empty for a run, which has a label or a number"""
    stream: str = ""
    """name of the quick-look stream that it is part of; empty where the camera names none"""
    streams: tuple[tuple[str, str], ...] = ()
    """arrays that are shown in a stream of their own, each with the name of that"""
    folder: str = ""
    """folder below that of the night, for what is stored beside an image: ``raw/T051500_1a2b3c4d``"""
    reads: int = 0
    """reads of its exposure that were handed on before it, to be stored as frames of their own; 0 once its
    cards tell what became of them"""
    coadds: int = 0
    """coadds of its exposure likewise"""

    @property
    def key(self) -> str:
        """What tells this frame from every other one."""
        return f"{self.exposure_id}/{self.kind.value}/{self.number}"

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(spec.nbytes for spec in self.arrays)

    def as_tree(self) -> dict[str, Any]:
        """Return it as JSON would have it; `from_tree` is the inverse."""
        return {
            "exposure_id": self.exposure_id,
            "kind": self.kind.value,
            "number": self.number,
            "label": self.label,
            "night": self.night,
            "scratch": self.scratch,
            "stream": self.stream,
            "streams": [list(pair) for pair in self.streams],
            "folder": self.folder,
            "reads": self.reads,
            "coadds": self.coadds,
            "cards": [card.as_list() for card in self.cards],
            "arrays": [[spec.name, spec.dtype, list(spec.shape)] for spec in self.arrays],
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> FrameHeader:
        """Read what `as_tree` made.

        Raises
        ------
        FrameError
            when an entry is missing or not what it should be
        """
        try:
            return cls(
                exposure_id=str(tree["exposure_id"]),
                kind=FrameKind(tree["kind"]),
                number=int(tree["number"]),
                cards=tuple(Card(*card) for card in tree["cards"]),
                label=str(tree["label"]),
                night=str(tree["night"]),
                arrays=tuple(
                    ArraySpec(str(name), str(dtype), tuple(map(int, shape)))
                    for name, dtype, shape in tree["arrays"]
                ),
                scratch=str(tree.get("scratch", "")),
                stream=str(tree.get("stream", "")),
                streams=tuple((str(array), str(name)) for array, name in tree.get("streams", ())),
                folder=str(tree.get("folder", "")),
                reads=int(tree.get("reads", 0)),
                coadds=int(tree.get("coadds", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"not a frame header: {error}") from error

    def to_json(self) -> bytes:
        """Return it as a line of JSON."""
        return json.dumps(self.as_tree(), separators=(",", ":"), allow_nan=False).encode("ascii")

    @classmethod
    def from_json(cls, text: bytes) -> FrameHeader:
        """Read what `to_json` made; raises FrameError."""
        try:
            tree = json.loads(text)
        except ValueError as error:
            raise FrameError(f"not a frame header: {error}") from error
        if not isinstance(tree, Mapping):
            raise FrameError(f"not a frame header: {type(tree).__name__}")
        return cls.from_tree(tree)


@dataclass(frozen=True, eq=False)
class Frame:
    """A header and its arrays, by name; the arrays are contiguous and in the machine's byte order."""

    header: FrameHeader
    arrays: Mapping[str, Array]

    @classmethod
    def build(
        cls,
        exposure_id: str,
        kind: FrameKind,
        arrays: Mapping[str, Array],
        *,
        night: str,
        number: int = 0,
        label: str = "",
        scratch: str = "",
        stream: str = "",
        streams: Mapping[str, str] | None = None,
        folder: str = "",
        reads: int = 0,
        coadds: int = 0,
        cards: Iterable[Card] = (),
    ) -> Frame:
        """Put a frame together.

        Parameters
        ----------
        exposure_id, kind, number, label, scratch, stream, folder, reads, coadds, night, cards
            as in `FrameHeader`
        streams
            names of streams by the names of arrays
        arrays
            ``science`` (rows, columns) and others; (rows, columns), row 0 at the bottom. ``reference`` has
            the shape (amplifiers, lines, samples). A name may carry a version: ``science:2``.

        Raises
        ------
        FrameError
            when an array has an element type that no file can hold
        """
        plain = {
            name: np.ascontiguousarray(array, array.dtype.newbyteorder("=")) for name, array in arrays.items()
        }
        specs = tuple(ArraySpec(name, str(array.dtype), array.shape) for name, array in plain.items())
        header = FrameHeader(
            exposure_id=exposure_id,
            kind=kind,
            number=number,
            cards=tuple(cards),
            label=label,
            night=night,
            arrays=specs,
            scratch=scratch,
            stream=stream,
            streams=tuple((streams or {}).items()),
            folder=folder,
            reads=reads,
            coadds=coadds,
        )
        return cls(header, plain)

    @property
    def image(self) -> Array:
        """The array to look at: ``science``, or the first with two dimensions."""
        if SCIENCE in self.arrays:
            return self.arrays[SCIENCE]
        for array in self.arrays.values():
            if array.ndim == 2:
                return array
        raise FrameError(
            f"frame {self.header.key} has no image; it has {', '.join(self.arrays) or 'nothing'}"
        )
