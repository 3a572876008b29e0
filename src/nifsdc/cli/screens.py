"""``nifsdc screens``: Phoebus screens for the records, and whether screens and records fit."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from nifsdc.database import DefinitionError, load
from nifsdc.database.locate import share
from nifsdc.screens.check import check
from nifsdc.screens.pages import Camera
from nifsdc.screens.write import CAMERAS, camera, screens, write

EXAMPLE = """\
examples:
  nifsdc screens                             where the shipped screens are, and how to open them
  nifsdc screens my-opi                      write all screens into a folder
  nifsdc screens my-opi --camera nifs --top cam2:    for a camera whose records begin with cam2:
  nifsdc screens --check                     do the shipped screens fit the records?
  nifsdc screens --check my-opi --db my-db   do screens of one's own fit records of one's own?

exit status: 0 done, 1 screens and records do not fit, 2 wrong usage or a definition with mistakes"""


def add_parser(subparsers: Any) -> None:
    """Add ``screens`` to the command line."""
    parser = subparsers.add_parser(
        "screens",
        help="write and check the Phoebus screens",
        description="Phoebus screens (.bob) for the records: written from their definition, and checked.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where the screens are, or are to be written")
    parser.add_argument("--check", action="store_true", help="check screens instead of writing them")
    parser.add_argument(
        "--camera", choices=tuple(CAMERAS), action="append", help="kind of camera (default: all)"
    )
    parser.add_argument("--top", default="", help="prefix of the records (default: the shipped one)")
    parser.add_argument("--db", type=Path, help="folder of the definition (default: the one shipped)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc screens``."""
    shipped = share("opi")
    try:
        cameras = [camera(name, load(args.db, name), args.top) for name in args.camera or CAMERAS]
    except DefinitionError as error:
        print(f"nifsdc screens: the definition has mistakes:\n{error}", file=sys.stderr)
        return 2
    if args.check:
        return _check(args.folder or shipped, cameras)
    if args.folder is None:
        for each in cameras:
            print(f"phoebus.sh -resource file:{shipped / each.name}.bob")
        return 0
    try:
        texts = screens(cameras, shipped)
        write(texts, args.folder)
    except OSError as error:
        print(f"nifsdc screens: {args.folder} cannot be written: {error}; give another", file=sys.stderr)
        return 2
    print(f"{len(texts)} screens in {args.folder}")
    return 0


def _check(folder: Path, cameras: list[Camera]) -> int:
    problems = check(folder, cameras)
    for problem in problems:
        print(problem)
    if problems:
        print(f"nifsdc screens: {len(problems)} problems in {folder}", file=sys.stderr)
        return 1
    print(f"the screens of {', '.join(each.name for each in cameras)} in {folder} fit the records")
    return 0
