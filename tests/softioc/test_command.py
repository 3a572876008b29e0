"""``nifsdc softioc`` as a user starts it: its output, its end, and a GNIRS-sized database at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nifsdc.cli.main import main

from . import gnirs

Start = Callable[..., Any]
Wait = Callable[..., Any]
SUBROUTINES = Path(__file__).parent / "gnirs_subroutines.py"
TREE = Path(__file__).parents[1] / "traces" / "data" / "tree.db"


def test_ready_and_the_end(start: Start, port: int, tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_text('record(ao, "$(top)a")\nrecord(ai, "$(top)b") { field(INP, "elsewhere:x") }\n')
    server = start(file, "-m", "top=t1:")
    assert server.ready == {"port": port, "records": 2}
    assert "t1:b.INP leads to another server: elsewhere:x" in server.text
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("text", "arguments", "status", "said"),
    [
        ("record(ao, a)\n", ["--check"], 0, "1 records, 0 links to other servers\n"),
        ("record(ao, a) { field(X, 1) }\n", ["--check"], 2, "x.db:1: ao a.X: a ao has no such field"),
        ("record(ao, a) { field(X, 1) }\n", ["--check", "--lenient"], 0, "1 mistakes left out"),
        ('record(ai, a) { field(INP, "b") }\n', ["--check", "--local"], 2, "b is not in this database"),
        ("record(ao, $(N))\n", ["--check", "-m", "N=a,B", "-m", "M=1"], 2, "'B' is no macro definition"),
        ("record(ao, $(N))\n", ["--check", "-m", "N=a", "-m", "M=1"], 0, "1 records"),
        ("record(ao, a)\n", ["--check", "--subroutines", "none.py"], 2, "there is no file none.py"),
    ],
)
def test_what_it_says(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    file = tmp_path / "x.db"
    file.write_text(text)
    assert main(["softioc", str(file), *arguments]) == status
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


def test_what_goes_with_a_server(start: Start, pv: Any, tmp_path: Path) -> None:
    """Access rules, put log and statistics of the project's own IOC are there, too."""
    (tmp_path / "a.db").write_text('record(ao, t2:a) { field(ASG, "CLOSED") }\nrecord(ao, t2:b)\n')
    (tmp_path / "rules.acf").write_text("ASG(DEFAULT) { RULE(1, WRITE) }\nASG(CLOSED) { RULE(1, READ) }\n")
    server = start(
        *(tmp_path / "a.db", "--access", tmp_path / "rules.acf", "--put-log", "--stats", "t2:ioc:")
    )
    assert (pv("t2:a").write_access, pv("t2:b").write_access) == (False, True)
    pv.put("t2:b", 2)
    assert "t2:b" in server.text
    assert pv("t2:ioc:HEARTBEAT").connected


def test_our_own_records_are_served_from_their_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "nifsdc.db")
    assert main(["records", "export", "--db", file]) == 0
    assert main(["softioc", file, "--stubs", "--local", "--check"]) == 0
    assert "0 links to other servers" in capsys.readouterr().out


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nifsdc", "softioc", str(tmp_path / "none.db")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ},
    )
    assert ended.returncode == 2
    assert f"there is no file {tmp_path / 'none.db'}" in ended.stderr
    assert ended.stdout == ""


def after(events: list[tuple[str, Any]], *expected: tuple[str, Any]) -> bool:
    """Whether the expected events came in this order, others between them or not."""
    rest = iter(events)
    return all(each in rest for each in expected)


def test_configure_and_observe_on_a_database_of_gnirs_size(
    start: Start, wait: Wait, pv: Any, tmp_path: Path
) -> None:
    """The cycle of icd/dc_records.md section 9: set-points, apply, observe, every record of it from text."""
    top, dc = "tgnirs:", "tgnirs:dc:"
    server = start(*gnirs.write(tmp_path), "-m", f"top={top}", "--subroutines", SUBROUTINES)
    assert server.ready["records"] == 206 + 220
    for name in ("apply.VAL", "dcconfigC", "observeC", "applyC", "applyC.CLID"):
        pv.watch(dc + name)

    # configure: a set-point marks its command; the sequence record makes its CAR busy for half a second
    pv.put(f"{top}dcSeqObs:obs_readMode", "FAINT")
    assert (pv.get(f"{dc}dcconfig.A"), pv.get(f"{dc}dcconfig.MARK")) == ("2", 1)
    pv.events.clear()
    pv.put(f"{dc}apply.DIR", "START")
    configured = (
        (f"{dc}dcconfigC", "BUSY"),
        (f"{dc}applyC", "BUSY"),
        (f"{dc}dcconfigC", "IDLE"),
        (f"{dc}applyC", "IDLE"),
    )
    wait(lambda: after(pv.events, *configured), f"the configuration; so far {pv.events}")
    assert (pv.get(f"{dc}dcconfig.VALA"), pv.get(f"{dc}dcconfig.MARK")) == (2, 0)
    first = pv.get(f"{dc}apply.VAL")
    assert first > 0

    # observe: the label goes to the status, the state program exposes
    pv.put(f"{top}dcObserveCad:observationID", "N20261121S0001")
    pv.events.clear()
    pv.put(f"{dc}apply.DIR", "START")
    observed = (
        (f"{dc}observeC", "BUSY"),
        (f"{dc}applyC", "BUSY"),
        (f"{dc}observeC", "IDLE"),
        (f"{dc}applyC", "IDLE"),
    )
    wait(lambda: after(pv.events, *observed), f"the exposure; so far {pv.events}")
    assert pv.get(f"{top}sad:dc:dataLabel") == "N20261121S0001"
    second = pv.get(f"{dc}apply.VAL")
    assert (second, pv.get(f"{dc}observeC.CLID"), pv.get(f"{dc}applyC.CLID")) == (first + 1,) * 3

    # a refusal comes from a combined status, through links and subroutines, to the top
    pv.put(f"{top}sad:dc:dataTaskHealth.IMSS", "no data server")
    pv.put(f"{top}sad:dc:dataTaskHealth", "BAD")
    assert (pv.get(f"{top}sad:dc:health"), pv.get(f"{top}sad:dc:health.OMSS")) == ("BAD", "no data server")
    pv.put(f"{dc}observe.DIR", "MARK")
    pv.put(f"{dc}apply.DIR", "START")
    assert (pv.get(f"{dc}apply.VAL"), pv.get(f"{dc}apply.MESS")) == (-1, "detector controller health is BAD")

    # three records turn a number into the text of a menu
    pv.put(f"{top}sad:dc:obs_readModeSet", 3)
    assert pv.get(f"{top}sad:dc:obs_readMode") == "VERY_FAINT"
    # and letters into a controller word, of which the status shows what it is
    pv.put(f"{top}dcSDSUDSPBoard:DSPCmd", "TDL")
    assert pv.get(f"{dc}DSPDirectCmd.B") == str(0x54444C)
