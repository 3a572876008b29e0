"""Where the shell gets its lines: a loop that does not answer, one that fails, an end from outside."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from nifsdc.cli import shell as module
from nifsdc.cli.shell import Shell
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.shell import Interpreter


class Rig:
    """A shell on a pipe whose calls are done at once, or are only noted."""

    def __init__(self, *, answers: bool = True) -> None:
        self.notes: list[Callable[[], None]] = []
        self.stopped = threading.Event()
        self.interpreter = Interpreter(Database([RecordDef("ao", "r:ao")]))
        reading, self.writing = os.pipe()
        self.reading = reading
        self.shell = Shell(
            self.interpreter, (lambda fn: fn()) if answers else self.notes.append, self.stopped.set, reading
        )
        self.shell.start()

    def send(self, text: str) -> None:
        os.write(self.writing, text.encode())

    def close(self) -> None:
        self.shell.close()
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def factory(*, answers: bool = True) -> Rig:
        rigs.append(Rig(answers=answers))
        return rigs[-1]

    yield factory
    for rig in rigs:
        rig.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "shell"]


def said(capsys: pytest.CaptureFixture[str], words: str) -> str:
    text, deadline = "", time.monotonic() + 60.0
    while words not in text:
        assert time.monotonic() < deadline, f"{words!r} was not said: {text!r}"
        text += capsys.readouterr().out
        time.sleep(0.005)
    return text


def test_lines_in_pieces_are_put_together(
    make: Callable[..., Rig], capsys: pytest.CaptureFixture[str]
) -> None:
    rig = make()
    for piece in ("ec", "ho one\necho t", "wo\n"):
        rig.send(piece)
    assert said(capsys, "two\n") == "one\ntwo\n"
    assert not rig.stopped.is_set()


def test_a_loop_that_does_not_come_to_it_is_told_and_the_command_never_done(
    make: Callable[..., Rig], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    rig = make(answers=False)
    rig.send("dbpf r:ao 3\n")
    assert "did not come to it within 0.05 s" in said(capsys, "given up")
    for note in rig.notes:
        note()
    assert rig.interpreter.field("r:ao").value == 0.0


def test_a_mistake_of_ours_is_told_and_the_shell_goes_on(
    make: Callable[..., Rig], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make()
    with monkeypatch.context() as patch:
        patch.setattr(rig.interpreter, "execute", lambda line: 1 // 0)
        rig.send("dbl\n")
        assert "ZeroDivisionError" in said(capsys, "the log has more")
    rig.send("dbl\n")
    said(capsys, "r:ao\n")


def test_exit_stops_once_and_close_from_outside_does_not(make: Callable[..., Rig]) -> None:
    rig = make()
    rig.send("exit\n")
    assert rig.stopped.wait(60.0)
    other = make()
    other.shell.close()
    assert not other.stopped.is_set()


def test_close_does_not_wait_for_an_answer(make: Callable[..., Rig]) -> None:
    rig = make(answers=False)
    rig.send("dbl\n")
    deadline = time.monotonic() + 60.0
    while not rig.notes:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    rig.shell.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "shell"]
    assert not rig.stopped.is_set()
