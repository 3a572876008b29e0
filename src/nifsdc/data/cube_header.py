"""Headers of a cube file: what they say, and how two numbers in them change while the file grows.

The table's data unit always fills the file: what is not yet rows is a gap, which PCOUNT counts as the
standard has it for the space between a table and its heap. A frame moves its bytes from the one to the
other, so that the structure is right before and after: NAXIS2 goes up by one, PCOUNT goes down by a row.
Their two cards follow each other, and the primary header is made so long that both lie in one sector of a
disk.

Blank cards are kept in both headers for what is only known when the run ends.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from astropy.io import fits

from nifsdc.data.cube_layout import EXTENSION, CubeLayout
from nifsdc.data.fits_image import BLOCK, CARD, finished, with_cards
from nifsdc.data.frame import Card
from nifsdc.data.header import card, completed

LOG = logging.getLogger("nifsdc.cube")

SPARE = 324
"""blank cards in the primary header of a file that grows: a whole observation's are known only at its end"""
SPARE_OF_TABLE = 36
"""the same in the table's header"""
SECTOR = 512
"""bytes that a disk writes as a whole"""
COUNTS_AT = 4 * CARD
"""where NAXIS2 and PCOUNT begin in the table's header (FITS 4.0 section 7.3.1 gives the order)"""
COUNTS = 2 * CARD


def primary(cards: Sequence[Card]) -> bytes:
    """Return the primary header of a file that will grow."""
    header = fits.PrimaryHDU().header
    header["EXTEND"] = (True, "there are extensions")
    header["NEXTEND"] = (1, "number of extensions")
    # Among the first cards, so that it changes by itself when everything else was written.
    header["COMPLETE"] = (False, card("COMPLETE", False).comment)
    made = with_cards(header, completed(cards), ("",))
    blocks = _blocks(made, SPARE)
    while (blocks * BLOCK + COUNTS_AT) % SECTOR > SECTOR - COUNTS:
        blocks += 1
    return _filled(made, blocks)


def table(layout: CubeLayout, cards: Sequence[Card], gap: int) -> bytes:
    """Return the header of a table without rows, behind which so many bytes are kept for some."""
    header = fits.Header()
    header["XTENSION"] = ("BINTABLE", "table of frames")
    header["BITPIX"] = (8, "bytes")
    header["NAXIS"] = (2, "rows of bytes")
    header["NAXIS1"] = (layout.row_bytes, "bytes of a row")
    header["NAXIS2"] = (0, "frames")
    header["PCOUNT"] = (gap, "bytes kept for frames to come")
    header["GCOUNT"] = (1, "one group")
    header["TFIELDS"] = (len(layout.columns), "columns")
    for number, column in enumerate(layout.columns, 1):
        header[f"TTYPE{number}"] = (column.name, column.comment)
        header[f"TFORM{number}"] = column.form
        if column.unit:
            header[f"TUNIT{number}"] = column.unit
        if column.shape:
            rows, columns = column.shape
            header[f"TDIM{number}"] = f"({columns},{rows})"
            header[f"TSCAL{number}"] = (1, "the number in the file is not scaled")
            header[f"TZERO{number}"] = (32768, "added to the number in the file: unsigned")
    header["EXTNAME"] = (EXTENSION, "a row for each frame")
    header["EXTVER"] = (1, "version of the extension")
    header["TIMESYS"] = ("UTC", "time scale of the table")
    header["TIMEUNIT"] = ("s", "unit of times")
    header["NWINDOWS"] = (len(layout.windows), "windows, each with a column of images")
    for number, window in enumerate(layout.windows, 1):
        header[f"WCCD{number}"] = (window.ccd, f"CCD of window {number}")
        if window.detsec:
            header[f"WSEC{number}"] = (window.detsec, "where it is on the unbinned detector")
    made = with_cards(header, cards, (EXTENSION,))
    return _filled(made, _blocks(made, SPARE_OF_TABLE))


def counts(frames: int, gap: int) -> bytes:
    """Return the two cards that change with every frame.

    Parameters
    ----------
    frames
        rows of the table
    gap
        bytes of the data unit behind them
    """
    cards = (("NAXIS2", frames, "frames"), ("PCOUNT", gap, "bytes kept for frames to come"))
    # As astropy would write them, which takes thirty times as long.
    text = (f"{keyword:<8}= {value:>20} / {comment}" for keyword, value, comment in cards)
    return "".join(line.ljust(CARD) for line in text).encode("ascii")


def parsed(header: bytes) -> fits.Header:
    """Return a header of its bytes, END and what follows included."""
    return fits.Header.fromstring(header.decode("ascii"))


def closed(header: bytes, cards: Sequence[Card], data_sum: int, extension: str = "") -> bytes:
    """Return a header with its last cards and its checksums, as long as it was.

    Cards for which no room is left are left out, with a warning in the log, the last ones first.
    """
    blocks = len(header) // BLOCK
    for kept in range(len(cards), -1, -1):
        made = parsed(header)
        while len(made) and made.cards[-1].is_blank:
            del made[-1]
        with_cards(made, cards[:kept], (extension,))
        for keyword in ("DATASUM", "CHECKSUM"):  # each takes a card, before what is left is filled up
            made[keyword] = ""
        if _length(made) < blocks * BLOCK // CARD:
            break
        LOG.warning("%s: no room for it in the header of a run", cards[kept - 1].keyword)
    _fill(made, blocks)
    return finished(made, data_sum)


def _length(header: fits.Header) -> int:
    return len(header.tostring(endcard=False, padding=False)) // CARD


def _blocks(header: fits.Header, spare: int) -> int:
    cards = _length(header) + spare + 1
    return -(-cards * CARD // BLOCK)


def _fill(header: fits.Header, blocks: int) -> None:
    """Add blank cards, so that END is the last card of its last block."""
    wanted = blocks * BLOCK // CARD - 1
    for _ in range(wanted - _length(header)):
        header.append(fits.Card(), end=True)


def _filled(header: fits.Header, blocks: int) -> bytes:
    _fill(header, blocks)
    return str(header.tostring()).encode("ascii")
