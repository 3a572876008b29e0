"""An IOC as a service: what systemd is told of it, what it logs, and the files that start it."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nifsdc.cli.main import main, parser_for
from nifsdc.config import IocConfig
from nifsdc.data.server import parser as data_server_parser

from ..waiting import channel, until
from .conftest import START_SECONDS, random_top

ANALYZE = shutil.which("systemd-analyze")
DEADLINE_S = 60.0
KNOWN = {
    "Unit": {
        *("Description", "Documentation", "PartOf", "Wants", "After"),
        *("RequiresMountsFor", "ConditionPathExists"),
    },
    "Service": {
        *("Type", "User", "EnvironmentFile", "Environment", "CacheDirectory", "StateDirectory", "ExecStart"),
        *("TimeoutStartSec", "TimeoutStopSec", "WatchdogSec", "Restart", "RestartSec", "LimitNOFILE"),
    },
    "Install": {"WantedBy"},
}
"""settings by section: systemd.unit(5), systemd.service(5), systemd.exec(5)"""


@dataclass
class Service:
    """An IOC without a controller, started as systemd would."""

    top: str
    process: subprocess.Popen[str]
    manager: socket.socket
    log: Path

    def told(self) -> str:
        return self.manager.recv(4096).decode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    top = random_top()
    config = folder / "ioc.yaml"
    log = folder / "ioc.log"
    config.write_text(
        f"top: '{top}'\ninitialise: false\nlink: {{kind: tcp, port: 1}}\n"
        f"data: {{server_port: 1, spool: {folder / 'spool'}}}\n"
    )
    assert IocConfig.load(config).top == top
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(START_SECONDS)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "nifsdc", "ioc", str(config)),
                *("--log-level", "warning,ioc=info", "--log-file", str(log)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": manager.getsockname()},
        )
        with process:
            try:
                yield Service(top, process, manager, log)
            finally:
                if process.poll() is None:
                    process.kill()


def test_systemd_is_told_that_it_is_ready_and_alive_and_ends(service: Service) -> None:
    told = [service.told()]
    while "READY=1" not in told or told[-2:] != ["WATCHDOG=1", "WATCHDOG=1"]:
        told.append(service.told())
    assert told.count("READY=1") == 1


def test_warnings_and_errors_are_counted_and_the_latest_is_shown(service: Service) -> None:
    errors, message = (channel(f"{service.top}sad:dc:{name}") for name in ("logErrors", "logMessage"))
    before = errors.get()
    channel(f"{service.top}dc:init.DIR").put("MARK", wait=True)
    channel(f"{service.top}dc:nifsApply.DIR").put("START", wait=True)
    until(lambda: errors.get() > before, "an error")
    shown = message.get(as_string=True)
    level, _, rest = shown.partition(" ")
    part, _, text = rest.partition(": ")
    assert level in ("WARNING", "ERROR")
    assert text.splitlines()[0] in service.log.read_text(encoding="utf-8")
    assert f"nifsdc.{part}" in service.log.read_text(encoding="utf-8")


def test_it_ends_when_systemd_asks(service: Service) -> None:
    service.process.send_signal(signal.SIGTERM)
    told = ""
    while told != "STOPPING=1":
        told = service.told()
    assert service.process.wait(DEADLINE_S) == 0


# --- the files --------------------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> dict[str, str]:
    user = "root"  # there on every host
    arguments = ["--user", user, "--data", "/tmp", "--config", str(tmp_path)]
    assert main(["systemd", str(tmp_path / "units"), *arguments]) == 0
    return {path.name: path.read_text() for path in (tmp_path / "units").iterdir()}


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            yield section, name, value


def test_every_setting_is_one_that_systemd_knows(units: dict[str, str]) -> None:
    assert "nifsdc-ioc@.service" in units
    for text in units.values():
        for section, name, value in settings(text):
            assert name in KNOWN[section]
            assert value
            assert "@" not in value.replace("nifsdc-ioc@%i.service", "")


def test_what_they_start_are_commands_as_they_are(units: dict[str, str]) -> None:
    started = set()
    for text in units.values():
        for _, name, value in settings(text):
            if name == "ExecStart":
                program, command, *arguments = shlex.split(value)
                assert Path(program).is_absolute()
                parser = data_server_parser() if command == "data-server" else parser_for(command)
                parser.parse_args(arguments if command == "data-server" else [command, *arguments])
                started.add(command)
    assert started == {"data-server", "ioc", "quicklook", "link-server"}


def test_systemd_itself_finds_nothing_wrong_with_them(units: dict[str, str], tmp_path: Path) -> None:
    if ANALYZE is None:
        logging.getLogger("test").warning(
            "systemd-analyze is not installed: settings are held against a list alone"
        )
        return
    folder = tmp_path / "units"
    for name in ("nifsdc-ioc@", "nifsdc-quicklook@"):
        (folder / f"{name}nifs.service").write_text(units[f"{name}.service"])
    files = [str(path) for path in folder.iterdir() if "@." not in path.name]
    told = subprocess.run(
        [ANALYZE, "verify", "--man=no", *files], capture_output=True, text=True, timeout=100, check=False
    )
    about = [line for line in told.stderr.splitlines() if str(folder) in line]
    assert (told.returncode, about) == (0, [])


@pytest.mark.parametrize("path", ["data", "/with space", "/with%percent"])
def test_a_path_that_a_unit_cannot_have_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["systemd", str(tmp_path), "--data", path])
    assert ended.value.code == 2
