"""Whether a stored file is what it says: structure, checksums, keywords, and pixels against their summary."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from nifsdc.data import checksum
from nifsdc.data.fits_image import BLOCK, EXTENSIONS
from nifsdc.data.header import HEADER_KEYWORDS, SCI
from nifsdc.readout.quality import Quality
from nifsdc.readout.statistics import Statistics, statistics

REQUIRED = (
    *("INSTRUME", "TELESCOP", "OBJECT", "DATALAB", "EXPID", "FILENAME", "SIMULATE", "SWCREATE"),
    *("TIMESYS", "DATE-OBS", "DATE-END", "MJD-OBS", "EXPTIME", "COADDS", "NEXTEND"),
)
"""keywords that the primary header of every product has"""
REQUIRED_OF_IMAGES = ("BUNIT", "DATAMIN", "DATAMAX", "DATAMEAN", "NSATUR")
"""the same of the header of every image"""
IMAGES = (SCI, *(EXTENSIONS[kind].name for kind in ("coadd", "read")))
"""extensions with an image to look at"""
_SUMMARY = {"DATAMIN": "minimum", "DATAMAX": "maximum", "DATAMEAN": "mean"}
_ABSOLUTE, _RELATIVE = 1e-6, 1e-9
"""how far a summary may be from the pixels: a header keeps six digits behind the point"""
_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_KEYWORDS = {(keyword.extension, keyword.name): keyword for keyword in HEADER_KEYWORDS}


@dataclass(frozen=True)
class ImageSummary:
    """What the pixels of one image are."""

    extension: str
    """name and version: ``SCI:1``"""
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    mean: float
    saturated: int | None
    """pixels that are marked as saturated; None when neither the pixels nor their quality tell"""


@dataclass(frozen=True)
class CheckedFile:
    """What was found out about a file."""

    path: Path
    nbytes: int
    sha256: str
    exposure_id: str
    images: tuple[ImageSummary, ...]
    problems: tuple[str, ...]
    """everything that is wrong with it, each with what was expected; empty when it is good"""

    def as_tree(self) -> dict[str, Any]:
        """Return it as JSON would have it."""
        return {**asdict(self), "path": str(self.path)}


def check_file(path: Path) -> CheckedFile:
    """Check a product; what is wrong is found in the result, and nothing is raised."""
    problems: list[str] = []
    images: list[ImageSummary] = []
    exposure_id, content = "", b""
    try:
        content = path.read_bytes()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with fits.open(path, memmap=False, disable_image_compression=True) as raw:
                problems += _structure(raw, content)
                exposure_id = str(raw[0].header.get("EXPID", ""))
            with fits.open(path, memmap=False) as hdus:
                problems += _keywords(hdus)
                for hdu in hdus[1:]:
                    if hdu.name in IMAGES:
                        images.append(_summary(hdus, hdu))
                        problems += _beside(images[-1], hdu.header)
        problems += dict.fromkeys(f"astropy: {warning.message}" for warning in said)
    except Exception as error:  # a damaged header may make astropy fail anywhere
        problems.append(f"cannot be read as FITS: {error}")
    digest = hashlib.sha256(content).hexdigest()
    return CheckedFile(path, len(content), digest, exposure_id, tuple(images), tuple(problems))


def _structure(hdus: fits.HDUList, content: bytes) -> Iterator[str]:
    try:
        hdus.verify("exception")
    except fits.VerifyError as error:
        yield f"not according to the standard: {' '.join(str(error).split())}"
    if len(content) % BLOCK:
        yield f"{len(content)} bytes; expected a multiple of {BLOCK}: the file was cut or added to"
    end = 0
    words = np.frombuffer(content, np.uint8)
    for number, hdu in enumerate(hdus):
        place = hdu.fileinfo()
        end = place["datLoc"] + place["datSpan"]
        if end > len(content):
            yield f"{_name(hdu, number)}: its data ends at byte {end}, the file at {len(content)}: it was cut"
            return
        yield from _checksums(
            _name(hdu, number), hdu.header, words[place["hdrLoc"] : end], words[place["datLoc"] : end]
        )
    if end < len(content):
        yield f"{len(content) - end} bytes behind its end at byte {end}"


def _checksums(
    name: str, header: fits.Header, unit: NDArray[np.uint8], data: NDArray[np.uint8]
) -> Iterator[str]:
    for keyword in ("DATASUM", "CHECKSUM"):
        if keyword not in header:
            yield f"{name}: no {keyword}: nobody can tell whether it is as it was written"
    total = checksum.sum_bytes(data)
    if str(header.get("DATASUM", total)).strip() != str(total):
        yield f"{name}: DATASUM {header['DATASUM']}, the data sums up to {total}: the data was changed"
    # A unit with its right CHECKSUM sums up to minus zero: all bits one (FITS 4.0, appendix J).
    if "CHECKSUM" in header and checksum.sum_bytes(unit) != checksum.MASK:
        yield f"{name}: CHECKSUM is not that of header and data: one of them was changed"


def _keywords(hdus: fits.HDUList) -> Iterator[str]:
    for number, hdu in enumerate(hdus):
        required = REQUIRED if number == 0 else REQUIRED_OF_IMAGES if hdu.name in IMAGES else ()
        missing = [keyword for keyword in required if keyword not in hdu.header]
        if missing:
            yield f"{_name(hdu, number)}: no {', '.join(missing)}"
        for keyword, value in hdu.header.items():
            known = _KEYWORDS.get(("" if number == 0 else hdu.name, keyword))
            if known is None:
                continue
            right = isinstance(value, _KINDS[known.kind])
            if not right or (isinstance(value, bool) and known.kind != "bool"):
                yield f"{_name(hdu, number)}: {keyword} is {value!r}; expected {known.kind}"
    stated = hdus[0].header.get("NEXTEND", len(hdus) - 1)
    if stated != len(hdus) - 1:
        yield f"NEXTEND is {stated}; the file has {len(hdus) - 1} extensions"


def _summary(hdus: fits.HDUList, hdu: Any) -> ImageSummary:
    pixels = np.asarray(hdu.data)
    saturated: int | None = None
    if ("DQ", hdu.ver) in hdus:
        marked = np.asarray(hdus["DQ", hdu.ver].data) & int(Quality.SATURATED)
        saturated = int(np.count_nonzero(marked))
    elif pixels.dtype.kind == "u" and "SATLEVEL" in hdu.header:
        saturated = int(np.count_nonzero(pixels >= int(hdu.header["SATLEVEL"])))
    found = statistics(pixels) if pixels.size else Statistics(0.0, 0.0, 0.0, 0)
    return ImageSummary(
        f"{hdu.name}:{hdu.ver}", pixels.shape, found.minimum, found.maximum, found.mean, saturated
    )


def _beside(found: ImageSummary, header: fits.Header) -> Iterator[str]:
    """Yield where the header's summary is not that of the pixels."""
    for keyword, field in _SUMMARY.items():
        stated, is_so = header.get(keyword), getattr(found, field)
        if isinstance(stated, int | float) and not math.isclose(
            stated, is_so, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE
        ):
            yield f"{found.extension}: {keyword} is {stated:g}, the pixels' {field} {is_so:g}"
    stated = header.get("NSATUR")
    if isinstance(stated, int) and found.saturated is not None and stated != found.saturated:
        yield f"{found.extension}: NSATUR is {stated}, {found.saturated} pixels are saturated"


def _name(hdu: Any, number: int) -> str:
    return "primary header" if number == 0 else f"{hdu.name or 'extension ' + str(number)}:{hdu.ver}"
