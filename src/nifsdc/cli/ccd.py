"""``nifsdc run``, ``bias``, ``dark``, ``multrun`` and the rest: a CCD camera as its observers type it.

Every command is a Channel Access client: it sets parameters, starts a command record, follows its response.
What an exposure command does beyond that stands in the table `EXPOSURES`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nifsdc.cli import options
from nifsdc.cli.observe import take
from nifsdc.client import Camera
from nifsdc.client.ending import Ended, ExitStatus, report, with_camera

TOP = "ccd:"
WINDOWS = 10
OFF = "off"
STATUS = """
exit status: 0 done, 1 the command failed, 2 refused or wrong usage, 3 no answer, 4 stopped early and written,
5 aborted"""


@dataclass(frozen=True)
class Exposure:
    """One kind of exposure: what is set for it, and what is asked of the observer."""

    type: str
    help: str
    time: str | None = "obs_exposed"
    """set-point that its time goes to; None for one that takes no time"""
    example: str = ""


EXPOSURES: Mapping[str, Exposure] = {
    "run": Exposure("OBJECT", "expose on the sky", example="run 60 M31"),
    "bias": Exposure("BIAS", "read out at once, shutter closed", None, "bias"),
    "dark": Exposure("DARK", "expose with the shutter closed", example="dark 600"),
    "flash": Exposure("FLASH", "light the preflash lamps, shutter closed", "obs_preflash", "flash 4"),
    "sky": Exposure("SKY", "expose on the twilight sky", example="sky 3"),
    "flat": Exposure("FLAT", "expose on a flat field lamp", example="flat 5"),
    "arc": Exposure("ARC", "expose on an arc lamp", example="arc 20"),
}
"""exposures that become runs; each has a ``mult`` form that takes several"""

Call = Callable[[Camera, argparse.Namespace], Ended]


def add_parser(subparsers: Any) -> None:
    """Add the commands of a CCD camera to the command line."""
    for name, exposure in EXPOSURES.items():
        _add_exposure(subparsers, name, exposure, several=False)
        _add_exposure(subparsers, f"mult{name}", exposure, several=True)
    glance = _parser(subparsers, "glance", "expose into a scratch file that is only looked at", "glance 10")
    glance.add_argument("time", type=float, help="seconds")
    glance.set_defaults(run=_run_glance, name="")
    scratch = _parser(subparsers, "scratch", "expose into a scratch file with a name", "scratch s3 10")
    scratch.add_argument("name", help="of the scratch file")
    scratch.add_argument("time", type=float, help="seconds")
    scratch.set_defaults(run=_run_glance)
    for name, (help_text, example, arguments, call) in _CALLS.items():
        parser = _parser(subparsers, name, help_text, example)
        for argument, settings in arguments.items():
            parser.add_argument(argument, **settings)
        parser.set_defaults(run=partial(_run_call, name, call))


def _parser(subparsers: Any, name: str, help_text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=f"CCD: {help_text}",
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=f"example: nifsdc {example}\n{STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_top(parser, default=TOP)
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    return parser


# --- exposures --------------------------------------------------------------------------------------------


def _add_exposure(subparsers: Any, name: str, exposure: Exposure, *, several: bool) -> None:
    word, _, rest = exposure.example.partition(" ")
    example = f"mult{word} 5 {rest}".strip() if several else exposure.example
    parser = _parser(subparsers, name, f"{exposure.help}{', several times' if several else ''}", example)
    if several:
        parser.add_argument("number", type=int, help="of exposures, a run each")
    if exposure.time is not None:
        parser.add_argument("time", type=float, help="seconds")
    parser.add_argument("title", nargs="*", help="what is exposed, for the header")
    parser.add_argument("--timeout", type=float, help="seconds for all of it (default its own + 120)")
    parser.set_defaults(run=partial(_run_exposure, name, exposure))


def _run_exposure(name: str, exposure: Exposure, args: argparse.Namespace) -> int:
    setpoints: dict[str, object] = {
        "obs_obsType": exposure.type,
        "obs_nexp": getattr(args, "number", 1),
        "objectName": " ".join(args.title),
    }
    if exposure.time is not None:
        setpoints[exposure.time] = args.time
    return take(args.top, setpoints, "", timeout=args.timeout, as_json=args.json, name=name)


def _run_glance(args: argparse.Namespace) -> int:
    setpoints = {"obs_obsType": "OBJECT", "obs_exposed": args.time}
    return take(args.top, setpoints, args.name, as_json=args.json, command="glance", name="glance")


# --- everything else --------------------------------------------------------------------------------------


def _run_call(name: str, call: Call, args: argparse.Namespace) -> int:
    ended = with_camera(args.top, lambda camera: call(camera, args))
    return report(f"nifsdc {name}", ended, as_json=args.json)


def _done(message: str = "") -> Ended:
    return Ended(ExitStatus.DONE, message)


def _keep(camera: Camera, args: argparse.Namespace) -> Ended:
    """Make a scratch file a run: the one named, or the latest glance."""
    camera.command("promote", {"A": getattr(args, "name", "")})
    return Ended(ExitStatus.DONE, "done", (camera.last_file(),))


def _window(camera: Camera, args: argparse.Namespace) -> Ended:
    names = [f"window{number}" for number in range(1, WINDOWS + 1)]
    if args.number == OFF:
        camera.configure(**dict.fromkeys(names, ""))
    elif args.number is not None and args.region is not None:
        camera.configure(**{f"window{args.number}": "" if args.region == OFF else args.region})
    regions = {name: str(camera.get(f"dc:{name}", text=True)) for name in names}
    told = [f"{name[len('window') :]} {region}" for name, region in regions.items() if region]
    print("\n".join(told) or "full frame", flush=True)
    return _done()


def _bin(camera: Camera, args: argparse.Namespace) -> Ended:
    camera.configure(obs_xbin=args.x, obs_ybin=args.x if args.y is None else args.y)
    return _done()


def _rspeed(camera: Camera, args: argparse.Namespace) -> Ended:
    camera.configure(obs_speed=args.speed.upper())
    return _done()


def _started(command: str, camera: Camera, args: argparse.Namespace) -> Ended:
    camera.command(command)
    return _done()


def _newtime(camera: Camera, args: argparse.Namespace) -> Ended:
    camera.command("retime", {"A": args.time})
    return _done()


def _finish(camera: Camera, args: argparse.Namespace) -> Ended:
    camera.stop()
    return _done()


def _abort(camera: Camera, args: argparse.Namespace) -> Ended:
    camera.abort()
    return _done()


def _number(text: str) -> str:
    if text == OFF or (text.isdecimal() and 1 <= int(text) <= WINDOWS):
        return text
    raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to {WINDOWS}, or {OFF}")


Arguments = Mapping[str, Mapping[str, Any]]
_TIME: Arguments = {"time": {"type": float, "help": "seconds of the whole exposure"}}
_CALLS: Mapping[str, tuple[str, str, Arguments, Call]] = {
    "keep": ("make the latest glance a run", "keep", {}, _keep),
    "promote": ("make a scratch file a run", "promote s3", {"name": {"help": "of the scratch file"}}, _keep),
    "window": (
        "set a window, switch one or all off, or show them",
        'window 1 "[101:300,1:200]"',
        {
            "number": {"type": _number, "nargs": "?", "help": f"1 to {WINDOWS}, or {OFF} for all"},
            "region": {"nargs": "?", "help": f"[x1:x2,y1:y2], pixels of the full frame from 1, or {OFF}"},
        },
        _window,
    ),
    "bin": (
        "set the binning factors",
        "bin 2 2",
        {
            "x": {"type": int, "help": "along rows"},
            "y": {"type": int, "nargs": "?", "help": "along columns (default: as along rows)"},
        },
        _bin,
    ),
    "rspeed": (
        "set the readout speed",
        "rspeed slow",
        {"speed": {"choices": ("slow", "fast"), "help": "and the gain that goes with it"}},
        _rspeed,
    ),
    "pause": ("close the shutter and halt the exposure", "pause", {}, partial(_started, "pause")),
    "continue": ("let a paused exposure go on", "continue", {}, partial(_started, "continue")),
    "newtime": ("give the running exposure another length", "newtime 90", _TIME, _newtime),
    "finish": ("end the exposure now and keep it", "finish", {}, _finish),
    "abort": ("give the exposure up", "abort", {}, _abort),
}
"""commands that are no exposure: help, example, arguments, and what they do"""
