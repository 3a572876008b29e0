"""What a run of frames looks like in its file: a table with a row for each frame, its images in the row.

The columns are

=========================== ========= ======================================================================
FRAME                       K         number of the frame in its run, from 1
MJD_INT, MJD_FRAC           J, D      time stamp (UTC): whole days and fraction, which add up to the MJD
CLKERR                      D         estimated error of the clock, seconds; NaN where nobody knows
MID_INTc, MID_FRACc         J, D      mid-exposure time of CCD c likewise; 0 and NaN in a frame without data
EXPTIMEc                    D         exposure time of CCD c, seconds; 0 in a frame without data
QUALITYc                    J         `FrameQuality` of CCD c; 0 is good
IMAGEw                      I         pixels of window w, 16-bit counts with an offset of 32768
=========================== ========= ======================================================================

A day with a leap second has 86,401 s, and the fraction counts these, as astropy's ``Time`` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.data.frame import FrameError
from nifsdc.timing.frame_transfer import Exposed
from nifsdc.timing.utc_moment import Moment

EXTENSION = "FRAMES"
MOST_COLUMNS = 999
"""of a table (FITS 4.0 section 7.3.1)"""
_FORMS = {"K": ">i8", "J": ">i4", "D": ">f8"}
_UNSIGNED = np.uint16(0x8000)


class FrameQuality(IntFlag):
    """What is to be known of one CCD's part of a frame; none of these is a good one."""

    NODATA = 1
    """no exposure: a dummy frame of NSKIP, or one read before the first drift window came"""
    FIRST = 2
    """the first exposure of a run, which may be shorter than the others"""
    INCOMPLETE = 4
    """pixels did not come and are zero"""
    GAP = 8
    """frames before this one were lost"""
    CLOCK = 16
    """the host's clock was not known to be right"""


GOOD = FrameQuality(0)


@dataclass(frozen=True)
class CubeWindow:
    """One window of one CCD; every frame has an image of it."""

    rows: int
    columns: int
    ccd: int = 1
    """number of the CCD, from 1"""
    detsec: str = ""
    """where it is on the unbinned detector: ``[1:64,1:64]``"""

    def __post_init__(self) -> None:
        if min(self.rows, self.columns, self.ccd) < 1:
            raise FrameError(f"{self}: rows, columns and CCD are counted from 1")


@dataclass(frozen=True)
class CcdExposure:
    """When one CCD's part of a frame was exposed."""

    middle: Moment | None
    """mid-exposure; None for a frame without data"""
    seconds: float
    """exposure time"""
    quality: FrameQuality = GOOD

    @classmethod
    def of(cls, stamp: Moment, exposed: Exposed | None, quality: FrameQuality = GOOD) -> CcdExposure:
        """Return what a timing model says of a frame (`FrameTiming.exposed`) with its time stamp."""
        if exposed is None:
            return cls(None, 0.0, quality | FrameQuality.NODATA)
        return cls(stamp.plus(exposed.middle), exposed.seconds, quality)


@dataclass(frozen=True, eq=False)
class CubeFrame:
    """One frame of a run."""

    number: int
    """from 1; the numbers of lost frames are left out"""
    stamp: Moment
    """time stamp TSn, which stands at the start of its delay E"""
    ccds: tuple[CcdExposure, ...]
    """one for each CCD of the layout, in the order of their numbers"""
    images: Sequence[NDArray[np.uint16]]
    """(rows, columns) of each window of the layout, in that order; row 0 at the bottom"""
    clock_error: float | None = None
    """estimated error of the clock, seconds"""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    name: str
    form: str
    """TFORM"""
    comment: str
    unit: str = ""
    shape: tuple[int, ...] = ()
    """of an image: rows, columns"""


