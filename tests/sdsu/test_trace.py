"""Traces: their text, and a link that writes one against the simulator's own log of words; replay of both."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import LinkLost, NoReply, PixelTimeout
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.trace_file import FIRST_LINE, PACKETS, BadTrace, Event, What, parse
from nifsdc.sdsu.trace_link import TracedLink
from nifsdc.sdsu.trace_replay import replay
from nifsdc.sdsu.words import Address, Board, Space, word
from nifsdc_sim.process import SimulatorProcess

from ..waiting import until
from .conftest import FULL_READ, Rig

WORDS = st.lists(st.integers(0, 0xFFFFFF), min_size=1, max_size=7).map(tuple)


@st.composite
def events(draw: st.DrawFn) -> Event:
    what = draw(st.sampled_from(What))
    numbers: tuple[int, ...] = ()
    if what in PACKETS:
        numbers = draw(WORDS)
    elif what is What.PIXELS:
        numbers = draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9)))
    return Event(draw(st.integers(0, 10**9)) / 1e6, what, numbers)


@given(st.lists(events()))
def test_what_is_written_is_read(written: list[Event]) -> None:
    text = "\n".join([FIRST_LINE, "# a comment", "", *map(str, written)])
    assert parse(text) == tuple(written)


def test_a_line_reads_as_the_page_has_it() -> None:
    line = "    0.000184 ask      000203 54444C 000001  ; HOST->TIMING TDL (0x54444C) 0x000001"
    event = Event(0.000184, What.ASK, (0x000203, 0x54444C, 0x000001))
    assert str(event) == line
    assert parse(f"{FIRST_LINE}\n{line}\n") == (event,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected '# nifsdc trace 1'"),
        ("# another", "line 1"),
        (f"{FIRST_LINE}\n0.1 say 000203", "line 2: expected seconds and one of ask, tell"),
        (f"{FIRST_LINE}\n\nx ask 000203", "line 3: expected seconds"),
        (f"{FIRST_LINE}\n-1 ask 000203", "expected seconds"),
        (f"{FIRST_LINE}\nnan ask 000203", "expected seconds"),
        (f"{FIRST_LINE}\n0.1 ask", "ask has words behind it"),
        (f"{FIRST_LINE}\n0.1 silence 000203", "silence has nothing behind it"),
        (f"{FIRST_LINE}\n0.1 ask 203", "'203' is no word of six hexadecimal digits"),
        (f"{FIRST_LINE}\n0.1 ask 00020G", "is no word"),
        (f"{FIRST_LINE}\n0.1 pixels 1", "expected two numbers"),
        (f"{FIRST_LINE}\n0.1 pixels 1 -2", "expected two numbers"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BadTrace, match=message.replace("(", r"\(")):
        parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadTrace):
        parse(f"{FIRST_LINE}\n{text}")


@pytest.fixture
def traced(fast: Rig) -> Iterator[tuple[Rig, TracedLink, io.StringIO]]:
    sink = io.StringIO()
    link = TracedLink(fast.link)
    link.start(sink)
    yield fast, link, sink
    link.stop()


def _pairs(trace: tuple[Event, ...]) -> list[tuple[int, ...]]:
    """Return the packets sent, a reset as the word RST, as the simulator's log has them."""
    sent = (What.ASK, What.TELL, What.RESET)
    return [each.numbers or (word("RST"),) for each in trace if each.what in sent]


def test_every_word_is_in_the_trace(traced: tuple[Rig, TracedLink, io.StringIO]) -> None:
    rig, link, sink = traced
    controller = Controller(link)
    rig.forget()
    controller.test_data_link(Board.UTILITY, 0x123456)
    controller.write_memory(Board.TIMING, Address(Space.Y, 0x30), 7)
    controller.read_out()
    rig.drain(link.progress().block or 1)
    controller.abort()
    controller.reset()
    link.stop()
    trace = parse(sink.getvalue())
    assert _pairs(trace) == rig.words()
    answers = [each.numbers for each in trace if each.what is What.ANSWER]
    expected = [
        tuple(each["answer"]) for each in rig.simulator.commands(rig.seen) if each["answer"] is not None
    ]
    assert answers == expected
    assert [each.numbers[1] for each in trace if each.what is What.PIXELS][-1] == FULL_READ
    assert [each.seconds for each in trace] == sorted(each.seconds for each in trace)


