"""Record what real clients send: run by hand when the set of sessions has to change.

    python -m tests.fuzz.record_sessions

A server writes down every connection's bytes while libca (pyepics) and caproto's client do what clients do.
The files hold one client each (caproto's makes a connection for each request); ``attacks`` mutates them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from nifsdc.records.ca_circuit import Circuit
from nifsdc.records.ca_server import CaServer
from nifsdc.records.database import Database
from tests.records.ca_ioc import copy_arguments, records

PREFIX = "fuzz:"
SESSIONS = Path(__file__).parent / "sessions"
LIBCA = """
    import epics, numpy
    names = "ao long text bo mbbo array cad.DIR cad.A cad.MARK apply.DIR car.VAL".split()
    pvs = {n: epics.PV("fuzz:" + n, auto_monitor=True, form="time", callback=lambda **k: None) for n in names}
    for pv in pvs.values():
        pv.wait_for_connection(5)
        pv.get(use_monitor=False)
        pv.get_ctrlvars()
    pvs["ao"].put(2.5, wait=True)
    pvs["long"].put(7)
    pvs["text"].put("a text", wait=True)
    pvs["mbbo"].put("two", wait=True)
    pvs["array"].put(numpy.arange(5.0), wait=True)
    pvs["cad.A"].put("1.5", wait=True)
    pvs["apply.DIR"].put("START", wait=True)
    long = epics.PV("fuzz:text$")
    long.wait_for_connection(5)
    long.get(as_string=True)
    long.put("x" * 30, wait=True)
    epics.PV("fuzz:none").wait_for_connection(0.2)
    for pv in pvs.values():
        pv.disconnect()
    epics.ca.finalize_libca()
"""
CAPROTO = """
    from caproto.sync.client import read, write, subscribe
    for name in ("ao", "text", "mbbo", "array", "car.VAL", "text$"):
        for kind in ("native", "time", "control"):
            read("fuzz:" + name, data_type=kind, timeout=5)
    write("fuzz:ao", 1.5, notify=True)
    write("fuzz:text", ["another"], notify=False)
    write("fuzz:cad.A", b"text", data_type="native", notify=True)
    sub = subscribe("fuzz:long", data_type="time")
    sub.add_callback(lambda s, r: s.interrupt())
    sub.block(duration=0.5)
"""


async def record(scripts: dict[str, str], folder: Path) -> None:
    """Serve, run each script as a client, and keep what each of its connections sent."""
    database = Database(records(PREFIX), {"copy": copy_arguments})
    database.init()
    sent: dict[Circuit, bytearray] = {}
    original = Circuit.data_received

    def keep(circuit: Circuit, data: bytes) -> None:
        sent.setdefault(circuit, bytearray()).extend(data)
        original(circuit, data)

    Circuit.data_received = keep  # type: ignore[method-assign]
    server = CaServer(database, interfaces=["127.0.0.1"], port=0, beacons=())
    ready = asyncio.Event()
    serving = asyncio.create_task(server.run(ready=lambda port: ready.set()))
    await ready.wait()
    environment = {
        **os.environ,
        "EPICS_CA_SERVER_PORT": str(server.port),
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
    }
    for name, script in scripts.items():
        sent.clear()
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(script), env=environment, stderr=subprocess.DEVNULL
        )
        await client.wait()
        (folder / f"{name}.bin").write_bytes(b"".join(sent.values()))
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def main() -> None:
    """Replace the recorded sessions."""
    asyncio.run(record({"libca": LIBCA, "caproto": CAPROTO}, SESSIONS))
    for path in sorted(SESSIONS.glob("*.bin")):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