@dataclass(frozen=True)
class CubeLayout:
    """The windows of a run, and the table that follows from them.

    Raises
    ------
    FrameError
        when there is no window, or more columns than a table may have
    """

    windows: tuple[CubeWindow, ...]

    def __post_init__(self) -> None:
        if not self.windows:
            raise FrameError("a run of frames without a window; expected one or more")
        if len(self.columns) > MOST_COLUMNS:
            raise FrameError(f"{len(self.columns)} columns; a FITS table has at most {MOST_COLUMNS}")

    @cached_property
    def ccds(self) -> tuple[int, ...]:
        """Numbers of the CCDs, in order."""
        return tuple(sorted({window.ccd for window in self.windows}))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the file."""
        made = [
            Column("FRAME", "1K", "number of the frame in its run, from 1"),
            Column("MJD_INT", "1J", "time stamp, UTC: whole days", "d"),
            Column("MJD_FRAC", "1D", "time stamp, UTC: rest", "d"),
            Column("CLKERR", "1D", "estimated error of the clock", "s"),
        ]
        for ccd in self.ccds:
            made += [
                Column(f"MID_INT{ccd}", "1J", f"mid-exposure of CCD {ccd}, UTC: whole days", "d"),
                Column(f"MID_FRAC{ccd}", "1D", f"mid-exposure of CCD {ccd}, UTC: rest", "d"),
                Column(f"EXPTIME{ccd}", "1D", f"exposure time of CCD {ccd}", "s"),
                Column(f"QUALITY{ccd}", "1J", f"quality of CCD {ccd}; 0 is good"),
            ]
        for number, window in enumerate(self.windows, 1):
            shape = (window.rows, window.columns)
            made.append(Column(f"IMAGE{number}", f"{math.prod(shape)}I", "pixels", "adu", shape))
        return tuple(made)

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """A row as it stands in the file; images are signed there."""
        return np.dtype(
            [
                (column.name, ">i2", column.shape) if column.shape else (column.name, _FORMS[column.form[1:]])
                for column in self.columns
            ]
        )

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize

    def pack(self, frame: CubeFrame) -> NDArray[np.uint8]:
        """Return a frame as the bytes of its row.

        Raises
        ------
        FrameError
            when it has not the windows or CCDs of this layout, or pixels that are not 16-bit counts
        """
        if len(frame.ccds) != len(self.ccds) or len(frame.images) != len(self.windows):
            raise FrameError(
                f"frame {frame.number} has {len(frame.ccds)} CCDs and {len(frame.images)} images; "
                f"expected {len(self.ccds)} and {len(self.windows)}"
            )
        row = np.empty((), self.dtype)
        row["FRAME"] = frame.number
        row["MJD_INT"], row["MJD_FRAC"] = frame.stamp.mjd
        row["CLKERR"] = math.nan if frame.clock_error is None else frame.clock_error
        for number, ccd in zip(self.ccds, frame.ccds, strict=True):
            middle = (0, math.nan) if ccd.middle is None else ccd.middle.mjd
            row[f"MID_INT{number}"], row[f"MID_FRAC{number}"] = middle
            row[f"EXPTIME{number}"] = ccd.seconds
            row[f"QUALITY{number}"] = int(ccd.quality)
        flat: NDArray[np.uint8] = row.reshape(1).view(np.uint8)
        place = self.row_bytes - sum(2 * image.size for image in frame.images)
        for window, image in zip(self.windows, frame.images, strict=True):
            if image.dtype != np.uint16 or image.shape != (window.rows, window.columns):
                raise FrameError(
                    f"frame {frame.number}: an image of {image.dtype} {image.shape}; "
                    f"expected uint16 {(window.rows, window.columns)}"
                )
            _signed(image, flat[place : place + 2 * image.size])
            place += 2 * image.size
        return flat

    def images(self, rows: NDArray[np.void], window: int) -> NDArray[np.uint16]:
        """Return the pixels of a window (from 1) in rows of the file: (frames, rows, columns)."""
        stored: NDArray[np.int16] = rows[f"IMAGE{window}"].astype(np.int16)
        return stored.view(np.uint16) ^ _UNSIGNED

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> CubeLayout:
        """Return the layout that a table's header describes.

        Raises
        ------
        FrameError
            when it is no table of frames
        """
        try:
            windows: list[CubeWindow] = []
            while (number := len(windows) + 1) <= int(header["NWINDOWS"]):
                place = 1 + next(
                    index
                    for index in range(int(header["TFIELDS"]))
                    if header[f"TTYPE{index + 1}"] == f"IMAGE{number}"
                )
                columns, rows = (int(part) for part in header[f"TDIM{place}"].strip("()").split(","))
                ccd, detsec = int(header[f"WCCD{number}"]), str(header.get(f"WSEC{number}", ""))
                windows.append(CubeWindow(rows, columns, ccd, detsec))
            layout = cls(tuple(windows))
        except (KeyError, ValueError, TypeError, StopIteration) as error:
            raise FrameError(f"no table of frames: {error!r}") from error
        if layout.row_bytes != header["NAXIS1"]:
            raise FrameError(f"a table of {header['NAXIS1']} bytes a row; expected {layout.row_bytes}")
        return layout


def _signed(image: NDArray[np.uint16], into: NDArray[np.uint8]) -> None:
    """Put 16-bit counts as big-endian signed numbers with an offset of 32768: the topmost bit turned over."""
    target = into.view(">u2").reshape(image.shape)
    np.bitwise_xor(image, _UNSIGNED, out=target, casting="unsafe")
