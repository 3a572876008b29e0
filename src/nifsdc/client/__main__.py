"""``python -m nifsdc.client``: what a `Camera` can do, from a shell, for any camera and any set-point."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from nifsdc.client.camera import CONNECT_SECONDS, Camera, usual_top
from nifsdc.client.ending import Ended, ExitStatus, of_observation, report, with_camera

EXAMPLE = """\
examples:
  python -m nifsdc.client status
  python -m nifsdc.client configure obs_readMode=FOWLER obs_nfowler=4 obs_exposed=30
  python -m nifsdc.client observe --label MyFirst obs_exposed=30
  python -m nifsdc.client stop

exit status: 0 done, 1 the command failed, 2 refused or wrong usage, 3 no answer, 4 stopped early and
written, 5 aborted"""

Call = Callable[[Camera, argparse.Namespace], Ended]


def _status(camera: Camera, args: argparse.Namespace) -> Ended:
    """Print how the camera is."""
    told = dataclasses.asdict(camera.status())
    if args.json:
        print(json.dumps(told), flush=True)
    else:
        width = max(map(len, told))
        print("\n".join(f"{name:{width}}  {value}".rstrip() for name, value in told.items()), flush=True)
    return Ended(ExitStatus.DONE)


def _configure(camera: Camera, args: argparse.Namespace) -> Ended:
    """Write set-points and have them applied."""
    camera.configure(**dict(args.setpoints))
    return Ended(ExitStatus.DONE)


def _observe(camera: Camera, args: argparse.Namespace) -> Ended:
    """Write set-points, take an observation, print its file."""
    camera.configure(**dict(args.setpoints))
    return of_observation(camera.observe(args.label, timeout=args.timeout))


def _stop(camera: Camera, args: argparse.Namespace) -> Ended:
    """End the observation early and keep its data."""
    camera.stop()
    return Ended(ExitStatus.DONE)


def _abort(camera: Camera, args: argparse.Namespace) -> Ended:
    """Give the observation up and discard its data."""
    camera.abort()
    return Ended(ExitStatus.DONE)


_CALLS: Mapping[str, Call] = {
    "status": _status,
    "configure": _configure,
    "observe": _observe,
    "stop": _stop,
    "abort": _abort,
}


def _setpoint(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE, such as obs_exposed=30")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nifsdc.client",
        description="Configure a camera, take observations, see how it is.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, call in _CALLS.items():
        action = actions.add_parser(name, help=call.__doc__, description=call.__doc__)
        action.add_argument("--top", default=usual_top(), help="prefix of the records (default %(default)s)")
        help_connect = "seconds to wait for the camera to answer (default %(default)g)"
        action.add_argument("--connect", type=float, default=CONNECT_SECONDS, help=help_connect)
        if name in ("status", "observe"):
            action.add_argument("--json", action="store_true", help="print one JSON object")
        if name == "observe":
            action.add_argument("--label", default="", help="data label; none for a running number")
            action.add_argument("--timeout", type=float, help="seconds (default its own + 120)")
        if name in ("configure", "observe"):
            help_text = "a set-point, such as obs_exposed=30"
            action.add_argument("setpoints", nargs="*", type=_setpoint, metavar="NAME=VALUE", help=help_text)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one action and return the exit status."""
    args = _parser().parse_args(argv)
    call = _CALLS[args.action]
    ended = with_camera(args.top, lambda camera: call(camera, args), timeout=args.connect)
    # What is no outcome has been printed already.
    as_json = args.action == "observe" and args.json
    return report(f"python -m nifsdc.client {args.action}", ended, as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
