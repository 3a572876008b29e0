"""``nifsdc frames``: what a run of frames is, while it grows or after."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nifsdc.data.cube_reader import CubeReader

EXAMPLE = """\
examples:
  nifsdc frames N20260301S0012.fits                    frames, times, what is missing
  nifsdc frames N20260301S0012.fits --follow           say how many there are until the run ends
  nifsdc frames N20260301S0012.fits --cube cube.fits   as plain image cubes with a table of times
  nifsdc frames N20260301S0012.fits --close            end a run whose data server is no more

All but --close may be done while the run grows. --cube takes the frames that are there, and never an existing
file. --close mends what a writer that was killed has left, and is refused while another process writes.

exit status: 0 done, 1 the file is no run or cannot be used, 2 wrong usage"""


def add_parser(subparsers: Any) -> None:
    """Add ``frames`` to the command line."""
    parser = subparsers.add_parser(
        "frames",
        help="a run of frames: summary, following, image cubes",
        description="What the file of a run of frames has, while it grows or after.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="file of a run")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--follow", action="store_true", help="wait for frames until the run ends")
    action.add_argument("--cube", type=Path, metavar="OUT", help="write image cubes")
    action.add_argument("--close", action="store_true", help="end the run")
    parser.add_argument(
        "--silence", type=float, default=60.0, metavar="S", help="longest wait for a frame (default 60)"
    )
    parser.add_argument("--json", action="store_true", help="the summary for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc frames``."""
    from nifsdc.data.cube_file import CubeError, CubeFile  # takes a while to import: astropy
    from nifsdc.data.cube_reader import CubeReader
    from nifsdc.data.header import card

    try:
        if args.close:
            with CubeFile(args.file) as file:
                written = file.finish([card("STOPPED", True)])
            print(f"FILE {written.path} {file.frames} frames")
        elif args.cube is not None:
            from nifsdc.data.cube_export import write_cubes

            frames = write_cubes(args.file, args.cube)
            print(f"FILE {args.cube} {frames} frames")
        else:
            with CubeReader(args.file) as reader:
                if args.follow:
                    _follow(reader, args.silence)
                said = summary(reader)
            print(json.dumps(said) if args.json else _text(said))
    except (CubeError, OSError, TimeoutError) as error:
        print(f"nifsdc frames: {error}", file=sys.stderr)
        return 1
    return 0


def _follow(reader: CubeReader, silence: float) -> None:
    there = 0
    for rows in reader.follow(silence):
        there += len(rows)
        print(f"{there} frames, last {rows['FRAME'][-1]}", file=sys.stderr, flush=True)


def summary(reader: CubeReader) -> dict[str, Any]:
    """Return what a run is, as JSON would have it.

    ``frames`` are in the file, ``lost`` those whose numbers are left out between them, ``with_data`` by CCD
    those that were exposed; ``start`` and ``end`` the first and last time stamp (UTC), ``rate_hz`` frames a
    second between them.
    """
    import numpy as np

    from nifsdc.data.cube_layout import FrameQuality
    from nifsdc.data.cube_reader import times

    frames, layout = reader.frames, reader.layout
    data = dict.fromkeys((str(ccd) for ccd in layout.ccds), 0)
    ends, step = [], max(1, (8 << 20) // layout.row_bytes)
    for first in range(0, frames, step):
        rows = reader.rows(first, min(step, frames - first))
        ends += [rows[:1], rows[-1:]]
        for ccd in layout.ccds:
            empty = rows[f"QUALITY{ccd}"].astype(np.int64) & FrameQuality.NODATA
            data[str(ccd)] += int(np.count_nonzero(empty == 0))
    said: dict[str, Any] = {
        "file": str(reader.path),
        "complete": reader.complete,
        "frames": frames,
        "lost": 0,
        "with_data": data,
        "windows": [[each.ccd, each.rows, each.columns, each.detsec] for each in layout.windows],
    }
    if frames:
        both = np.concatenate([ends[0], ends[-1]])
        stamps = times(both)
        stamps.precision = 6
        seconds = float((stamps[1] - stamps[0]).to_value("s"))
        numbers = int(both["FRAME"][1]) - int(both["FRAME"][0])
        said |= {"start": str(stamps[0].isot), "end": str(stamps[1].isot), "lost": numbers + 1 - frames}
        said["rate_hz"] = numbers / seconds if seconds > 0 else None
    return said


def _text(said: dict[str, Any]) -> str:
    lines = [f"{said['file']}: {said['frames']} frames, {'complete' if said['complete'] else 'not closed'}"]
    if said["frames"]:
        lines.append(f"  from {said['start']} to {said['end']} UTC")
        if said["rate_hz"]:
            lines.append(f"  {said['rate_hz']:.3f} frames a second")
        lines.append(f"  {said['lost']} lost between them")
        lines += [f"  CCD {ccd}: {count} with data" for ccd, count in said["with_data"].items()]
    lines += [
        f"  window {number}: CCD {ccd}, {rows} rows of {columns} {detsec}".rstrip()
        for number, (ccd, rows, columns, detsec) in enumerate(said["windows"], 1)
    ]
    return "\n".join(lines)
