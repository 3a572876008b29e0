"""The shell of a running IOC, on a pipe and on a terminal, with libca clients beside it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nifsdc.client.subscription import Subscription

from ..waiting import channel

DEADLINE_S = 60.0


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    import epics

    made: list[Any] = []

    def make(name: str) -> Any:
        made.append(channel(name))
        return made[-1]

    yield make
    for pv in made:
        pv.disconnect()
    epics.ca.clear_cache()


@pytest.fixture
def watch(connect: Callable[..., Any]) -> Iterator[Callable[..., None]]:
    """Has every event of a channel told; ends before the channels do."""
    made: list[Subscription] = []
    yield lambda name, callback: made.append(Subscription(name, callback, DEADLINE_S))
    for subscription in made:
        subscription.close()


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S} s for {what}"
        time.sleep(0.01)


def test_commands_on_a_pipe_act_on_what_clients_see(
    start: Callable[..., Any], connect: Callable[..., Any], watch: Callable[..., None]
) -> None:
    ioc = start()
    values: list[float] = []
    pv = connect(ioc.prefix + "ao")
    watch(ioc.prefix + "ao", lambda value=0.0, **_: values.append(value))
    wait_for(lambda: values, "the first value")
    assert ioc.ask(f"dbpf {ioc.prefix}ao 2.25") == "DBF_DOUBLE:         2.25"
    wait_for(lambda: values[-1] == 2.25, "the value put by the shell")
    pv.put(3.5, wait=True)
    assert ioc.ask(f"dbgf {ioc.prefix}alias") == "DBF_DOUBLE:         3.5"

    report = ioc.ask("casr 2").splitlines()
    assert report[1] == "1 client connected:"
    assert report[2].startswith("TCP client at 127.0.0.1:")
    assert "1 channel, 1 monitor" in report[3]
    assert report[4].strip() == f"{ioc.prefix}ao.VAL"
    assert "1 put" in report[-1]
    assert ioc.ask("casr") == "Channel Access Server V4.13\n1 client connected."
    ioc.send("exit")
    ioc.wait()


def test_the_put_log_is_switched_from_the_shell(
    start: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    ioc = start()
    pv = connect(ioc.prefix + "ao")
    assert ioc.ask("putlog") == "put log off"
    pv.put(1.25, wait=True)
    assert ioc.ask("putlog on") == "put log on"
    pv.put(6.125, wait=True)
    assert ioc.ask("putlog off") == "put log off"
    pv.put(7.125, wait=True)
    ioc.send("exit")
    log = ioc.wait()
    assert "6.125" in log
    assert "7.125" not in log


def test_statistics_follow_what_clients_do(start: Callable[..., Any], connect: Callable[..., Any]) -> None:
    ioc = start()
    stats = ioc.prefix + "ioc:"
    pv = connect(ioc.prefix + "ao")
    clients, channels, rate, beat = (
        connect(stats + name) for name in ("CA_CLNT_CNT", "CA_CONN_CNT", "PUT_RATE", "HEARTBEAT")
    )
    # libca has one circuit to a server, whatever the number of its channels
    wait_for(lambda: (clients.get(), channels.get()) == (1, 5), "one client with five channels")
    wait_for(lambda: pv.put(1.0, wait=True) and rate.get() > 0, "a rate of writes")
    wait_for(lambda: rate.get() == 0, "no writes any more")
    before = beat.get()
    wait_for(lambda: beat.get() > before, "a heartbeat")
    assert connect(stats + "VERSION").get() == "1.2.3"
    assert connect(stats + "PROCESS_ID").get() == ioc.process.pid
    resident = int(Path(f"/proc/{ioc.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert connect(stats + "MEM_USED").get() == pytest.approx(resident / 2**20, rel=0.2)
    descriptors = len(list(Path(f"/proc/{ioc.process.pid}/fd").iterdir()))
    assert connect(stats + "FD_CNT").get() == descriptors
    ioc.end_input()
    ioc.wait()


def test_clients_cannot_write_statistics(start: Callable[..., Any], connect: Callable[..., Any]) -> None:
    ioc = start()
    pv = connect(ioc.prefix + "ioc:UPTIME_SEC")
    pv.put(-1.0, wait=True)
    assert pv.get() >= 0
    assert "disabled" in ioc.ask(f"dbpf {ioc.prefix}ioc:UPTIME_SEC -1")
    ioc.send("exit")
    ioc.wait()


def test_the_end_of_the_input_ends_the_ioc_after_its_last_line(start: Callable[..., Any]) -> None:
    ioc = start()
    os.write(ioc._input, f"dbpf {ioc.prefix}mode FOWLER".encode())
    ioc.end_input()
    assert ioc.until('"FOWLER"')
    ioc.wait()


def test_a_terminal_has_prompt_completion_and_history(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("readline")
    monkeypatch.setenv("SHELL_TEST_HOME", str(tmp_path))
    ioc = start(terminal=True)
    ioc.until("nifsdc> ")
    os.write(ioc._input, f"dbgf {ioc.prefix}mo\t\n".encode())
    assert f"{ioc.prefix}mode" in ioc.until('"DCS"')
    ioc.until("nifsdc> ")
    ioc.send("exit")
    ioc.wait()
    history = (tmp_path / ".local/state/nifsdc/shell_history").read_text().splitlines()
    assert [line.strip() for line in history[-2:]] == [f"dbgf {ioc.prefix}mode", "exit"]


def test_a_signal_ends_the_ioc_while_the_shell_waits_for_a_pipe(start: Callable[..., Any]) -> None:
    ioc = start()
    ioc.ask("echo here")
    ioc.process.terminate()
    ioc.wait()


def test_a_signal_leaves_the_terminal_as_it_was(start: Callable[..., Any]) -> None:
    ioc = start(terminal=True)
    ioc.until("nifsdc> ")
    ioc.process.terminate()
    ioc.wait()
    assert ioc.settings_now == ioc.settings


def test_the_ioc_itself_has_a_shell_statistics_and_autosave(tmp_path: Path) -> None:
    config = tmp_path / "ioc.yaml"
    link = {"kind": "sim", "port": 5070, "buffer": str(tmp_path / "buffer")}  # which nobody opens
    config.write_text(json.dumps({"top": "sh:", "initialise": False, "link": link}))
    request = tmp_path / "kept.req"
    request.write_text("# what is kept\n$(top)dc:obs_exposed\n$(top)nothing\n")
    lines = ["dbpf sh:dc:obs_exposed 33", "dbgf sh:dc:ioc:HOSTNAME", "exit"]
    arguments = ["ioc", str(config), "--shell", "--stats", "--autosave", str(request)]
    first = run_ioc(arguments, lines)
    assert "33" in first.stdout
    assert socket.gethostname()[:39] in first.stdout
    assert "sh:nothing: no such channel" in first.stderr
    again = run_ioc(arguments, ["dbgf sh:dc:obs_exposed", "exit"])
    assert "33" in again.stdout
    assert "1 channels restored" in again.stderr


def run_ioc(arguments: list[str], lines: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "nifsdc.cli.main", *arguments],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done
