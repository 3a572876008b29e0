"""The ``nifsdc`` command: one parser, a module per command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from nifsdc import __version__
from nifsdc.cli import services

MODULES = (
    *("up", "ioc", "services", "observe", "ccd", "quicklook", "fits"),
    *("records", "screens", "softioc", "link_server", "sdsu", "timing", "cube", "frames"),
    *("recover", "systemd"),
)
"""in the order of the help; each adds the command of its name, or several"""
OF_SEVERAL = ("services", "ccd")
"""those of them that add several, under names of their own"""


def commands(
    modules: Sequence[str] = MODULES,
) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the commands of some modules, and each command's own by its name."""
    parser = argparse.ArgumentParser(
        prog="nifsdc",
        description="The Gemini NIFS detector controller: IOC, simulator, data server and clients.",
        epilog="Start with: nifsdc up --once",
    )
    parser.add_argument("--version", action="version", version=f"nifsdc {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in modules:
        importlib.import_module(f"nifsdc.cli.{name}").add_parser(subparsers)
    return parser, dict(subparsers.choices)


def parser_for(command: str) -> argparse.ArgumentParser:
    """Return a parser that knows a command, and all of them where there is none of that name.

    Only its module is imported: to start those of all commands takes seconds.
    """
    module = command.replace("-", "_")
    if module in MODULES and module not in OF_SEVERAL:
        return commands((module,))[0]
    if not command.startswith("-"):
        parser, known = commands(OF_SEVERAL)
        if command in known:
            return parser
    return commands()[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given and given[0] in services.PARTS:
        return services.execute(services.PARTS[given[0]][0], given[1:])
    args = parser_for(given[0] if given else "").parse_args(given)
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
