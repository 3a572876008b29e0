"""``nifsdc systemd``: the service files of an installation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nifsdc.database.locate import share

EXAMPLE = """\
examples:
  nifsdc systemd units                              look at them first
  sudo nifsdc systemd /etc/systemd/system --user nifs --data /data
  sudo systemctl enable --now nifsdc.target nifsdc-data-server nifsdc-ioc@nifs nifsdc-quicklook@nifs
  journalctl -u nifsdc-ioc@nifs -p warning -f

exit status: 0 written, 2 wrong usage or the folder cannot be written"""


def add_parser(subparsers: Any) -> None:
    """Add ``systemd`` to the command line."""
    parser = subparsers.add_parser(
        "systemd",
        help="write service files for systemd",
        description="Write service files for systemd: data server, an IOC and a quick look for each camera.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where they are written, such as /etc/systemd/system")
    parser.add_argument("--user", default="nifsdc", help="who runs them (default: %(default)s)")
    parser.add_argument(
        "--data", type=_absolute, default=Path("/data"), help="folder of the data (%(default)s)"
    )
    config = Path("/etc/nifsdc")
    help_config = "folder of the configurations, a file CAMERA.yaml each (%(default)s)"
    parser.add_argument("--config", type=_absolute, default=config, help=help_config)
    program = Path(sys.executable).with_name("nifsdc")
    parser.add_argument("--program", type=_absolute, default=program, help="nifsdc itself (%(default)s)")
    parser.set_defaults(run=run)


def _absolute(text: str) -> Path:
    """Check a path for a service file, which takes no others and no spaces."""
    path = Path(text)
    if not path.is_absolute() or any(character.isspace() or character in '%"$@' for character in text):
        raise argparse.ArgumentTypeError(f'{text!r}: expected a full path without spaces or any of % " $ @')
    return path


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc systemd``."""
    values = {"USER": args.user, "DATA": args.data, "CONFIG": args.config, "PROGRAM": args.program}
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        for name, text in units(values).items():
            (args.folder / name).write_text(text, encoding="utf-8")
            print(args.folder / name)
    except OSError as error:
        print(f"nifsdc systemd: {args.folder} cannot be written: {error}", file=sys.stderr)
        return 2
    return 0


def units(values: Mapping[str, object]) -> dict[str, str]:
    """Return every service file by its name.

    Parameters
    ----------
    values
        what stands for ``@USER@``, ``@DATA@``, ``@CONFIG@`` and ``@PROGRAM@`` in those shipped
    """
    found = {}
    for path in sorted((share("ioc") / "systemd").iterdir()):
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        found[path.name] = text
    return found
