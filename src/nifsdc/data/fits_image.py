"""A frame as the bytes of a FITS file: astropy's headers, our own data units and checksums.

A product has a primary header without data, then one image extension for each array: SCI (extension version
1), or COADD or READ in the file of one of those, then variance, quality and whatever else the frame has, the
reference samples last. Numpy's row 0 is the first row of the file, which displays draw at the bottom.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError, VerifyWarning
from numpy.typing import NDArray

from nifsdc.data import checksum
from nifsdc.data.frame import Array, ArraySpec, Card, Frame, FrameError
from nifsdc.data.header import completed
from nifsdc.data.packing import Packing, packed

LOG = logging.getLogger("nifsdc.fits")

CARD = 80
BLOCK = 2880
"""bytes; every header and data unit fills whole blocks (FITS 4.0 section 3.1)"""

_BITPIX = {"uint8": 8, "uint16": 16, "int16": 16, "int32": 32, "float32": -32, "float64": -64}


@dataclass(frozen=True)
class Extension:
    """How an array of a frame appears in a file."""

    name: str
    order: int
    unit: str
    meaning: str


EXTENSIONS = {
    "science": Extension("SCI", 0, "adu", "image; first row at the bottom"),
    "variance": Extension("VAR", 1, "adu2", "variance of the image"),
    "quality": Extension("DQ", 2, "", "quality of each pixel; 0 is good"),
    "coadd": Extension("COADD", 3, "adu", "one exposure of those added up"),
    "read": Extension("READ", 4, "adu", "one read as it came"),
    "reference": Extension("REF", 9, "adu", "reference samples by amplifier and line"),
}


def extension_of(array: str) -> tuple[Extension, int]:
    """Return extension and extension version of an array's name: ``read:12`` is version 12 of READ.

    Raises
    ------
    FrameError
        when no extension is known for it
    """
    name, _, version = array.partition(":")
    if name not in EXTENSIONS or not (version or "1").isdigit():
        raise FrameError(
            f"array {array!r} has no extension to go to; known are {', '.join(EXTENSIONS)}, with :version"
        )
    return EXTENSIONS[name], int(version or 1)


def build(
    frame: Frame, *, extra: Sequence[Card] = (), packing: Packing = Packing.NONE
) -> list[bytes | memoryview]:
    """Return a frame as the bytes of a FITS file, in buffers that follow each other.

    Parameters
    ----------
    frame
        arrays as `Frame.build` makes them
    extra
        cards that replace or follow those of the frame's header, such as the file's own name
    packing
        how images are packed, without loss

    Raises
    ------
    FrameError
        when an array cannot stand in a file; a card that cannot is left out, with a warning in the log
    """
    cards = completed(_merged(frame.header.cards, extra))
    primary = fits.PrimaryHDU().header
    primary["EXTEND"] = (True, "there are extensions")
    primary["NEXTEND"] = (len(frame.arrays), "number of extensions")
    buffers: list[bytes | memoryview] = [finished(with_cards(primary, cards, ("",)), 0)]
    lead = frame.header.kind.value
    for spec in sorted(frame.header.arrays, key=lambda spec: (spec.name != lead, *_order(spec))):
        buffers += _image(spec, frame.arrays[spec.name], cards, packing)
    return buffers


def primary_header(header: fits.Header, cards: Sequence[Card]) -> bytes:
    """Return the bytes of a primary header without data, some of its cards replaced, its checksum anew."""
    return finished(with_cards(header.copy(), cards, ("",)), 0)


def _order(spec: ArraySpec) -> tuple[int, int]:
    extension, version = extension_of(spec.name)
    return extension.order, version


def _merged(cards: Sequence[Card], extra: Sequence[Card]) -> list[Card]:
    replaced = {(card.keyword, card.extension): card for card in extra}
    merged = [replaced.pop((card.keyword, card.extension), card) for card in cards]
    return merged + list(replaced.values())


def _image(
    spec: ArraySpec, array: Array, cards: Sequence[Card], packing: Packing
) -> list[bytes | memoryview]:
    extension, version = extension_of(spec.name)
    header = fits.Header()
    header["XTENSION"] = ("IMAGE", "image extension")
    header["BITPIX"] = (_BITPIX[spec.dtype], "bits of a pixel; negative for floats")
    header["NAXIS"] = (len(spec.shape), "number of axes")
    for axis, length in enumerate(reversed(spec.shape), 1):
        header[f"NAXIS{axis}"] = (length, f"length of axis {axis}")
    header["PCOUNT"] = (0, "no parameters")
    header["GCOUNT"] = (1, "one group")
    header["EXTNAME"] = (extension.name, extension.meaning)
    header["EXTVER"] = (version, "version of the extension")
    if spec.dtype == "uint16":
        header["BZERO"] = (32768, "added to the number in the file: unsigned")
        header["BSCALE"] = (1, "the number in the file is not scaled")
    if extension.unit:
        header["BUNIT"] = (extension.unit, "unit of the pixels")
    with_cards(header, cards, (extension.name, f"{extension.name}:{version}"))
    small = packed(header, array, packing)
    if small is not None:
        return [small]
    data, data_sum = _data_unit(array)
    padding = bytes(-data.nbytes % BLOCK)
    return [
        finished(header, data_sum),
        data.reshape(-1).view(np.uint8).data,
        padding,
    ]


def with_cards(header: fits.Header, cards: Sequence[Card], extensions: tuple[str, ...]) -> fits.Header:
    """Put the cards of some extensions into a header, in place of those it has; ``""`` is the primary one."""
    unknown = []
    for card in cards:
        if card.extension not in extensions:
            continue
        if card.value is None:
            unknown.append(card)
            continue
        try:
            made = _card(card)
        except (ValueError, VerifyError) as error:  # the pixels are worth more than one keyword
            LOG.warning("%s = %r is left out of the header: %s", card.keyword, card.value, error)
            continue
        if len(made.image) > CARD:
            header["LONGSTRN"] = ("OGIP 1.0", "long strings go on in CONTINUE")
        if made.keyword in header:
            header[made.keyword] = (made.value, made.comment)
        else:
            header.append(made, end=True)
    for card in unknown:  # a keyword without a value would be legal, and a warning to every checker
        header.add_comment(f"not known: {card.keyword} ({card.comment})")
    return header


def _card(card: Card) -> fits.Card:
    """Return astropy's card, its comment left out when the line is too short for both."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", VerifyWarning)
        for comment in (card.comment, ""):
            made = fits.Card(card.keyword, card.value, comment)
            try:
                made.verify("exception")
                _ = made.image
            except VerifyWarning:
                continue
            return made
    raise ValueError("it does not fit into a line")


