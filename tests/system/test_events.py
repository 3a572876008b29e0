"""The order of events that the observatory's client accepts (icd/nifs_clients.md), seen by the real libca."""

from __future__ import annotations

from typing import Any

import pytest
from astropy.io import fits

from .conftest import Monitor, System, watching

IDLE, PAUSED, BUSY, ERROR = range(4)
CLIENT = ("dc:nifsApply.VAL", "dc:observeC.VAL", "dc:applyC.CLID", "dc:applyC.VAL")
MARKS = ("dc:stop.MARK", "dc:abort.MARK")


def after(events: list[tuple[str, Any]], *wanted: tuple[str, Any]) -> None:
    """Assert that the wanted events come in this order, others between them or not."""
    position = 0
    for event in wanted:
        assert event in events[position:], f"{event} is not in {events[position:]} (all: {events})"
        position = events.index(event, position) + 1


def finished(events: list[tuple[str, Any]]) -> bool:
    return [value for name, value in events if name == "dc:applyC.VAL"][-1:] == [IDLE]


def start_observing(system: System, seen: Monitor, label: str = "") -> int:
    system.put("dc:observe.A", label)
    client_id = system.start()
    assert client_id > 0, system.message()
    seen.wait_for("dc:observeC.VAL", BUSY)
    return client_id


def test_configure_answers_with_the_client_id_busy_and_idle(system: System) -> None:
    with watching(system, *CLIENT) as seen:
        system.put("dc:obs_exposed", 6.0)
        system.put("dc:obs_nfowler", 1)
        client_id = system.start()
        seen.wait(finished)
        after(
            seen.events,
            ("dc:nifsApply.VAL", client_id),
            ("dc:applyC.CLID", client_id),
            ("dc:applyC.VAL", BUSY),
            ("dc:applyC.VAL", IDLE),
        )
        assert seen.of("dc:observeC.VAL") == []


def test_observe_follows_the_order_of_the_clients_own_test(system: System) -> None:
    with watching(system, *CLIENT, *MARKS) as seen:
        client_id = start_observing(system, seen)
        seen.wait(finished)
        after(
            seen.events,
            ("dc:nifsApply.VAL", client_id),
            ("dc:observeC.VAL", BUSY),
            ("dc:applyC.CLID", client_id),
            ("dc:applyC.VAL", BUSY),
            ("dc:observeC.VAL", IDLE),
            ("dc:applyC.VAL", IDLE),
        )
        assert seen.of("dc:observeC.VAL") == [BUSY, IDLE]
        assert set(seen.of("dc:applyC.CLID")) == {client_id}
        assert [seen.of(mark) for mark in MARKS] == [[], []], "a MARK event without a change hangs the client"


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_stop_and_abort_show_their_mark_before_the_observation_ends(system: System, command: str) -> None:
    system.configure(obs_exposed=3000.0, obs_readMode="DCS", obs_ncoadds=200)
    try:
        with watching(system, *CLIENT, *MARKS) as seen:
            start_observing(system, seen)
            system.put(f"dc:{command}.DIR", "MARK")
            client_id = system.start()
            assert client_id > 0, system.message()
            seen.wait_for("dc:observeC.VAL", IDLE)
            after(
                seen.events,
                ("dc:observeC.VAL", BUSY),
                (f"dc:{command}.MARK", 1),
                (f"dc:{command}.MARK", 2),
                (f"dc:{command}.MARK", 0),
                ("dc:observeC.VAL", IDLE),
            )
            assert seen.of(f"dc:{command}.MARK") == [1, 2, 0]
            other = "abort" if command == "stop" else "stop"
            assert seen.of(f"dc:{other}.MARK") == []
    finally:
        system.configure(obs_exposed=6.0, obs_ncoadds=1)


