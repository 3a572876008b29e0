"""``nifsdc timing``: what a frame-transfer set-up will do, before a night is spent on it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from nifsdc.timing.frame_plan import data_rate, duty_cycle
from nifsdc.timing.frame_transfer import Clear, Drift, FrameMode, FrameTiming, NoClear

EXAMPLE = """\
examples:
  nifsdc timing --mode noclear --e 100 --r 20 --f 4 --nskip 2
  nifsdc timing --mode noclear --e 100 --r 20 --f 4 --nskip 2 --frame 3 --json
  nifsdc timing --mode drift --e 1 --r 2 --ld 0.1 --ls 0.3 --ndrift 3 --pixels 4096

Times are in milliseconds: E exposure delay, R readout alone, F frame transfer, W wipe, LD line dump, LS line
shift. Offsets count from the frame's own time stamp, in seconds. Without --frame what holds for every frame
but a first one is said.

exit status: 0 done, 2 wrong usage"""

SYMBOLS = {
    "e": ("exposure delay E", frozenset(FrameMode)),
    "r": ("readout R, without the frame transfer", frozenset(FrameMode)),
    "f": ("frame transfer F", frozenset({FrameMode.NO_CLEAR, FrameMode.CLEAR})),
    "w": ("wipe W", frozenset({FrameMode.CLEAR})),
    "ld": ("line dump LD", frozenset({FrameMode.DRIFT})),
    "ls": ("line shift LS", frozenset({FrameMode.DRIFT})),
}
"""what each time is and which modes have it"""
NSKIP_MODES = frozenset({FrameMode.NO_CLEAR, FrameMode.CLEAR})


def add_parser(subparsers: Any) -> None:
    """Add ``timing`` to the command line."""
    parser = subparsers.add_parser(
        "timing",
        help="exposure, dead and cycle times of the frame-transfer modes",
        description="When the frames of a frame-transfer CCD are exposed, for a mode and its set-up.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mode", required=True, choices=[mode.value for mode in FrameMode])
    for symbol, (meaning, _) in SYMBOLS.items():
        parser.add_argument(f"--{symbol}", type=float, default=0.0, metavar="MS", help=meaning)
    parser.add_argument("--nskip", type=int, default=0, metavar="N", help="dummy frames before each one")
    parser.add_argument("--ndrift", type=int, metavar="N", help="windows in the masked area (default 1)")
    parser.add_argument("--frame", type=int, metavar="N", help="number of one frame, counted from 1")
    parser.add_argument("--pixels", type=int, metavar="N", help="pixels of a frame, for the data rate")
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc timing``."""
    try:
        timing = _timing(args)
        said = _said(timing, args.frame, args.pixels)
    except ValueError as error:
        print(f"nifsdc timing: {error}", file=sys.stderr)
        return 2
    for name in _unused(args, timing.mode):
        print(f"nifsdc timing: {timing.mode.value} mode has no {name}; it changes nothing", file=sys.stderr)
    print(json.dumps(said) if args.json else _text(said))
    return 0


def _timing(args: argparse.Namespace) -> FrameTiming:
    e, r, f, w, ld, ls = (getattr(args, symbol) * 1e-3 for symbol in SYMBOLS)
    match FrameMode(args.mode):
        case FrameMode.NO_CLEAR:
            timing: FrameTiming = NoClear(e, r, f, args.nskip)
        case FrameMode.CLEAR:
            timing = Clear(e, r, f, w, args.nskip)
        case FrameMode.DRIFT:
            timing = Drift(e, r, ld, ls, 1 if args.ndrift is None else args.ndrift)
    if timing.frame_period <= 0:
        raise ValueError("every time is 0 ms; give at least E or R, such as --e 100 --r 20")
    return timing


def _unused(args: argparse.Namespace, mode: FrameMode) -> list[str]:
    names = [symbol for symbol, (_, modes) in SYMBOLS.items() if mode not in modes and getattr(args, symbol)]
    if args.nskip and mode not in NSKIP_MODES:
        names.append("nskip")
    if args.ndrift and mode is not FrameMode.DRIFT:
        names.append("ndrift")
    return names


def _said(timing: FrameTiming, frame: int | None, pixels: int | None) -> dict[str, Any]:
    if pixels is not None and pixels < 1:
        raise ValueError(f"a frame of {pixels} pixels; expected 1 or more")
    exposed = timing.regular if frame is None else timing.exposed(frame)
    return {
        "mode": timing.mode.value,
        "frame": frame,
        "valid": exposed is not None,
        "start_offset_s": None if exposed is None else exposed.start,
        "mid_offset_s": None if exposed is None else exposed.middle,
        "end_offset_s": None if exposed is None else exposed.end,
        "exposure_s": None if exposed is None else exposed.seconds,
        "dead_s": timing.dead,
        "cycle_s": timing.cycle,
        "frame_period_s": timing.frame_period,
        "duty_cycle": duty_cycle(timing),
        "data_rate_bytes_s": None if pixels is None else data_rate(timing, pixels),
    }


def _text(said: dict[str, Any]) -> str:
    which = "every frame with data" if said["frame"] is None else f"frame {said['frame']}"
    lines = [f"{said['mode']} mode, {which}"]
    if said["valid"]:
        lines += [
            f"  exposed from    {said['start_offset_s']:+.6f} s",
            f"  mid-exposure    {said['mid_offset_s']:+.6f} s from its time stamp",
            f"  exposed until   {said['end_offset_s']:+.6f} s",
            f"  exposure time   {said['exposure_s']:.6f} s",
        ]
    else:
        lines.append("  carries no data")
    lines += [
        f"  dead time       {said['dead_s']:.6f} s",
        f"  cycle           {said['cycle_s']:.6f} s",
        f"  frame period    {said['frame_period_s']:.6f} s",
        f"  duty cycle      {100 * said['duty_cycle']:.2f} %",
    ]
    if said["data_rate_bytes_s"] is not None:
        lines.append(f"  data rate       {said['data_rate_bytes_s'] / 1e6:.3f} MB/s")
    return "\n".join(lines)