def finished(header: fits.Header, data_sum: int) -> bytes:
    """Return a header's bytes with DATASUM and CHECKSUM set."""
    header["DATASUM"] = (str(data_sum), "checksum of the data")
    header["CHECKSUM"] = (checksum.ZERO, "checksum of header and data")
    text = _text(header)
    total = checksum.fold(checksum.sum_bytes(text) + data_sum)
    header["CHECKSUM"] = checksum.encode(total)
    return _text(header)


def _text(header: fits.Header) -> bytes:
    return str(header.tostring()).encode("ascii")


# --- data units -----------------------------------------------------------------------------------------


def _floats(array: Array) -> tuple[Array, int]:
    return array.astype(array.dtype.newbyteorder(">")), checksum.sum_words(array.reshape(-1).view(np.uint32))


def _doubles(array: Array) -> tuple[Array, int]:
    return _plain(array.astype(">f8"))


def _plain(array: Array) -> tuple[Array, int]:
    swapped = array.astype(array.dtype.newbyteorder(">"))
    flat: NDArray[Any] = swapped.reshape(-1).view(np.uint8)
    whole = flat.size // 4 * 4
    total = checksum.sum_bytes(flat[:whole]) if whole else 0
    rest = flat[whole:].tobytes()
    return swapped, checksum.fold(total + int.from_bytes(rest.ljust(4, b"\0"), "big"))


def _unsigned(array: Array) -> tuple[Array, int]:
    """16-bit counts as signed numbers with an offset of 32768: the topmost bit turned over."""
    return _plain((array ^ np.uint16(0x8000)).view(np.int16))


_UNITS: dict[str, Callable[[Array], tuple[Array, int]]] = {
    "float32": _floats,
    "int32": _floats,
    "float64": _doubles,
    "uint16": _unsigned,
    "int16": _plain,
    "uint8": _plain,
}


def _data_unit(array: Array) -> tuple[Array, int]:
    """Return an array in the file's byte order, and the sum of its words."""
    return _UNITS[str(array.dtype)](array)
