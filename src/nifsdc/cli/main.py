"""The ``nifsdc`` command: one parser, a module per command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nifsdc import __version__
from nifsdc.cli import (
    ccd,
    cube,
    fits,
    ioc,
    link_server,
    observe,
    quicklook,
    records,
    recover,
    sdsu,
    services,
    softioc,
    timing,
    up,
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="nifsdc",
        description="The Gemini NIFS detector controller: IOC, simulator, data server and clients.",
        epilog="Start with: nifsdc up --once",
    )
    parser.add_argument("--version", action="version", version=f"nifsdc {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = (
        *(up, ioc, services, observe, ccd, quicklook, fits),
        *(records, softioc, link_server, sdsu, timing, cube, recover),
    )
    for module in commands:
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given and given[0] in services.PARTS:
        return services.execute(services.PARTS[given[0]][0], given[1:])
    args = build_parser().parse_args(given)
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
