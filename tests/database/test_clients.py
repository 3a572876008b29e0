"""The channels of the observatory's client with the types it checks, typed from the list of what it uses."""

from __future__ import annotations

import pytest

from nifsdc.records.types import FieldType
from nifsdc.records.types import FieldType as T

from .conftest import Running

DIRECTIVES = ("MARK", "CLEAR", "PRESET", "START", "STOP")
CAR_STATES = ("IDLE", "PAUSED", "BUSY", "ERROR")
READ_MODES = ("DCS", "FOWLER", "LINEAR", "SINGLE")
TIME_MODES = ("Exposure time", "Read period", "Nr Periods")

COMMAND = [
    ("dc:nifsApply.DIR", T.MENU, DIRECTIVES),
    ("dc:nifsApply.VAL", T.LONG, None),
    ("dc:nifsApply.MESS", T.STRING, None),
    ("dc:nifsApply.CLID", T.LONG, None),
    ("dc:applyC.VAL", T.MENU, CAR_STATES),
    ("dc:applyC", T.MENU, CAR_STATES),
    ("dc:applyC.CLID", T.LONG, None),
    ("dc:applyC.OMSS", T.STRING, None),
    ("dc:applyC.OERR", T.LONG, None),
    ("dc:observeC.VAL", T.MENU, CAR_STATES),
    ("dc:observeC.CLID", T.LONG, None),
    ("dc:observeC.OMSS", T.STRING, None),
    ("dc:observe.A", T.STRING, None),
    *(
        (f"dc:{command}.{field}", *kind)
        for command in ("stop", "abort", "pause", "continue", "endObserve")
        for field, kind in (
            ("DIR", (T.MENU, DIRECTIVES)),
            ("MARK", (T.SHORT, None)),
            ("VAL", (T.LONG, None)),
            ("MESS", (T.STRING, None)),
        )
    ),
    # the names in the design note
    ("dc:seqObserve.A", T.STRING, None),
    ("dc:seqObserve.C", T.STRING, None),
    ("dc:setDhsInfo.A", T.STRING, None),
]
SETPOINTS = [
    ("ncoadds", T.LONG, None, ""),
    ("exposed", T.DOUBLE, None, "s"),
    ("nfowler", T.LONG, None, ""),
    ("period", T.DOUBLE, None, "s"),
    ("nresets", T.LONG, None, ""),
    ("nperiods", T.LONG, None, ""),
    ("readMode", T.ENUM, READ_MODES, ""),
    ("timeMode", T.ENUM, TIME_MODES, ""),
]
STATUS = [
    ("obs_exposedRQ", T.DOUBLE, "s"),
    ("obs_exposed", T.DOUBLE, "s"),
    ("obs_nresets", T.LONG, ""),
    ("obs_nfowler", T.LONG, ""),
    ("obs_ncoadds", T.LONG, ""),
    ("obs_nperiods", T.LONG, ""),
    ("obs_readMode", T.STRING, ""),
    ("obs_timeMode", T.STRING, ""),
    ("obs_expMode", T.STRING, ""),
    ("name", T.STRING, ""),
    ("obs_period", T.DOUBLE, "s"),
    ("obs_readTime", T.DOUBLE, "s"),
    ("timeLeft", T.DOUBLE, "s"),
    ("VBIASPWR", T.DOUBLE, "V"),
    ("prep", T.LONG, ""),
    ("acq", T.LONG, ""),
    ("rdout", T.LONG, ""),
    ("dhsConnO", T.ENUM, ""),
]


@pytest.mark.parametrize(("name", "native", "labels"), COMMAND)
def test_command_channels(
    untouched: Running, name: str, native: FieldType, labels: tuple[str, ...] | None
) -> None:
    field = untouched.database.find(f"nifs:{name}")
    assert field.dbr is native
    assert field.menu == labels
    assert field.writable or name.endswith(("VAL", "CLID", "applyC"))


@pytest.mark.parametrize("mode", ["obs", "view"])
@pytest.mark.parametrize(("name", "native", "labels", "unit"), SETPOINTS)
def test_setpoint_channels(
    untouched: Running, mode: str, name: str, native: FieldType, labels: tuple[str, ...] | None, unit: str
) -> None:
    field = untouched.database.find(f"nifs:dc:{mode}_{name}")
    assert field.dbr is native
    assert field.menu == labels
    assert field.metadata.units == unit
    assert field.writable
    if native is T.DOUBLE:
        assert field.metadata.precision == 3


@pytest.mark.parametrize("prefix", ["nifs:sad:dc:", "nifsSad:dc:"])
@pytest.mark.parametrize(("name", "native", "unit"), STATUS)
def test_status_channels_under_both_prefixes(
    untouched: Running, prefix: str, name: str, native: FieldType, unit: str
) -> None:
    field = untouched.database.find(prefix + name)
    assert field.dbr is native
    assert field.metadata.units == unit
    assert field.record is untouched.database.find(f"nifs:sad:dc:{name}").record


def test_nothing_happens_at_start_and_data_handling_is_not_connected(running: Running) -> None:
    assert [running.get(f"sad:dc:{name}") for name in ("prep", "acq", "rdout")] == [1, 1, 1]
    assert running.database.find("nifs:sad:dc:dhsConnO").menu == ("Yes", "No")
    assert running.text("sad:dc:dhsConnO") == "No"
    running.set("sad:dc:dhsConnected", 0)
    assert running.text("sad:dc:dhsConnO") == "Yes"