def test_silence_a_lost_link_and_what_came_unasked_are_in_the_trace(
    traced: tuple[Rig, TracedLink, io.StringIO],
) -> None:
    rig, link, sink = traced
    controller = Controller(link)
    rig.simulator.fault("no-reply", "TDL")
    with pytest.raises(NoReply):
        controller.test_data_link(Board.TIMING, 1)
    rig.simulator.fault("syr")
    until(lambda: link.unasked() != (), "the SYR")
    rig.simulator.fault("link-drop", "TDL")
    with pytest.raises(LinkLost):
        controller.test_data_link(Board.TIMING, 1)
    link.reopen()
    whats = [each.what for each in parse(sink.getvalue())]
    assert whats == [What.ASK, What.SILENCE, What.UNASKED, What.ASK, What.LOST, What.REOPEN]


def test_nothing_is_written_before_start_and_after_stop(fast: Rig) -> None:
    sink = io.StringIO()
    link = TracedLink(fast.link)
    controller = Controller(link)
    controller.test_data_link(Board.TIMING, 1)
    link.start(sink)
    assert link.tracing
    link.stop()
    controller.test_data_link(Board.TIMING, 1)
    assert parse(sink.getvalue()) == ()


def _record() -> str:
    """Trace a start-up, a run of Annex D and an exposure read once, on a simulator of its own."""
    sink = io.StringIO()
    with SimulatorProcess(speed=math.inf, seed=4) as simulator:
        bare = SimLink(simulator.host, simulator.port, simulator.buffer)
        link = TracedLink(bare)
        rig = Rig(simulator, bare, Controller(link))
        link.start(sink)
        rig.start_up()
        controller = rig.controller
        controller.stop_idle()
        controller.clear()
        controller.utility_board.demanded_exposure_ms.write(0x3E8)
        controller.multiple_read(1)
        rig.drain(1)
        rig.drain(2)
        controller.utility_board.current_exposure_ms.read()
        controller.idle()
        link.close()
    return sink.getvalue()


@pytest.fixture(scope="module")
def trace() -> tuple[Event, ...]:
    return parse(_record())


@pytest.fixture
def other() -> Iterator[tuple[SimulatorProcess, SimLink]]:
    with SimulatorProcess(speed=math.inf, seed=4) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        yield simulator, link
        link.close()


def test_a_replay_sends_the_same_words_and_finds_no_difference(
    trace: tuple[Event, ...], other: tuple[SimulatorProcess, SimLink]
) -> None:
    simulator, link = other
    result = replay(link, trace)
    assert result.differences == ()
    assert [tuple(each["words"]) for each in simulator.commands()] == _pairs(trace)
    assert result.sent == len(_pairs(trace))
    assert result.compared > result.sent, "counts of pixels are compared too"
    assert simulator.status()["overrun"] == 0


@pytest.mark.parametrize(
    ("fault", "label", "came"),
    [
        ("error", "CLR", "ERR (0x455252)"),
        ("no-reply", "CLR", "nothing"),
        ("bit-flip", "GEN", "UTILITY->HOST"),
    ],
)
def test_a_replay_reports_what_came_otherwise(
    trace: tuple[Event, ...], other: tuple[SimulatorProcess, SimLink], fault: str, label: str, came: str
) -> None:
    simulator, link = other
    simulator.fault(fault, label)
    (difference,) = replay(link, trace).differences
    assert came in difference.came
    assert label in str(difference)
    assert not difference.telemetry


def test_a_replay_tells_telemetry_from_the_rest(other: tuple[SimulatorProcess, SimLink]) -> None:
    _, link = other
    id_code = Address(Space.Y, 0).word
    ask = Event(0.0, What.ASK, (0x000303, word("RDM"), id_code))
    (difference,) = replay(link, [ask, Event(0.1, What.ANSWER, (0x030002, 0))]).differences
    assert difference.telemetry


def test_a_replay_says_where_the_pixels_stopped(
    trace: tuple[Event, ...],
    other: tuple[SimulatorProcess, SimLink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator, link = other
    monkeypatch.setattr("nifsdc.sdsu.trace_replay.LONGEST_SECONDS", 1.0)
    simulator.fault("pixels-stop", fraction=0.25)
    with pytest.raises(PixelTimeout, match=rf"block 1 stopped at {FULL_READ // 4} pixels"):
        replay(link, trace)


def test_a_link_lost_where_it_was_not_ends_a_replay(
    trace: tuple[Event, ...], other: tuple[SimulatorProcess, SimLink]
) -> None:
    simulator, link = other
    simulator.fault("link-drop", "PON")
    with pytest.raises(LinkLost):
        replay(link, trace)
