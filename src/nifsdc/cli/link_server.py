"""``nifsdc link-server``: lets another host use the controller that is attached to this one."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from nifsdc import logs, service
from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.choose import FORMS, BadLink, open_link
from nifsdc.sdsu.links.server import LinkServer

DEFAULT_PORT = 5074
EXAMPLE = f"""\
examples:
  nifsdc link-server device:/dev/AstroPCI0 --interface 10.1.2.3
  nifsdc link-server sim:127.0.0.1:4000:/dev/shm/nifsdc-sim.buffer --port 0

LINK is {FORMS}. One host is served at a
time, any number one after the other; it uses tcp:HOST:PORT as its link. Prints READY with interface, port and
link when it listens; ends with SIGTERM or Ctrl-C.

Who can reach the port commands the controller: nothing is asked of a client. Listen elsewhere than on the
loopback interface only in a network where that is meant.

exit status: 0 ended as asked, 1 the link cannot be opened or the port not be had, 2 wrong usage"""


def add_parser(subparsers: Any) -> None:
    """Add ``link-server`` to the command line."""
    parser = subparsers.add_parser(
        "link-server",
        help="serve a controller's link to another host",
        description="Serve the words and pixels of a controller that is attached here to one other host.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("link", metavar="LINK", help="what is served")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="TCP port, 0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--interface", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: %(default)s)"
    )
    logs.add_options(parser, file=True)
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 0xFFFF):
        raise argparse.ArgumentTypeError(f"{text!r} is no TCP port (0..65535)")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc link-server``."""
    logs.start(args.log_level, args.log_file)
    try:
        link = open_link(args.link)
    except BadLink as error:
        print(f"nifsdc link-server: {error}", file=sys.stderr)
        return 2
    except LinkLost as error:
        print(f"nifsdc link-server: {error}", file=sys.stderr)
        return 1
    link.close()
    ended = service.Ending()
    try:
        server = LinkServer(link, args.interface, args.port)
    except OSError as error:
        print(f"nifsdc link-server: cannot listen at {args.interface}:{args.port}: {error}", file=sys.stderr)
        return 1
    with server:
        ready = {"interface": args.interface, "port": server.port, "link": args.link}
        print(f"READY {json.dumps(ready)}", flush=True)
        service.notify(service.READY)
        ended.wait()
    return 0
