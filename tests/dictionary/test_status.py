"""Status: what is set is in its record at once, in its own type (SDN 11.03 section 5.1.5)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nifsdc.dictionary import StatusDictionary, UnknownName


def dictionary() -> tuple[StatusDictionary, list[tuple[str, Any]]]:
    written: list[tuple[str, Any]] = []
    status = StatusDictionary(lambda pv, value: written.append((pv, value)))
    status.add("timeLeft", "nifsSad:dc:timeLeft", 0.0)
    status.add("nreadsDone", "nifs:sad:dc:nreadsDone", 0)
    status.add("state", "nifs:sad:dc:state", "")
    status.add("lastPath", "nifs:sad:dc:lastPath", "", room=16)
    return status, written


def test_a_value_that_changed_is_written_at_once_and_one_that_did_not_is_not() -> None:
    status, written = dictionary()
    status.set("timeLeft", 12.5)
    assert written == [("nifsSad:dc:timeLeft", 12.5)]
    status.set("timeLeft", 12.5)
    assert len(written) == 1
    status.set("timeLeft", 12.5, always=True)
    assert written == [("nifsSad:dc:timeLeft", 12.5)] * 2
    assert status.get("timeLeft") == 12.5


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("timeLeft", 3, 3.0),
        ("nreadsDone", 4.0, 4),
        ("nreadsDone", True, 1),
        ("state", "READY", "READY"),
    ],
)
def test_a_value_takes_the_type_of_its_default(name: str, given: Any, stored: Any) -> None:
    status, written = dictionary()
    status.set(name, given)
    assert written[0][1] == stored
    assert type(written[0][1]) is type(stored)
    assert type(status.get(name)) is type(stored)


def test_long_text_is_written_as_the_codes_of_its_characters_closed_by_a_zero() -> None:
    status, written = dictionary()
    status.set("lastPath", "/data/a.fits")
    assert written == [("nifs:sad:dc:lastPath", (*b"/data/a.fits", 0))]
    assert status.get("lastPath") == "/data/a.fits"
    status.set("lastPath", "/data/much-too-long.fits")
    assert written[-1][1] == (*b"/data/much-too-", 0)
    status.set("lastPath", "\u00e9")
    assert written[-1][1] == (0xC3 - 256, 0xA9 - 256, 0)  # UTF-8 in signed characters
    status.set("lastPath", "")
    assert written[-1][1] == (0,)


def test_what_does_not_fit_the_type_is_an_error_of_ours_and_changes_nothing() -> None:
    status, written = dictionary()
    with pytest.raises(ValueError, match="READY"):
        status.set("nreadsDone", "READY")
    assert status.get("nreadsDone") == 0
    assert written == []


def test_unknown_and_doubled_names_are_told() -> None:
    status, _ = dictionary()
    with pytest.raises(UnknownName, match="perhaps"):
        status.set("perhaps", 1)
    with pytest.raises(UnknownName, match="db/"):
        status.get("perhaps")
    with pytest.raises(ValueError, match=r"state.*nifs:sad:dc:state"):
        status.add("state", "elsewhere", "")
    assert status.pv("state") == "nifs:sad:dc:state"
    assert dict(status.snapshot()) == {"timeLeft": 0.0, "nreadsDone": 0, "state": "", "lastPath": ""}


def test_a_publisher_may_lead_to_another_set() -> None:
    status = StatusDictionary(lambda pv, value: status.set("b", value) if pv == "a" else None)
    status.add("a", "a", 0)
    status.add("b", "b", 0)
    status.set("a", 5)
    assert status.get("b") == 5


def test_the_last_value_written_is_the_value_kept_whoever_sets_it() -> None:
    written: list[Any] = []
    status = StatusDictionary(lambda pv, value: written.append(value))
    status.add("n", "n", 0)

    def write(first: int) -> None:
        for number in range(first, first + 2000):
            status.set("n", number)

    threads = [threading.Thread(target=write, args=(10_000 * index,)) for index in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written[-1] == status.get("n")
    assert len(written) == 6000