def test_stop_keeps_the_data_and_abort_discards_them(system: System) -> None:
    system.configure(obs_exposed=3000.0, obs_readMode="DCS", obs_ncoadds=200)
    try:
        last = system.get("sad:dc:lastPath", text=True)
        with watching(system, *CLIENT) as seen:
            start_observing(system, seen, "StopKeeps")
            system.put("dc:stop.DIR", "MARK")
            system.start()
            seen.wait(finished)
        stopped = system.get("sad:dc:lastPath", text=True)
        assert stopped != last
        header = fits.getheader(stopped)
        assert header["STOPPED"] is True
        assert header["COADDS"] < 200
        with watching(system, *CLIENT) as seen:
            start_observing(system, seen, "AbortDiscards")
            system.put("dc:abort.DIR", "MARK")
            system.start()
            seen.wait(finished)
        assert system.get("sad:dc:lastPath", text=True) == stopped
        assert not list(system.folder.rglob("AbortDiscards*"))
    finally:
        system.configure(obs_exposed=6.0, obs_ncoadds=1)


@pytest.mark.parametrize(
    "command", ["verify", "endVerify", "guide", "endGuide", "endObserve", "pause", "continue", "datum"]
)
def test_sequence_commands_toggle_their_response(system: System, command: str) -> None:
    with watching(
        system, "dc:nifsApply.VAL", f"dc:{command}C.VAL", f"dc:{command}C.CLID", *CLIENT[2:]
    ) as seen:
        system.put(f"dc:{command}.DIR", "MARK")
        client_id = system.start()
        seen.wait(finished)
        assert seen.of(f"dc:{command}C.VAL") == [BUSY, IDLE]
        after(
            seen.events,
            ("dc:nifsApply.VAL", client_id),
            ("dc:applyC.VAL", BUSY),
            (f"dc:{command}C.VAL", IDLE),
            ("dc:applyC.VAL", IDLE),
        )
        assert set(seen.of(f"dc:{command}C.CLID")) == {client_id}


def test_progress_records_move_while_it_happens(system: System) -> None:
    flags = ("sad:dc:prep", "sad:dc:acq", "sad:dc:rdout")
    numbers = ("sad:dc:timeLeft", "sad:dc:nreadsDone", "sad:dc:irProgress", "sad:dc:obsSnlState")
    system.configure(obs_exposed=30.0, obs_readMode="FOWLER", obs_nfowler=2, obs_ncoadds=2)
    with watching(system, "dc:observeC.VAL", *flags, *numbers) as seen:
        start_observing(system, seen)
        seen.wait_for("dc:observeC.VAL", IDLE)
        for flag in flags:
            values = seen.of(flag)
            assert values[:1] == [0], f"{flag} is 0 while it happens"
            assert values[-1] == 1
        assert seen.of("sad:dc:nreadsDone")[-1] == 8
        left = seen.of("sad:dc:timeLeft")
        assert left[-1] == 0
        assert max(left) > 30.0
        states = seen.of("sad:dc:obsSnlState")
        assert states == ["PREPARING", "EXPOSING", "SAVING", "IDLE"]


def test_both_status_prefixes_name_one_record(system: System) -> None:
    import epics

    alias = f"{system.top.rstrip(':')}Sad:dc:timeLeft"
    assert epics.caget(alias, timeout=60.0) == system.get("sad:dc:timeLeft")


def test_what_is_shown_of_an_observation_is_there_before_its_response_is_idle(system: System) -> None:
    system.configure(obs_exposed=6.0, obs_readMode="DCS", obs_ncoadds=1)
    names = ("sad:dc:lastFile", "sad:dc:obs_exposed", "sad:dc:obsSnlState", "sad:dc:utend")
    with watching(system, "dc:observeC.VAL", *names) as seen:
        start_observing(system, seen, "Before1")
        seen.wait_for("dc:observeC.VAL", IDLE)
        end = seen.events.index(("dc:observeC.VAL", IDLE))
        before = seen.events[:end]
        assert ("sad:dc:lastFile", "Before1.fits") in before
        assert ("sad:dc:obsSnlState", "IDLE") in before
        assert [value for name, value in before if name == "sad:dc:utend"][-1] != ""
