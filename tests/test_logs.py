"""Logging: levels by part, a file that turns over, and lines as systemd's journal takes them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nifsdc.logs import LEVELS, LogLevels

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) +nifsdc\.\w+ +\S.*")
PROGRAM = """
import logging, sys
from pathlib import Path
from nifsdc import logs
logs.start(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
for part in ("sdsu", "ca", "control"):
    for level in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger(f"nifsdc.{part}"), level)("%s of %s", level, part)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("nifsdc.control").exception("an exception")
"""


def logged(errors: Path, *arguments: str, journal: bool = False) -> list[str]:
    with errors.open("wb") as stream:
        status = os.fstat(stream.fileno())
        stands_for = f"{status.st_dev}:{status.st_ino}" if journal else "0:0"
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            stderr=stream,
            env={**os.environ, "JOURNAL_STREAM": stands_for},
            timeout=100,
            check=True,
        )
    return errors.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("info", LogLevels("info")),
        ("WARNING", LogLevels("warning")),
        ("info,sdsu=debug", LogLevels("info", {"sdsu": "debug"})),
        ("error, ca=info ,putlog=warning", LogLevels("error", {"ca": "info", "putlog": "warning"})),
        ("sdsu=debug", LogLevels("info", {"sdsu": "debug"})),
    ],
)
def test_levels_are_read(text: str, expected: LogLevels) -> None:
    assert LogLevels.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "loud", "info,debug", "sdsu=", "=info", "info,", "sdsu=loud", "a b=info"]
)
def test_levels_that_cannot_be_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|stands first"):
        LogLevels.parse(text)


def test_each_part_logs_from_its_level_on(tmp_path: Path) -> None:
    lines = logged(tmp_path / "errors", "warning,sdsu=debug,ca=error")
    told = [line.split(maxsplit=3)[3] for line in lines if " of " in line]
    begin = {"sdsu": "debug", "ca": "error", "control": "warning"}
    expected = [
        f"{level} of {part}" for part, least in begin.items() for level in LEVELS[LEVELS.index(least) :]
    ]
    assert told == expected
    assert all(LINE.fullmatch(line) for line in lines if " of " in line)
    assert any("ZeroDivisionError" in line for line in lines)


def test_a_file_has_the_same_lines(tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = logged(tmp_path / "errors", "info", str(file))
    assert file.read_text(encoding="utf-8").splitlines() == lines


def test_the_journal_gets_a_priority_before_every_line_and_no_time(tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = logged(tmp_path / "errors", "debug", str(file), journal=True)
    # sd-daemon(3): <0> emerg ... <3> err, <4> warning, <5> notice, <6> info, <7> debug
    assert lines[:4] == [
        "<7>nifsdc.sdsu: debug of sdsu",
        "<6>nifsdc.sdsu: info of sdsu",
        "<4>nifsdc.sdsu: warning of sdsu",
        "<3>nifsdc.sdsu: error of sdsu",
    ]
    after = lines[lines.index("<3>nifsdc.control: an exception") :]
    assert len(after) > 3
    assert all(line.startswith("<3>") for line in after)
    assert LINE.fullmatch(file.read_text(encoding="utf-8").splitlines()[0])


def test_a_service_logs_into_its_file(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "server.log"
    arguments = (
        "--port",
        "0",
        "--root",
        str(tmp_path / "data"),
        "--log-level",
        "debug",
        "--log-file",
        str(file),
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "nifsdc.data.server", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        assert json.loads(server.stdout.readline().removeprefix("READY"))["port"] > 0
        server.send_signal(signal.SIGTERM)
        errors = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert "serving" in errors
    assert file.read_text(encoding="utf-8") == errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--log-level", "loud"), "'loud': expected debug, info, warning, error"),
        (("--log-file", "/proc/nowhere/log"), "/proc/nowhere/log: cannot be written"),
    ],
)
def test_what_cannot_be_logged_is_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nifsdc", "ioc", "nifs", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 2
    assert message in ended.stderr
