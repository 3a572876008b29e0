"""The simulator as a process: how it starts, is talked to, and ends."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nifsdc.sdsu import programs
from nifsdc.sdsu.words import Board
from nifsdc_sim.process import SimulatorError, SimulatorProcess

DEADLINE_S = 60.0


def _is_there(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while _is_there(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def simulator() -> SimulatorProcess:  # type: ignore[misc]
    with SimulatorProcess(speed=math.inf, seed=1) as running:
        yield running


def test_status_tells_what_a_fresh_controller_does(simulator: SimulatorProcess) -> None:
    status = simulator.status()
    assert status["speed"] == "fast"
    assert status["clock_state"] == 0
    assert not status["timing_programme"]
    assert not status["powered"]
    assert (status["block"], status["pixels"], status["overrun"]) == (0, 0, 0)
    assert status["temperature_mk"] == pytest.approx(77_000, abs=5)


def test_faults_are_listed_and_forgotten(simulator: SimulatorProcess) -> None:
    simulator.fault("no-reply", "CLR", count=3)
    assert [(each["kind"], each["label"], each["count"]) for each in simulator.status()["faults"]] == [
        ("no-reply", "CLR", 3)
    ]
    simulator.clear_faults()
    assert simulator.status()["faults"] == []


@pytest.mark.parametrize("name", ["dark", "flat", "default"])
def test_scenes_can_be_chosen(simulator: SimulatorProcess, name: str) -> None:
    simulator.control("scene", name=name)
    assert simulator.status()["scene"] == name


@pytest.mark.parametrize(
    ("command", "entries", "message"),
    [
        ("dance", {}, "command is one of inject, clear, status, log, quit, scene, effects, truth"),
        (
            "scene",
            {"name": "moon"},
            "no scene 'moon': expected one of default, dark, flat, stars",
        ),
        ("scene", {"name": "flat", "rate": "bright"}, "rate is 'bright'"),
        ("scene", {"name": "flat", "rate": -1}, "rate is -1"),
        ("inject", {"kind": "earthquake"}, "expected a kind out of no-reply"),
        ("inject", {"kind": "syr", "when": "now"}, "expected a kind out of no-reply"),
        ("inject", {"kind": "no-reply", "count": "many"}, "count is 'many'"),
        ("inject", {"kind": "no-reply", "label": 7}, "label is 7"),
    ],
)
def test_requests_that_mean_nothing_are_refused(
    simulator: SimulatorProcess, command: str, entries: dict[str, object], message: str
) -> None:
    with pytest.raises(SimulatorError, match=message):
        simulator.control(command, **entries)


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"7", b'{"command": []}', b"\xff", b"[" * 60_000, b'{"command": "log", "since": Infinity}',
     b'{"command": "inject", "kind": "error", "count": NaN}', b'{"command": "inject", "kind": {}}',
     b'{"command": "scene", "name": "flat", "rate": []}', b'{"command": "scene", "name": null}',
     b'{"command": "truth", "file": "\\u0000"}', b'{"command": "effects", "set": ["moon"]}',
     b'{"command": "scene", "name": "flat", "self": 1}'],
)  # fmt: skip
def test_lines_that_mean_nothing_are_refused(simulator: SimulatorProcess, line: bytes) -> None:
    with socket.create_connection((simulator.host, simulator.control_port), DEADLINE_S) as connection:
        connection.sendall(line + b"\n" if line else b"\n{}\n")
        with connection.makefile("rb") as answers:
            assert not json.loads(answers.readline())["ok"]
    assert simulator.status()["ok"]


def test_quit_ends_it_and_removes_the_buffer() -> None:
    with SimulatorProcess(speed=math.inf) as simulator:
        assert simulator.buffer.exists()
        simulator.control("quit")
        _wait_for_end(simulator.pid)
        assert not simulator.buffer.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nifsdc_sim", "--speed", "fast", "--buffer", str(tmp_path / "b")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("READY {")
        assert str(programs.path(Board.TIMING)) in line
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
    assert not (tmp_path / "b").exists()


def test_it_goes_when_the_process_that_started_it_goes() -> None:
    text = (
        "import os; from nifsdc_sim.process import SimulatorProcess\n"
        "simulator = SimulatorProcess(); simulator.start()\n"
        "print(simulator.pid, simulator.buffer, flush=True); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True
    )
    pid, buffer = done.stdout.split()
    try:
        _wait_for_end(int(pid))
    finally:
        if _is_there(int(pid)):
            os.kill(int(pid), signal.SIGKILL)
    assert not Path(buffer).exists()


def test_a_port_that_is_taken_is_an_error_at_start(simulator: SimulatorProcess, capfd: object) -> None:
    with pytest.raises(SimulatorError, match="ended at once"):
        SimulatorProcess(port=simulator.port).start()


@pytest.mark.parametrize("speed", ["0", "-1", "slow", "nan"])
def test_speeds_that_are_none_are_refused(speed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nifsdc_sim", "--speed", speed], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--speed" in done.stderr


def test_help_has_an_example() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nifsdc_sim", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "example:" in done.stdout
