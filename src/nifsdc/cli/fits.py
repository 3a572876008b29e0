"""``nifsdc fits``: check stored files, and the nights that they are in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nifsdc.data.check import CheckedFile

EXAMPLE = """\
examples:
  nifsdc fits N20260301S0012.fits            check a file
  nifsdc fits --json data/20260301           check every file of a night
  nifsdc fits --manifest data/20260301       check them and write the night's manifest

Checked are the structure, DATASUM and CHECKSUM of every part, the keywords that every product has and their
types, and the pixels against what the header says of them (least, greatest, mean, saturated); of a run of
frames, that it is closed, and its numbers and times in order. A folder that
has a manifest is compared with it: files that are missing or were changed.

exit status: 0 all is well, 1 something is wrong (which file and what is printed), 2 wrong usage"""


@dataclass
class Report:
    """What was checked, and what is wrong."""

    files: list[CheckedFile] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    """written"""


def add_parser(subparsers: Any) -> None:
    """Add ``fits`` to the command line."""
    parser = subparsers.add_parser(
        "fits",
        help="check stored files",
        description="Check stored files: structure, checksums, keywords, pixels; write a night's manifest.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="file, or folder of a night")
    parser.add_argument(
        "--manifest", action="store_true", help="write the manifest of each folder in which all is well"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc fits``."""
    from nifsdc.data.cube_check import check_stored  # takes a while to import: astropy

    report = Report()
    for path in args.paths:
        if path.is_dir():
            _check_folder(path, report, manifest=args.manifest)
        elif args.manifest:
            print(f"nifsdc fits: {path}: --manifest takes folders", file=sys.stderr)
            return 2
        else:
            _note([check_stored(path)], report)
    _print(report, as_json=args.json)
    return 1 if report.problems else 0


def _check_folder(folder: Path, report: Report, *, manifest: bool) -> None:
    from nifsdc.data import manifest as manifests
    from nifsdc.data.cube_check import check_stored

    before = len(report.problems)
    files = [check_stored(path) for path in sorted(folder.glob("[!.]*.fits"))]
    _note(files, report)
    try:
        entries = manifests.read(folder)
        if entries is not None:
            report.problems += [(folder / name, text) for name, text in manifests.compare(entries, files)]
        elif not files:
            report.problems.append((folder, "has no FITS files"))
        if manifest and len(report.problems) == before:
            report.manifests.append(manifests.write(folder, files))
    except manifests.ManifestError as error:
        report.problems.append((folder / manifests.NAME, str(error)))


def _note(files: Iterable[CheckedFile], report: Report) -> None:
    for file in files:
        report.files.append(file)
        report.problems += [(file.path, problem) for problem in file.problems]


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        tree = {
            "ok": not report.problems,
            "files": [file.as_tree() for file in report.files],
            "problems": [{"path": str(path), "problem": problem} for path, problem in report.problems],
            "manifests": [str(path) for path in report.manifests],
        }
        print(json.dumps(tree, indent=1))
        return
    wrong = {path for path, _ in report.problems}
    for file in report.files:
        if file.path not in wrong:
            print(f"{file.path}: good; {'; '.join(_line(image) for image in file.images) or 'no image'}")
    for path, problem in report.problems:
        print(f"{path}: {problem}")
    for path in report.manifests:
        print(f"MANIFEST {path}")


def _line(image: Any) -> str:
    saturated = "?" if image.saturated is None else image.saturated
    return (
        f"{image.extension} min {image.minimum:g} max {image.maximum:g} mean {image.mean:.6g} "
        f"saturated {saturated}"
    )
