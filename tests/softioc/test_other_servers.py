"""Links to records of another server: both ways, alarms, labels, and the server going and coming back."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..ports import free_port

Start = Callable[..., Any]
Wait = Callable[..., Any]

HERE = """
record(ao, "h:out") { field(OUT, "o:sink") field(PREC, "3") }
record(ai, "h:in") { field(INP, "o:sink CP MS") field(PREC, "3") }
record(longout, "h:choose") { field(OUT, "o:choice PP") }
record(stringin, "h:label") { field(INP, "o:choice CP") }
record(longin, "h:index") { field(INP, "o:choice CPP") }
record(stringout, "h:say") { field(OUT, "o:text") }
record(stringin, "h:heard") { field(INP, "o:text CP") }
record(bo, "h:kick") { field(FLNK, "o:count.PROC") }
record(calc, "h:counted") { field(INPA, "o:count CP") field(CALC, "A*10") }
record(ai, "h:never") { field(INP, "nowhere:x CP") }
"""
THERE = """
record(ao, "o:sink") { field(HIHI, "10") field(HHSV, "MAJOR") field(VAL, "1.5") field(PINI, "YES") }
record(mbbo, "o:choice") { field(ZRST, "NONE") field(ONST, "FITS") field(TWST, "DHS") }
record(stringout, "o:text")
record(calc, "o:count") { field(INPA, "o:count") field(CALC, "A+1") }
"""


def test_links_to_another_server(start: Start, wait: Wait, pv: Any, tmp_path: Path, port: int) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    here.write_text(HERE)
    there.write_text(THERE)
    elsewhere = str(free_port())
    other = start(there, EPICS_CAS_SERVER_PORT=elsewhere)
    start(here, EPICS_CAS_SERVER_PORT=str(port), EPICS_CA_ADDR_LIST=f"127.0.0.1:{elsewhere}")

    def alarm(name: str) -> tuple[str, str]:
        return pv.get(f"{name}.STAT", as_string=True), pv.get(f"{name}.SEVR", as_string=True)

    # both ways, and what is there is known without a change
    wait(lambda: pv.get("h:in") == 1.5, "the first value")
    assert alarm("h:in") == ("NO_ALARM", "NO_ALARM")
    pv.put("h:out", 3.25)
    wait(lambda: pv.get("h:in") == 3.25, "a value there and back")
    assert alarm("h:out") == ("NO_ALARM", "NO_ALARM")

    # alarms, labels, text, forward links
    pv.put("h:out", 20)
    wait(lambda: alarm("h:in") == ("LINK", "MAJOR"), "the alarm of the other record")
    pv.put("h:choose", 1)
    wait(lambda: (pv.get("h:label"), pv.get("h:index")) == ("FITS", 1), "label and index")
    pv.put("h:say", "two words")
    wait(lambda: pv.get("h:heard") == "two words", "text")
    counted = pv.get("h:counted")
    pv.put("h:kick", 1)
    wait(lambda: pv.get("h:counted") == counted + 10, "a record there processed by a forward link")

    # a link that is made while it runs
    pv.put("h:never.INP", "o:sink CP")
    wait(lambda: pv.get("h:never") == 20, "a link changed by a client")

    # the server goes: every link that is used says so
    other.stop()
    wait(lambda: alarm("h:in") == ("LINK", "INVALID"), "the alarm of a broken link")
    pv.put("h:out", 4)
    assert alarm("h:out") == ("LINK", "INVALID")
    assert pv.get("h:in") == 20, "the last value stays"

    # and comes back
    start(there, EPICS_CAS_SERVER_PORT=elsewhere)
    wait(lambda: (pv.get("h:in"), alarm("h:in")) == (1.5, ("NO_ALARM", "NO_ALARM")), "the link again", 60.0)
    wait(lambda: (pv.put("h:out", 5), alarm("h:out"))[1] == ("NO_ALARM", "NO_ALARM"), "writes again")
    wait(lambda: pv.get("h:in") == 5, "the value written")


def test_a_server_that_hangs(start: Start, wait: Wait, pv: Any, tmp_path: Path, port: int) -> None:
    """It keeps no record waiting, is taken for gone when it does not answer, and is welcome back."""
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    here.write_text(HERE)
    there.write_text(THERE)
    elsewhere = str(free_port())
    other = start(there, EPICS_CAS_SERVER_PORT=elsewhere)
    environment = {"EPICS_CA_ADDR_LIST": f"127.0.0.1:{elsewhere}", "EPICS_CA_CONN_TMO": "1"}
    start(here, EPICS_CAS_SERVER_PORT=str(port), **environment)
    wait(lambda: pv.get("h:in") == 1.5, "the first value")
    other.process.send_signal(signal.SIGSTOP)
    try:
        pv.put("h:out", 2)
        wait(
            lambda: pv.get("h:in.SEVR", as_string=True) == "INVALID",
            "the alarm of a link to a server that hangs",
        )
        pv.put("h:out", 3)
        assert pv.get("h:out.SEVR", as_string=True) == "INVALID"
    finally:
        other.process.send_signal(signal.SIGCONT)
    # Together: with a second for its answers the other server can be taken for gone once more.
    wait(
        lambda: (pv.get("h:in"), pv.get("h:in.SEVR", as_string=True)) == (2, "NO_ALARM"),
        "the value written before, without an alarm",
    )
