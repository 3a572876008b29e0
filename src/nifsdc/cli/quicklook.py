"""``nifsdc quicklook``: images for displays, from the rings of an IOC on this host; and images for DS9."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from pathlib import Path
from typing import Any

from nifsdc import database, logs
from nifsdc.cli import options
from nifsdc.client.camera import usual_top
from nifsdc.config import ConfigError, IocConfig
from nifsdc.quicklook.streams import run_stream, view_streams

EXAMPLE = """\
examples:
  nifsdc quicklook                      serve the images of nifs: over PVAccess, until Ctrl-C
  nifsdc quicklook --config ccd         those of a CCD camera
  nifsdc quicklook --view-picture view.png    and draw the newest view
  nifsdc quicklook ds9 --follow         on any host: show the images of runs in DS9 as they come

Channels are called after the streams: nifs:dc:nifsRunQL:Image, nifs:dc:nifsViewQL:Image and
nifs:dc:nifsCmpQL:Image. Ports and interfaces are those of the usual environment (EPICS_PVAS_...).

exit status: 0 ended as asked, 1 the server cannot be started, 2 wrong usage or configuration"""
DS9_EXAMPLE = """\
examples:
  nifsdc quicklook ds9                          the newest image of runs, once
  nifsdc quicklook ds9 --stream nifsViewQL --follow     views as they come, until Ctrl-C
  nifsdc quicklook ds9 --client Aladin          another SAMP client than all that show images

The image is taken over PVAccess (EPICS_PVA_ADDR_LIST and so on say where from), written to a FITS file below
~/.cache/nifsdc, and clients of the SAMP hub of this user are asked to load it.

exit status: 0 shown, 1 no hub, no client or no image, 2 wrong usage, 3 the channel does not answer"""

LOOK_SECONDS = 1.0


def add_parser(subparsers: Any) -> None:
    """Add ``quicklook`` to the command line."""
    parser = subparsers.add_parser(
        "quicklook",
        help="serve images to displays",
        description="Serve the newest images of an IOC on this host over PVAccess (NTNDArray).",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration of the IOC")
    parser.add_argument("--run-picture", type=Path, metavar="FILE", help="draw the newest image of a run")
    parser.add_argument("--view-picture", type=Path, metavar="FILE", help="draw the newest view")
    options.add_top(parser, default=None)
    logs.add_options(parser, file=True)
    parser.set_defaults(run=run)
    _add_ds9(parser.add_subparsers(metavar="ds9"))


def _add_ds9(subparsers: Any) -> None:
    ds9 = subparsers.add_parser(
        "ds9",
        help="show the newest image in DS9, or any SAMP client",
        description="Show the newest image of a stream in DS9, or in any SAMP client.",
        epilog=DS9_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_top(ds9)
    ds9.add_argument("--stream", default="nifsRunQL", help="quick-look stream (default %(default)s)")
    ds9.add_argument("--channel", default="", help="any channel with images (NTNDArray) instead")
    ds9.add_argument("--client", default="", help="name of the SAMP client (default: all that show images)")
    ds9.add_argument("--follow", action="store_true", help="show each new image, until Ctrl-C")
    ds9.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="for an answer (default %(default)g s)"
    )
    logs.add_options(ds9)
    ds9.set_defaults(run=show_in_ds9)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc quicklook``."""
    try:
        path = options.configuration(args.config) if args.config else None
        config = IocConfig.load(path) if path else IocConfig(top=usual_top())
        config = dataclasses.replace(config, top=args.top or config.top)
        arguments = process_arguments(config, args.run_picture, args.view_picture)
    except (ConfigError, database.DefinitionError) as error:
        print(f"nifsdc quicklook: {error}", file=sys.stderr)
        return 2
    from nifsdc.quicklook import process  # loads EPICS libraries, which other commands do without

    arguments += ["--log-level", args.log_level]
    if args.log_file is not None:
        arguments += ["--log-file", str(args.log_file)]
    return process.main(arguments)


def process_arguments(config: IocConfig, run_picture: Path | None, view_picture: Path | None) -> list[str]:
    """Return the arguments with which the process of the quick look shows the rings of an IOC.

    Parameters
    ----------
    config
        of the IOC
    run_picture, view_picture
        where the newest image of a run and the newest view are drawn; None for nowhere
    """
    defaults = {each.name: each.default for each in database.load(camera=config.camera).parameters}
    views = ",".join(view_streams(defaults))
    arguments = ["--top", config.top, "--images", f"{config.ring}={run_stream(defaults)}"]
    if views:
        arguments += ["--images", f"{config.view_ring}={views}"]
    for ring, picture in ((config.ring, run_picture), (config.view_ring, view_picture)):
        if picture is not None:
            arguments += ["--picture", f"{ring}={picture}"]
    return arguments


def show_in_ds9(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc quicklook ds9``."""
    from nifsdc.quicklook.images import channel_name
    from nifsdc.quicklook.push import watched

    logs.start(args.log_level)
    channel = args.channel or channel_name(args.top, args.stream)
    file = _cache() / f"{re.sub(r'[^A-Za-z0-9.-]', '_', channel)}.fits"
    try:
        with watched(channel) as newest:
            value = newest.get(args.timeout)
            if value is None:
                print(
                    f"nifsdc quicklook: {channel} does not answer within {args.timeout:g} s; does the quick "
                    "look run, and does EPICS_PVA_ADDR_LIST lead to its host?",
                    file=sys.stderr,
                )
                return 3
            shown = _show(channel, value, file, args.client)
            while args.follow:
                value = newest.get(LOOK_SECONDS)
                shown = value is not None and _show(channel, value, file, args.client)
    except KeyboardInterrupt:
        return 0
    return 0 if shown else 1


def _show(channel: str, value: Any, file: Path, client: str) -> bool:
    from nifsdc.quicklook.push import push
    from nifsdc.quicklook.samp import SampError

    try:
        viewers = push(value, file, client)
    except (SampError, ValueError, OSError) as error:
        print(f"nifsdc quicklook: {channel}: {error}", file=sys.stderr)
        return False
    print(f"SHOWN {channel} {value.uniqueId} in {', '.join(viewers)}", flush=True)
    return True


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nifsdc"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
