"""A process that is asked to end, at any moment of its waiting."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

ASKED_AT_ONCE = """
import os, signal, sys
from nifsdc.service import Ending
ending = Ending()
assert not ending.wait(0)
print("READY", flush=True)
assert ending.wait(60)
print("ENDED", flush=True)
"""
ASKED_WHILE_ASKED = """
import os, signal
from nifsdc.service import Ending
ending = Ending()
for _ in range(100_000):
    ending.set()  # more than a pipe holds
os.kill(os.getpid(), signal.SIGTERM)
assert ending.wait()
"""
ASKED_BETWEEN = """
import os, signal, threading, time
from nifsdc.service import Ending
for _ in range(300):
    ending = Ending()
    threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()
    while not ending.wait(1e-5):  # in and out of its wait all the time
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASKED_AT_ONCE], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        process.send_signal(number)
        assert process.communicate(timeout=60)[0] == "ENDED\n"
    assert process.returncode == 0


@pytest.mark.parametrize("program", [ASKED_WHILE_ASKED, ASKED_BETWEEN], ids=["often", "between"])
def test_it_comes_through_at_any_moment(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
