"""``nifsdc cube``: the image slicer's spectra of a stored file as a cube with a wavelength axis."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from nifsdc.camera.slicer import Slicer
from nifsdc.database.locate import share

EXAMPLE = """\
examples:
  nifsdc cube N20260301S0012.fits --grating K
  nifsdc cube N20260301S0012.fits --grating K --from 2.10 --to 2.20 --out cube.fits

The cube has the axes XOFFSET (a slitlet a pixel), YOFFSET (along a slitlet) and WAVE (um); whole pixels are
put in their places, so that no light moves between them. Where the slitlets fall on the detector stands in
db/ifu.yaml.

exit status: 0 written, 1 the file cannot be made into a cube, 2 wrong usage"""


class CubeError(Exception):
    """A cube that cannot be made; the text says why."""


def add_parser(subparsers: Any) -> None:
    """Add ``cube`` to the command line."""
    parser = subparsers.add_parser(
        "cube",
        help="the spectra of an image slicer as a cube",
        description="Put the spectra of all slitlets in a stored file on one wavelength axis.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="FITS file of an observation")
    parser.add_argument("--grating", required=True, help="which one was in: Z, J, H, K, K_SHORT or K_LONG")
    parser.add_argument("--from", dest="low", type=float, metavar="UM", help="least wavelength, um")
    parser.add_argument("--to", dest="high", type=float, metavar="UM", help="greatest wavelength, um")
    parser.add_argument("--ifu", type=Path, help="geometry of the slicer (default db/ifu.yaml)")
    parser.add_argument("--out", type=Path, help="the cube (default FILE_cube.fits); never an existing file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc cube``."""
    if (args.low is None) != (args.high is None):
        print("nifsdc cube: --from and --to belong together", file=sys.stderr)
        return 2
    interval = None if args.low is None else (args.low, args.high)
    out = args.out or args.file.with_name(f"{args.file.name.removesuffix('.fits')}_cube.fits")
    try:
        slicer = Slicer.load(args.ifu or share("db") / "ifu.yaml")
        write_cube(slicer, args.file, out, args.grating, interval)
    except (CubeError, ValueError) as error:
        print(f"nifsdc cube: {error}", file=sys.stderr)
        return 1
    print(f"FILE {out}")
    return 0


def write_cube(
    slicer: Slicer, source: Path, out: Path, grating: str, interval: tuple[float, float] | None
) -> None:
    """Write the cube of a file's science image, with the file's primary header.

    Parameters
    ----------
    slicer
        where the slitlets fall on the detector
    source
        an observation, with an extension ``SCI``
    out
        the cube: an extension ``SCI`` with world coordinates and checksums
    grating, interval
        as of `Slicer.cube`

    Raises
    ------
    CubeError
        when the source is no observation, or the cube cannot be written
    IfuError
        as of `Slicer.cube`
    """
    from astropy.io import fits  # takes a while to import, which other commands need not wait for

    try:
        with fits.open(source, memmap=False) as hdus:
            if "SCI" not in hdus:
                raise CubeError(f"{source.name}: no extension SCI; give a file of an observation")
            cube, cards = slicer.cube(hdus["SCI"].data, grating, interval)
            science = fits.ImageHDU(cube, name="SCI")
            science.header.extend(cards)
            if "BUNIT" in hdus["SCI"].header:
                science.header["BUNIT"] = hdus["SCI"].header["BUNIT"]
            science.header["GRATING"] = (grating, "as told to nifsdc cube")
            primary = fits.PrimaryHDU(header=hdus[0].header)
            primary.header["NEXTEND"] = 1
            products = fits.HDUList([primary, science])
        products.writeto(out, checksum=True)
    except OSError as error:
        raise CubeError(str(error)) from error
