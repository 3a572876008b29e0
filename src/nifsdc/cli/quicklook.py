"""``nifsdc quicklook``: images for displays, from the rings of an IOC on this host."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from nifsdc import database
from nifsdc.cli import options
from nifsdc.config import ConfigError, IocConfig

EXAMPLE = """\
examples:
  nifsdc quicklook                      serve the images of nifs: over PVAccess, until Ctrl-C
  nifsdc quicklook --config ccd         those of a CCD camera
  nifsdc quicklook --picture view.png   and draw the newest view

Channels are called after the streams: nifs:dc:nifsRunQL:Image, nifs:dc:nifsViewQL:Image and
nifs:dc:nifsCmpQL:Image. Ports and interfaces are those of the usual environment (EPICS_PVAS_...).

exit status: 0 ended as asked, 1 the server cannot be started, 2 wrong usage or configuration"""

RUN_STREAM, VIEW_STREAMS = "qlStream", ("viewQlStream", "cmpQlStream")
"""parameters that name streams"""
UNNAMED = "run"
"""stream of the runs of a camera that names none"""


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
    options.add_log_level(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc quicklook``."""
    try:
        config = IocConfig.load(options.configuration(args.config)) if args.config else IocConfig()
        config = dataclasses.replace(config, top=args.top or config.top)
        arguments = process_arguments(config, args.run_picture, args.view_picture)
    except (ConfigError, database.DefinitionError) as error:
        print(f"nifsdc quicklook: {error}", file=sys.stderr)
        return 2
    from nifsdc.quicklook import process  # loads EPICS libraries, which other commands do without

    return process.main([*arguments, "--log-level", args.log_level])


def process_arguments(config: IocConfig, run_picture: Path | None, view_picture: Path | None) -> list[str]:
    """Return the arguments with which the process of the quick look shows the rings of an IOC.

    Parameters
    ----------
    config
        of the IOC
    run_picture, view_picture
        where the newest image of a run and the newest view are drawn; None for nowhere
    """
    defaults = {each.name: str(each.default) for each in database.load(camera=config.camera).parameters}
    views = ",".join(defaults[name] for name in VIEW_STREAMS if name in defaults)
    arguments = ["--top", config.top, "--images", f"{config.ring}={defaults.get(RUN_STREAM, UNNAMED)}"]
    if views:
        arguments += ["--images", f"{config.view_ring}={views}"]
    for ring, picture in ((config.ring, run_picture), (config.view_ring, view_picture)):
        if picture is not None:
            arguments += ["--picture", f"{ring}={picture}"]
    return arguments
