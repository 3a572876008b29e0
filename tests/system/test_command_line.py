"""The commands as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

from .conftest import System, random_top, watching


def nifsdc(*arguments: str, seconds: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nifsdc", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_up_once_takes_an_exposure_names_its_file_and_exits_zero(tmp_path: Path) -> None:
    ended = nifsdc("up", "--once", "--speed", "fast", "--top", random_top(), "--data-dir", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("READY prefix=")
    assert lines[-1].startswith("FILE ")
    with fits.open(lines[-1].removeprefix("FILE "), checksum=True) as hdus:
        assert hdus["SCI"].data.shape == (2048, 2048)


def test_observe_sets_observes_and_names_the_file(system: System) -> None:
    arguments = ("--top", system.top, "--read-mode", "fowler", "--nfowler", "2", "--exposure", "12")
    ended = nifsdc("observe", *arguments, "--label", "FromShell")
    assert ended.returncode == 0, ended.stderr
    path = Path(ended.stdout.removeprefix("FILE ").strip())
    header = fits.getheader(path)
    assert (header["DATALAB"], header["READMODE"], header["LNRS"]) == ("FromShell", "FOWLER", 2)
    again = nifsdc("observe", "--top", system.top, "--label", "FromShell", "--json")
    told = json.loads(again.stdout)
    assert told["status"] == 0
    assert Path(told["file"]).exists()
    assert told["file"] != str(path), "never overwritten"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--exposure", "9000"), 2, "obs_exposed 9000"),
        (("--read-mode", "LINEAR", "--nperiods", "254"), 2, "LINEAR"),
        (("--label", "a/b"), 2, "dataLabel"),
    ],
)
def test_observe_tells_why_it_was_refused(
    system: System, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = nifsdc("observe", "--top", system.top, *arguments)
    system.put("dc:nifsApply.DIR", "CLEAR")
    assert ended.returncode == status
    assert message in ended.stderr
    assert ended.stdout == ""


def test_observe_without_an_ioc_says_what_to_check() -> None:
    ended = nifsdc("observe", "--top", "nowhere:")
    assert ended.returncode == 3
    assert "EPICS_CA_ADDR_LIST" in ended.stderr


def test_an_interrupt_without_a_terminal_aborts(system: System) -> None:
    system.configure(obs_exposed=3000.0, obs_readMode="DCS", obs_ncoadds=200)
    try:
        with watching(system, "dc:observeC.VAL") as seen:
            client = subprocess.Popen(
                [sys.executable, "-m", "nifsdc", "observe", "--top", system.top],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(os.environ),
            )
            seen.wait_for("dc:observeC.VAL", 2)
            client.send_signal(signal.SIGINT)
            assert client.wait(60) == 5
            seen.wait_for("dc:observeC.VAL", 0)
    finally:
        system.configure(obs_exposed=6.0, obs_ncoadds=1)


def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ioc.yaml"
    path.write_text("tpo: x\n")
    ended = nifsdc("up", "--config", str(path), "--data-dir", str(tmp_path))
    assert ended.returncode == 2
    assert "unknown entry tpo" in ended.stderr
