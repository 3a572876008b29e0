"""The keywords of a product: one table, so that every product has the same comments and the same order.

The names are those of the observatory's client (`Nifs.xml`: EXPRQ, LNRS, PERIOD ...), of the FITS standard
4.0 and of common use at the observatory. Who builds a header gives values; what a keyword means is
written here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

from nifsdc.data.frame import Card, CardValue

LOG = logging.getLogger("nifsdc.fits")

Kind = Literal["text", "int", "float", "bool"]
SCI = "SCI"
UNKNOWN = "UNKNOWN"
"""text of a keyword whose value nobody could tell; a number that is not known is a comment in the file"""


class HeaderError(ValueError):
    """A keyword that the table does not know, or a value that is not of its kind."""


@dataclass(frozen=True)
class Keyword:
    """What one keyword means."""

    name: str
    kind: Kind
    comment: str
    extension: str = ""
    """extension whose header it belongs to; empty for the primary header"""
    decimals: int = 6
    """digits kept behind the point of a number"""


HEADER_KEYWORDS: tuple[Keyword, ...] = (
    # who and where
    Keyword("INSTRUME", "text", "instrument"),
    Keyword("OBSERVAT", "text", "observatory"),
    Keyword("TELESCOP", "text", "telescope"),
    Keyword("OBJECT", "text", "what was observed"),
    Keyword("OBSTYPE", "text", "OBJECT, DARK, BIAS, FLASH, SKY, FLAT or ARC"),
    Keyword("IMAGETYP", "text", "the same as OBSTYPE"),
    Keyword("OBSMODE", "text", "observing mode"),
    Keyword("OBSERVER", "text", "who observed"),
    Keyword("DATALAB", "text", "data label"),
    Keyword("OBSID", "text", "observation this belongs to"),
    Keyword("EXPID", "text", "identifier of this exposure, never used twice"),
    Keyword("PRODUCT", "text", "IMAGE, or what it was made of: COADD, READ"),
    Keyword("FILENAME", "text", "name under which this was first written"),
    Keyword("HDRMISS", "int", "keywords whose source had no value"),
    Keyword("SIMULATE", "bool", "T if the pixels come from a simulator"),
    # when
    Keyword("TIMESYS", "text", "time scale of the dates in this header"),
    Keyword("DATE-OBS", "text", "start: first reset of the first coadd"),
    Keyword("DATE-END", "text", "end: last pixel of the last coadd"),
    Keyword("UTSTART", "text", "time of day at DATE-OBS"),
    Keyword("UTEND", "text", "time of day at DATE-END"),
    Keyword("MJD-OBS", "float", "[d] modified Julian date of DATE-OBS", decimals=9),
    Keyword("TIMSYER", "float", "[s] estimated error of the host's clock", decimals=9),
    Keyword("CLKSRC", "text", "who says so: CHRONY, PTP or KERNEL"),
    Keyword("CLKSYNC", "bool", "T if the clock was disciplined"),
    Keyword("TAI-UTC", "int", "[s] leap seconds, TAI - UTC"),
    # where on the sky
    Keyword("RA", "float", "[deg] right ascension at which it points, ICRS", decimals=9),
    Keyword("DEC", "float", "[deg] declination at which it points, ICRS", decimals=9),
    Keyword("PA", "float", "[deg] position angle, from north through east"),
    # exposure
    Keyword("EXPRQ", "float", "[s] exposure time asked for, each coadd"),
    Keyword("EXPTIME", "float", "[s] exposure time measured, mean of the coadds"),
    Keyword("EXPSRC", "text", "who measured EXPTIME: CONTROLLER or HOST"),
    Keyword("ELAPSED", "float", "[s] from the first reset to the end"),
    Keyword("COADDS", "int", "exposures added up"),
    Keyword("COADDSRQ", "int", "exposures asked for"),
    Keyword("READMODE", "text", "DCS, FOWLER, LINEAR or SINGLE"),
    Keyword("EXPMODE", "text", "exposure mode"),
    Keyword("TIMEMODE", "text", "which of time, period, periods was worked out"),
    Keyword("LNRS", "int", "low-noise (Fowler) reads at each end"),
    Keyword("NREADS", "int", "reads of the array in all"),
    Keyword("COADDNO", "int", "which exposure of those added up, from 1"),
    Keyword("NDRSET", "int", "which set of reads of the exposure, from 1"),
    Keyword("NDRNO", "int", "which read of the exposure, from 1"),
    Keyword("NDRTIME", "float", "[s] from the exposure's first read to this one"),
    Keyword("NDRDIR", "text", "folder of the single reads and coadds"),
    Keyword("NDRSAVED", "int", "reads kept as files of their own"),
    Keyword("NDRLOST", "int", "reads to be kept that were lost"),
    Keyword("COASAVED", "int", "coadds kept as files of their own"),
    Keyword("COALOST", "int", "coadds to be kept that were lost"),
    Keyword("PERIOD", "float", "[s] period of the non-destructive reads"),
    Keyword("NPERIODS", "int", "number of read periods"),
    Keyword("RDTIME", "float", "[s] time of one read of the array"),
    Keyword("COSMREJ", "bool", "T if the ramp was searched for cosmic rays"),
    Keyword("COSMTHR", "float", "standard errors from which a jump is a hit"),
    Keyword("COSMMIN", "float", "[adu] least jump that is a hit"),
    Keyword("REFCORR", "text", "reference samples that were taken off"),
    Keyword("LINCORR", "bool", "T if corrected for linearity"),
    Keyword("BPMFILE", "text", "bad pixel file"),
    Keyword("NRESETS", "int", "resets before each exposure"),
    Keyword("RSTDELAY", "float", "[s] delay between last reset and first read"),
    Keyword("STOPPED", "bool", "T if the exposure was ended early on request"),
    Keyword("COMPLETE", "bool", "T once the run is closed"),
    Keyword("NFRAMES", "int", "frames in the file"),
    # detector and controller
    Keyword("DCNAME", "text", "detector controller"),
    Keyword("SWCREATE", "text", "software that made this"),
    Keyword("DETTYPE", "text", "detector type"),
    Keyword("DETID", "text", "detector"),
    Keyword("DETTEMP", "float", "[K] detector temperature"),
    Keyword("DETTEMP2", "float", "[K] second temperature sensor"),
    Keyword("DETTEMP3", "float", "[K] third temperature sensor"),
    Keyword("BIASPWR", "float", "[V] source voltage of the bias P-FET"),
    Keyword("DETSPEED", "text", "readout speed"),
    Keyword("SHUTTER", "text", "OPEN or CLOSED during the exposure"),
    Keyword("PREFLASH", "float", "[s] time the preflash lamps were lit", decimals=3),
    Keyword("CCDXBIN", "int", "binning factor along rows"),
    Keyword("CCDYBIN", "int", "binning factor along columns"),
    Keyword("NWINDOWS", "int", "windows read; 0 for the full frame"),
    Keyword("NAMPS", "int", "readout amplifiers"),
    Keyword("REFSAMP", "int", "reference samples a line"),
    Keyword("DSPTIM", "text", "program of the timing board"),
    Keyword("DSPUTIL", "text", "program of the utility board"),
    # instrument
    Keyword("GRATING", "text", "grating"),
    Keyword("GRATWAVE", "float", "[um] central wavelength"),
    Keyword("FILTER", "text", "filter"),
    Keyword("APERTURE", "text", "focal plane mask"),
    Keyword("APOFFSET", "float", "offset of the focal plane mask"),
    Keyword("FLIP", "text", "flip mirror"),
    Keyword("WINDCOVR", "text", "window cover"),
    # data
    Keyword("WINDOW", "int", "number of the window", SCI),
    Keyword("DETSEC", "text", "window in pixels of the unbinned full frame", SCI),
    Keyword("CCDSUM", "text", "binning along rows and columns", SCI),
    Keyword("BUNIT", "text", "unit of the pixels", SCI),
    Keyword("GAIN", "float", "[electron/adu] conversion gain", SCI),
    Keyword("RDNOISE", "float", "[electron] read noise of a single read", SCI),
    Keyword("SATLEVEL", "int", "[adu] counts of one read marked as saturated", SCI),
    Keyword("NSATUR", "int", "pixels marked as saturated", SCI),
    Keyword("NCOSMIC", "int", "pixels that cosmic rays hit, in all coadds", SCI),
    Keyword("DATAMIN", "float", "least pixel", SCI),
    Keyword("DATAMAX", "float", "greatest pixel", SCI),
    Keyword("DATAMEAN", "float", "mean of all pixels", SCI),
)

_BY_NAME: Mapping[str, tuple[int, Keyword]] = {
    keyword.name: (place, keyword) for place, keyword in enumerate(HEADER_KEYWORDS)
}


def keyword_of(name: str) -> Keyword | None:
    """Return what the table says of a keyword, None when it does not have it."""
    return _BY_NAME[name][1] if name in _BY_NAME else None


def card(name: str, value: CardValue, extension: str = "") -> Card:
    """Return the card of a keyword with this value; None stands for a value that is not known.

    Parameters
    ----------
    name, value
        the keyword and what it says
    extension
        extension whose header it belongs to, where that is not the one of the table: ``SCI:2``

    Raises
    ------
    HeaderError
        when the table does not have the keyword, or the value is not of its kind
    """
    if name not in _BY_NAME:
        raise HeaderError(f"keyword {name} is not in the table of keywords: add it there with its comment")
    keyword = _BY_NAME[name][1]
    return Card(name, _converted(keyword, value), keyword.comment, extension or keyword.extension)


def cards(values: Mapping[str, CardValue], extension: str = "") -> tuple[Card, ...]:
    """Return the cards of these values in the order of the table; parameters and errors as of `card`."""
    made = [card(name, value, extension) for name, value in values.items()]
    return tuple(sorted(made, key=lambda made_card: _BY_NAME[made_card.keyword][0]))


def completed(given: Sequence[Card]) -> list[Card]:
    """Return cards as every product has them: in the order of the table, each with its comment there.

    Numbers are rounded to what the table keeps; cards that it does not have follow in the order given.
    Nothing is refused here: a value of the wrong kind stays as it is, with a warning in the log.
    """
    known = sorted(
        (one for one in given if one.keyword in _BY_NAME), key=lambda one: _BY_NAME[one.keyword][0]
    )
    return [_completed(one) for one in known] + [one for one in given if one.keyword not in _BY_NAME]


def _completed(given: Card) -> Card:
    keyword = _BY_NAME[given.keyword][1]
    try:
        value = _converted(keyword, given.value)
    except HeaderError as error:
        LOG.warning("%s", error)
        value = given.value
    return Card(given.keyword, value, given.comment or keyword.comment, given.extension or keyword.extension)


def parameter_cards(parameters: Mapping[str, CardValue]) -> tuple[Card, ...]:
    """Return one card for each parameter, by its own name, as ``HIERARCH NIFSDC name``.

    Every parameter that shaped the data is thus in the header, whether or not it has a keyword of its own.
    """
    return tuple(
        Card(f"HIERARCH NIFSDC {name}", value, "parameter") for name, value in sorted(parameters.items())
    )


def _converted(keyword: Keyword, value: CardValue) -> CardValue:
    if value is None:
        return UNKNOWN if keyword.kind == "text" else None
    if keyword.kind == "text" and isinstance(value, str):
        return value
    if keyword.kind == "bool" and isinstance(value, bool):
        return value
    if not isinstance(value, bool):
        if keyword.kind == "int" and isinstance(value, Integral):
            return int(value)
        if keyword.kind == "float" and isinstance(value, Real):
            return round(float(value), keyword.decimals)
    raise HeaderError(f"{keyword.name} is {value!r}; expected {keyword.kind}")
