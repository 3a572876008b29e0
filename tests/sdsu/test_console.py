"""The console as people type it: lines in, text and exit status out, against a simulator process."""

from __future__ import annotations

import math
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.cli.sdsu_prompt import completions
from nifsdc.sdsu.console.session import Session
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.programs import path
from nifsdc.sdsu.words import Board, word
from nifsdc_sim.process import SimulatorProcess

ROWS, COLUMNS = 1024, 4224
SECONDS = 90


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=3) as process:
        yield process


@pytest.fixture
def link(simulator: SimulatorProcess) -> str:
    simulator.clear_faults()
    return f"sim:127.0.0.1:{simulator.port}:{simulator.buffer}"


def sdsu(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nifsdc", "sdsu", *arguments],
        capture_output=True,
        text=True,
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        timeout=SECONDS,
        check=False,
    )


def lines(link: str, *said: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    arguments = [part for line in said for part in ("-c", line)]
    return sdsu("--link", link, *options, *arguments)


def well(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_commands_by_mnemonic_send_their_words(simulator: SimulatorProcess, link: str) -> None:
    last = max((each["number"] for each in simulator.commands()), default=0)
    said = well(lines(link, "rst", "GEN", "download ir", "PON", "IDL", "HSP", "TDL util 0xABCDEF", "POF"))
    assert said[0].startswith("SYR")
    assert said[1] == "0x000003 (3)"
    assert said[-3:] == ["DON", "0xABCDEF (11259375)", "DON"]
    words = [tuple(each["words"]) for each in simulator.commands(last)]
    assert words[:2] == [(word("RST"),), (0x000302, word("GEN"))]
    assert words[-5:] == [
        (0x000302, word("PON")),
        (0x000202, word("IDL")),
        (0x000202, word("HSP")),
        (0x000303, word("TDL"), 0xABCDEF),
        (0x000302, word("POF")),
    ]


def test_memory_by_space_and_by_name(link: str) -> None:
    said = well(
        lines(
            link,
            "startup ir",
            "WRM util X 0x300 1 0x22 $333",
            "RDM util X:$300 3",
            "wrm demanded_exposure_ms 1234",
            "RDM util X 0xF0",
            "RDM DEMANDED_TEMP",
            "RDM rows",
        )
    )
    assert said[0] == "started: generation 3, identity 0x4E, idling"
    assert said[1:] == [
        "DON: 3 words",
        "util X:$0300  000001 000022 000333",
        "DON",
        "util X:$00F0 = 0x0004D2 (1234)",
        "util X:$00F1 DEMANDED_TEMP = 0x00FDE8 (65000)",
        f"tim X:$02F9 rows = 0x000400 ({ROWS})",
    ]


def test_noticeboards_are_a_table(link: str) -> None:
    said = well(lines(link, "startup ir 70000", "boards"))[1:]
    assert said[0] == "timing board"
    assert "utility board" in said
    table = {row[1]: (row[0], int(row[2])) for row in (line.split() for line in said) if len(row) > 2}
    assert table["rows"] == ("X:$02F9", ROWS)
    assert table["columns"] == ("X:$02FA", COLUMNS)
    assert table["demanded_temperature_mk"] == ("X:$00F1", 70000)
    assert table["speed"] == ("Y:$0014", 2)
    assert len(said) == 1 + 14 + 1 + 13


def test_the_data_link_test_counts_errors(simulator: SimulatorProcess, link: str) -> None:
    assert well(lines(link, "tdl 50")) == [
        "tim: 50 sent, 50 came back, 0 errors",
        "util: 50 sent, 50 came back, 0 errors",
    ]
    simulator.fault("wrong-echo", "TDL", count=7, skip=60)
    ended = lines(link, "tdl 50")
    assert ended.returncode == 1
    assert "util: 50 sent, 43 came back, 7 errors" in ended.stdout
    assert "7 of 100 words" in ended.stderr


def test_a_program_from_a_file_brings_its_symbols(link: str) -> None:
    file = path(Board.TIMING)
    said = well(lines(link, "rst", f"download '{file}'", "symbols", "RDM NBAX"))
    assert re.fullmatch(r"timing board: \d+ words written and read back", said[1])
    assert "  tim X:$02F9 READ_ROWS" in said
    assert said[-1].startswith("tim X:$0200 NBAX = ")


@pytest.mark.parametrize("ending", ["npy", "fits"])
def test_a_run_ends_in_a_file(tmp_path: Path, link: str, ending: str) -> None:
    file = tmp_path / f"run.{ending}"
    run = ("WRM demanded_exposure_ms 1000", "STP", "CLR", "MRA 2", f"frame {file}", "IDL")
    said = well(lines(link, "startup ir", *run))
    assert said[-2] == f"{file}: 4 x {ROWS} x {COLUMNS} pixels"
    if ending == "npy":
        data = np.load(file)
    else:
        with fits.open(file, checksum=True) as hdus:
            data = hdus[0].data
    assert data.shape == (4, ROWS, COLUMNS)
    assert data.dtype == np.uint16
    assert data.min() < data.max()
    again = lines(link, "WRM readout_mode 1", "RDC", f"frame {file}")
    assert again.returncode == 2
    assert "nothing is ever overwritten" in again.stderr


def test_what_reached_the_host_is_kept_when_a_readout_breaks_off(
    simulator: SimulatorProcess, tmp_path: Path, link: str
) -> None:
    file = tmp_path / "short.npy"
    simulator.fault("pixels-stop", fraction=0.25)
    ended = lines(link, "startup ir", "RDC", f"frame {file}", "ABR", "GEN", options=("--keep-going",))
    assert ended.returncode == 1
    assert f"no pixel for 15 s after {ROWS * COLUMNS // 4} of {ROWS * COLUMNS} in block 1" in ended.stderr
    assert f"broken off: blocks of {ROWS * COLUMNS // 4}" in ended.stdout
    assert np.load(file).shape == (ROWS * COLUMNS // 4,)
    assert ended.stdout.splitlines()[-1] == "0x000003 (3)"


def test_a_trace_is_replayed_without_a_difference_and_differences_are_told(
    simulator: SimulatorProcess, tmp_path: Path, link: str
) -> None:
    trace = tmp_path / "night.trace"
    session = ("startup ir", "STP", "CLR", "MRA 1", "wait", "IDL")
    well(lines(link, *session, options=("--trace", str(trace))))
    assert trace.read_text().startswith("# nifsdc trace 1\n")
    # The identity's upper bits are what memory holds at power-up: another number each time.
    said = well(lines(link, f"replay {trace} except-telemetry"))
    assert re.fullmatch(r"\d+ sent again, \d+ compared, 0 different", said[-1])
    simulator.fault("error", "CLR")
    ended = lines(link, f"replay {trace} except-telemetry")
    assert ended.returncode == 1
    assert "HOST->TIMING CLR (0x434C52): expected TIMING->HOST DON (0x444F4E)" in ended.stdout
    assert "1 of " in ended.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frobnicate", "there is no 'frobnicate': help lists what there is"),
        ("PON 1", "PON takes nothing, found 1"),
        ("PON tim", "PON is not for the timing board"),
        ("LDA 1", "LDA is for either board"),
        ("RDM Q 1", "there is no 'Q'"),
        ("RDM Q:1", "there is no memory 'Q': expected P, X or Y"),
        ("RDM X", "expected an address behind X"),
        ("RDM X 0x100000", "too large"),
        ("RDM errno", "both boards have 'errno': say which, tim errno or util errno"),
        ("WRM X 1", "expected WRM"),
        ("WRM X 1 0x1000000", "too large"),
        ("WRM X 1 -1", "'-1' is no word"),
        ("MRA many", "'many' is no word: expected 16, 0x10 or $10"),
        ("frame x.fits", "nothing has been read out yet"),
        ("wait never", "'never' is no time"),
        (
            "download nowhere.lod",
            "nowhere.lod: No such file or directory: expected a load file, or ir or ccd",
        ),
        ("replay nowhere.trace", "nowhere.trace: No such file or directory"),
        ("symbols", "no symbols are known"),
        ("'", "No closing quotation"),
    ],
)
def test_a_line_that_means_nothing_says_what_was_expected(link: str, line: str, message: str) -> None:
    ended = lines(link, line, "quit")
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_the_controller_refuses_ends_a_script_unless_told_otherwise(link: str) -> None:
    stops = lines(link, "rst", "CLR", "GEN")
    assert stops.returncode == 1
    assert "nifsdc sdsu: CLR: HOST->TIMING CLR (0x434C52): the controller refused it (ERR)" in stops.stderr
    assert stops.stdout.count("\n") == 1
    goes_on = lines(link, "rst", "CLR", "GEN", options=("--keep-going",))
    assert goes_on.returncode == 1
    assert goes_on.stdout.splitlines()[-1] == "0x000003 (3)"


def test_scripts_come_from_a_file_or_standard_input(link: str, tmp_path: Path) -> None:
    script = tmp_path / "check.sdsu"
    script.write_text("# is it there?\nTDL tim 1   # yes\n\nquit\nfrobnicate\n")
    said = ["0x000001 (1)"]
    assert well(sdsu("--link", link, str(script))) == said
    assert well(sdsu("--link", link, "-", given=script.read_text())) == said
    assert well(sdsu("--link", link, given=script.read_text())) == said
    assert well(sdsu("--link", link, "--echo", str(script)))[1:3] == ["sdsu> TDL tim 1   # yes", *said]


def test_a_simulator_of_its_own_ends_with_the_console() -> None:
    said = well(sdsu("--simulate", "ccd2", "--speed", "fast", "-c", "startup ccd", "-c", "RDM util X:$F9"))
    assert said[-1] == "util X:$00F9 = 0x02A3C8 (173000)"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("-c", "GEN"), 2, "--link"),
        (("--link", "nonsense", "-c", "GEN"), 2, "'nonsense' is no link"),
        (("--link", "tcp:127.0.0.1:1", "-c", "GEN"), 1, "127.0.0.1:1"),
        (("--link", "tcp:127.0.0.1:1", "nowhere.sdsu"), 1, "nowhere.sdsu"),
        (("--link", "tcp:127.0.0.1:1", "-c", "GEN", "nowhere.sdsu"), 2, "not both"),
    ],
)
def test_options_that_mean_nothing(arguments: tuple[str, ...], status: int, message: str) -> None:
    ended = sdsu(*arguments)
    assert ended.returncode == status
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_completion_offers_verbs_boards_and_names(simulator: SimulatorProcess, link: str) -> None:
    with Session(SimLink(simulator.host, simulator.port, simulator.buffer), print) as session:
        assert completions(session, "bo", "bo") == ["boards"]
        assert completions(session, "td", "td") == ["TDL"]
        assert completions(session, "RDM dem", "dem") == [
            "demanded_exposure_ms",
            "demanded_preflash_ms",
            "demanded_temperature_mk",
        ]
        assert completions(session, "download ", "") == ["ir", "ccd"]
        assert completions(session, "TDL ut", "ut") == ["util", "utility"]


def test_the_prompt_at_a_terminal_keeps_its_history(link: str, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-m", "nifsdc", "sdsu", "--link", link],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + SECONDS
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([master], [], [], 1.0)[0]:
                shown += os.read(master, 4096)
        shown = shown[shown.index(text) + len(text) :]

    try:
        until(b"sdsu> ")
        os.write(master, b"boa\t foo\n")
        until(b"expected boards, boards tim or boards util")
        until(b"sdsu> ")
        os.write(master, b"TDL tim 0x77\n")
        until(b"0x000077 (119)")
        until(b"sdsu> ")
        os.write(master, b"\x04")
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    history = (tmp_path / "nifsdc" / "sdsu_history").read_text()
    assert "TDL tim 0x77" in history
