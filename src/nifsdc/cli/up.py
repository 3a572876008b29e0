"""``nifsdc up``: simulator, data server and IOC together, one command."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nifsdc import logs, service
from nifsdc.cli import observe, options
from nifsdc.cli.process import Part, PartFailed
from nifsdc.cli.quicklook import process_arguments
from nifsdc.client.camera import usual_top
from nifsdc.config import ConfigError, IocConfig

EXAMPLE = """\
examples:
  nifsdc up                     simulator, data server and IOC, until Ctrl-C
  nifsdc up --once              one exposure, print its file, end
  nifsdc up --speed 20          a simulated detector twenty times as fast
  nifsdc up --config ccd        a CCD camera instead of NIFS

exit status: 0 ended as asked, 1 a part failed, 2 wrong usage or configuration;
with --once those of `nifsdc observe`"""

START_SECONDS = 180.0
"""real seconds for each part: the first start compiles the loops of the readout, on a busy machine slowly"""


def add_parser(subparsers: Any) -> None:
    """Add ``up`` to the command line."""
    parser = subparsers.add_parser(
        "up",
        help="start simulator, data server and IOC together",
        description="Start simulator, data server and IOC together; READY says that commands are taken.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration to start from: a file, or one of those shipped, such as ccd",
    )
    parser.add_argument("--data-dir", type=Path, default=Path("nifsdc-data"), help="where files and logs go")
    parser.add_argument("--speed", type=options.speed, default="1", metavar="N|fast", help="simulator speed")
    parser.add_argument("--seed", type=int, help="make the simulated noise repeatable")
    parser.add_argument(
        "--simulator",
        type=shlex.split,
        default=[],
        metavar="'OPTION ...'",
        help="further options of `nifsdc sim`, such as '--scene stars --effect cosmic-rays'",
    )
    parser.add_argument("--once", action="store_true", help="take one exposure, print FILE path, and end")
    parser.add_argument("--first", action="store_true", help="take a first exposure, then keep running")
    options.add_top(parser, default=None)
    logs.add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc up``."""
    asked_to_end = service.Ending()
    try:
        with ExitStack() as stack:
            parts, config, port = _start(args, stack)
            _point_clients_at(port)
            if args.once:
                return observe.take(config.top, {}, "")
            if args.first and observe.take(config.top, {}, "") != 0:
                return 1
            if args.first:
                _say_what_next(config.top, port, args.data_dir.resolve())
            return _watch(parts, asked_to_end)
    except ConfigError as error:
        print(f"nifsdc up: {error}", file=sys.stderr)
        return 2
    except PartFailed as error:
        print(f"nifsdc up: {error}", file=sys.stderr)
        return 1


def _start(args: argparse.Namespace, stack: ExitStack) -> tuple[list[Part], IocConfig, int]:
    path = options.configuration(args.config) if args.config else None
    config = IocConfig.load(path) if path else IocConfig(top=usual_top())
    if args.top:
        config = dataclasses.replace(config, top=args.top)
    folder: Path = args.data_dir.resolve()
    run_folder = folder / "run"
    run_folder.mkdir(parents=True, exist_ok=True)
    parent = ("--parent-pid", str(os.getpid()))

    def part(name: str, *arguments: str) -> Part:
        return stack.enter_context(Part(name, arguments, run_folder / f"{name}.log"))

    seed = () if args.seed is None else ("--seed", str(args.seed))
    simulator = part(
        "simulator",
        "nifsdc_sim",
        *("--port", "0", "--control-port", "0", "--speed", args.speed, "--detector", config.link.detector),
        *seed,
        *args.simulator,
        *parent,
    )
    server = part("data-server", "nifsdc.data.server", "--port", "0", "--root", str(folder), *parent)
    sim, data = simulator.wait_ready(START_SECONDS), server.wait_ready(START_SECONDS)
    config = _wired(config, sim, int(data["port"]), folder)
    path = run_folder / "ioc.yaml"
    path.write_text(config.as_yaml(), encoding="utf-8")
    ioc = part("ioc", "nifsdc", "ioc", str(path), "--log-level", args.log_level, *parent)
    port = int(ioc.wait_ready(START_SECONDS)["port"])
    # A display: nothing waits for it, and nothing ends with it.
    part(
        "quicklook",
        "nifsdc.quicklook",
        *process_arguments(config, folder / "quicklook.png", folder / "view.png"),
        *parent,
    )
    print(f"READY prefix={config.top} port={port} data={folder} control={sim['control_port']}", flush=True)
    return [simulator, server, ioc], config, port


def _wired(config: IocConfig, sim: Mapping[str, Any], data_port: int, folder: Path) -> IocConfig:
    """Point the configuration at the simulator and the data server that were just started."""
    return dataclasses.replace(
        config,
        link=dataclasses.replace(
            config.link, kind="sim", host="127.0.0.1", port=int(sim["port"]), buffer=str(sim["buffer"])
        ),
        data=dataclasses.replace(
            config.data,
            server_host="127.0.0.1",
            server_port=data_port,
            spool=str(folder / "spool"),
            sky=str(folder),
        ),
    )


def _point_clients_at(port: int) -> None:
    """Let this process' Channel Access client find the IOC without searching the network."""
    os.environ["EPICS_CA_ADDR_LIST"] = "127.0.0.1"
    os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
    os.environ["EPICS_CA_SERVER_PORT"] = str(port)


def _say_what_next(top: str, port: int, data: Path) -> None:
    print(
        f"""
The IOC is up. With EPICS tools in another terminal:

  export EPICS_CA_ADDR_LIST=127.0.0.1 EPICS_CA_AUTO_ADDR_LIST=NO EPICS_CA_SERVER_PORT={port}
  caput {top}dc:obs_exposed 10
  caput {top}dc:observe.A MyFirst
  caput {top}dc:nifsApply.DIR START
  camonitor {top}sad:dc:timeLeft {top}dc:observeC {top}sad:dc:lastFile

Without them: .venv/bin/caproto-put and caproto-monitor do the same, and

  .venv/bin/nifsdc observe --exposure 10 --read-mode FOWLER --nfowler 4

The newest frame is in {data / "quicklook.png"}, and as an image over PVAccess in the channel
{top}dc:nifsRunQL:Image. Ctrl-C ends it.""",
        flush=True,
    )


def _watch(parts: list[Part], asked_to_end: service.Ending) -> int:
    while not asked_to_end.wait(0.5):
        for part in parts:
            if part.ended:
                raise PartFailed(f"{part.name} ended with status {part.process.returncode}: {part.tail()}")
    return 0
