"""``nifsdc timing`` as an observer types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SETUP = ("--e", "100", "--r", "20", "--f", "4")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nifsdc", "timing", *arguments], capture_output=True, text=True, timeout=120
    )


def test_the_worked_case_by_number() -> None:
    sixth = json.loads(_run("--mode", "noclear", *SETUP, "--nskip", "2", "--frame", "6", "--json").stdout)
    assert sixth["valid"] is True
    assert sixth["mid_offset_s"] == pytest.approx(0.040 - 0.124)
    assert sixth["exposure_s"] == pytest.approx(0.248 + 0.120)
    assert sixth["dead_s"] == pytest.approx(0.004)
    assert sixth["cycle_s"] == pytest.approx(0.372)


def test_a_frame_without_data_says_so() -> None:
    done = _run("--mode", "noclear", *SETUP, "--nskip", "2", "--frame", "5", "--json")
    fifth = json.loads(done.stdout)
    assert done.returncode == 0
    assert fifth["valid"] is False
    assert fifth["mid_offset_s"] is None


def test_a_plan_in_words() -> None:
    done = _run("--mode", "clear", *SETUP, "--w", "7", "--pixels", "4096")
    assert done.returncode == 0
    assert "exposure time   0.100000 s" in done.stdout
    assert "dead time       0.031000 s" in done.stdout
    assert f"data rate       {2 * 4096 / 0.131 / 1e6:.3f} MB/s" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mode", "drift", *SETUP[:4], "--ndrift", "0"), "NDRIFT is 0"),
        (("--mode", "noclear", *SETUP, "--frame", "0"), "counted from 1"),
        (
            (
                "--mode",
                "noclear",
            ),
            "give at least E or R",
        ),
        (("--mode", "noclear", "--e", "-1"), "E (delay)"),
        (("--mode", "noclear", *SETUP, "--pixels", "0"), "expected 1 or more"),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_what_a_mode_does_not_have_is_named() -> None:
    done = _run("--mode", "drift", "--e", "1", "--r", "2", "--nskip", "3")
    assert done.returncode == 0
    assert "drift mode has no nskip" in done.stderr
