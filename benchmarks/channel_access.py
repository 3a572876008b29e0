"""The Channel Access server beside pythonSoftIOC (EPICS base in C under Python), same client, same run.

    python benchmarks/channel_access.py [--json FILE] [--repeats N]

Prints one row a figure: name, value, unit, ratio to the peer and the peer. The peer needs ``softioc`` from
PyPI; without it the ratios stay empty. Each server runs in its own process, the client (libca by pyepics) in
another; the two servers take turns and the best of the repeats counts.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PREFIX = "bench"
CHANNELS = 1000
RATES = (250, 1000, 4000, 8000)
GETS = 1500
RATE_SECONDS = 1.0
FAN_SECONDS = 3.0
FAN_PERIOD = 0.1
CLIENT_SECONDS = 300
"""within which a client ends even where each of its thousands of round trips waits for other programs"""
PEER = "pythonSoftIOC"
KEPT: list[object] = []
"""subscriptions: libca calls them until the process ends"""


@dataclass
class Row:
    """One figure, as ``make bench`` collects them."""

    name: str
    value: float
    unit: str
    ratio: float | None
    against: str


# --- servers, each in its own process


def serve_ours(fan: bool) -> None:
    """Our record engine and server."""
    from nifsdc.records.ca_server import CaServer
    from nifsdc.records.database import Database
    from nifsdc.records.definition import RecordDef

    records = [RecordDef("ao", f"{PREFIX}:value", {"PREC": "3"})]
    if fan:
        records += [RecordDef("ai", f"{PREFIX}:m{n}") for n in range(CHANNELS)]
    database = Database(records)
    database.init()
    server = CaServer(database)

    async def update() -> None:
        due = time.monotonic()
        while fan:
            for n in range(CHANNELS):
                server.call(lambda n=n: database.set(f"{PREFIX}:m{n}", time.time()))
            due += FAN_PERIOD
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def main() -> None:
        task = asyncio.create_task(update())
        await server.run(ready=lambda port: print("READY", flush=True))
        task.cancel()

    asyncio.run(main())


def serve_peer(fan: bool) -> None:
    """The same records in pythonSoftIOC."""
    from softioc import asyncio_dispatcher, builder, softioc

    builder.SetDeviceName(PREFIX)
    builder.aOut("value", PREC=3, always_update=True)
    channels = [builder.aIn(f"m{n}") for n in range(CHANNELS)] if fan else []
    builder.LoadDatabase()
    softioc.iocInit(asyncio_dispatcher.AsyncioDispatcher(), enable_pva=False)
    print("READY", flush=True)
    due = time.monotonic()
    while True:
        for channel in channels:
            channel.set(time.time())
        due += FAN_PERIOD
        time.sleep(max(0.0, due - time.monotonic()))


# --- the client, in its own process


def client_single() -> dict[str, float]:
    """Gets, puts and one channel at rising rates."""
    from epics import ca

    channel = ca.create_channel(f"{PREFIX}:value")
    if not ca.connect_channel(channel, timeout=10):
        raise SystemExit("the server was not found")
    found: dict[str, float] = {}
    for _ in range(100):
        ca.get(channel)
    began = time.perf_counter()
    for _ in range(GETS):
        ca.get(channel)
    found["gets"] = GETS / (time.perf_counter() - began)
    began = time.perf_counter()
    for n in range(GETS):
        ca.put(channel, float(n), wait=True)
    found["puts with callback"] = GETS / (time.perf_counter() - began)
    ages: list[float] = []
    subscription = ca.create_subscription(
        channel, mask=1, callback=lambda value, **rest: ages.append(time.time() - value)
    )
    KEPT.append(subscription)
    time.sleep(0.2)
    for rate in RATES:
        ages.clear()
        many = int(rate * RATE_SECONDS)
        began = time.perf_counter()
        for n in range(many):
            wait_until(began + n / rate)
            ca.put(channel, time.time())
            ca.flush_io()
        deadline = time.monotonic() + 1.0
        while len(ages) < many and time.monotonic() < deadline:
            time.sleep(0.01)
        found[f"delivered at {rate}/s"] = len(ages) / many
        found[f"age at {rate}/s"] = 1e3 * statistics.median(ages) if ages else float("inf")
    return found


def client_fan() -> dict[str, float]:
    """A thousand channels at 10 Hz from inside the server."""
    from epics import ca

    ages: list[float] = []
    channels = [ca.create_channel(f"{PREFIX}:m{n}", auto_cb=False) for n in range(CHANNELS)]
    began = time.perf_counter()
    for channel in channels:
        if not ca.connect_channel(channel, timeout=10):
            raise SystemExit("a channel was not found")
    found = {"connecting 1,000 channels": time.perf_counter() - began}
    KEPT[:] = [
        ca.create_subscription(
            channel, mask=1, callback=lambda value, **rest: ages.append(time.time() - value)
        )
        for channel in channels
    ]
    ca.flush_io()
    time.sleep(0.5)
    server = int(os.environ["BENCH_SERVER"])
    cpu, began = cpu_seconds(server), time.perf_counter()
    ages.clear()
    time.sleep(FAN_SECONDS)
    got, elapsed = len(ages), time.perf_counter() - began
    found["server at 1,000 channels, 10 Hz"] = 100 * (cpu_seconds(server) - cpu) / elapsed
    found["delivered of 1,000 channels, 10 Hz"] = min(1.0, got / (CHANNELS * round(elapsed / FAN_PERIOD)))
    found["age of 1,000 channels, 10 Hz"] = 1e3 * statistics.median(ages)
    return found


def wait_until(due: float) -> None:
    """Sleep, and yield at the end: a client that spins keeps its own receiving thread waiting."""
    while (left := due - time.perf_counter()) > 0:
        time.sleep(left - 1e-4 if left > 2e-4 else 0)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the run


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Everything on the loopback, on a port of this run.

    No program is found by name: libca would start a repeater, which outlives its client and holds the
    client's output open, so that its end is never seen.
    """
    port, repeater = str(free_port()), str(free_port())
    names = ("EPICS_CA_ADDR_LIST", "EPICS_CAS_INTF_ADDR_LIST", "EPICS_CAS_BEACON_ADDR_LIST")
    loopback = dict.fromkeys(names, "127.0.0.1")
    off = dict.fromkeys(("EPICS_CA_AUTO_ADDR_LIST", "EPICS_CAS_AUTO_BEACON_ADDR_LIST"), "NO")
    ports = dict.fromkeys(("EPICS_CA_SERVER_PORT", "EPICS_CAS_SERVER_PORT"), port)
    ports |= dict.fromkeys(("EPICS_CA_REPEATER_PORT", "EPICS_CAS_BEACON_PORT"), repeater)
    return {**os.environ, **loopback, **off, **ports, "PATH": str(Path(__file__).parent)}


def measure(server: str, kind: str) -> dict[str, float]:
    """Start a server, have the client measure it, end it."""
    env = environment()
    me = [sys.executable, str(Path(__file__).resolve())]
    process = subprocess.Popen(
        [*me, "--serve", server, "--kind", kind], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = b""
        while not line.startswith(b"READY"):
            if not select.select([process.stdout], [], [], 30)[0]:
                raise SystemExit(f"the {server} server did not start within 30 s")
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the {server} server ended")
        env["BENCH_SERVER"] = str(process.pid)
        answer = subprocess.run(
            [*me, "--client", kind],
            env=env,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        if answer.returncode:
            raise SystemExit(f"the client of {server} failed ({answer.returncode}):\n{answer.stderr[-2000:]}")
        found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
        return found
    finally:
        process.kill()
        process.communicate()


def unit_of(name: str) -> str:
    if name.startswith("age"):
        return "ms"
    if name.startswith("delivered"):
        return "fraction"
    if name.startswith("server"):
        return "% of a core"
    return "s" if name.startswith("connecting") else "1/s"


def best(name: str, values: list[float]) -> float:
    return max(values) if unit_of(name) in ("1/s", "fraction") else min(values)


def run(repeats: int) -> list[Row]:
    """All figures: servers take turns, the best of the repeats counts."""
    servers = ["ours"] + (["peer"] if importlib.util.find_spec("softioc") else [])
    found: dict[str, dict[str, list[float]]] = {server: {} for server in servers}
    for _ in range(repeats):
        for kind in ("single", "fan"):
            for server in servers:
                for name, value in measure(server, kind).items():
                    found[server].setdefault(name, []).append(value)
    rows = []
    for name, values in found["ours"].items():
        ours = best(name, values)
        peer = best(name, found["peer"][name]) if "peer" in found else None
        ratio = ours / peer if peer else None
        rows.append(
            Row(f"channel access: {name}", ours, unit_of(name), ratio, PEER if ratio is not None else "")
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=["single", "fan"], default="single", help=argparse.SUPPRESS)
    parser.add_argument("--client", choices=["single", "fan"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        (serve_ours if given.serve == "ours" else serve_peer)(given.kind == "fan")
    elif given.client:
        figures: dict[str, Any] = client_single() if given.client == "single" else client_fan()
        print(json.dumps(figures), flush=True)
        os._exit(0)  # libca's threads are not waited for
    else:
        rows = run(given.repeats)
        if not any(row.against for row in rows):
            print("softioc is not installed: no figures of the peer (pip install softioc)", file=sys.stderr)
        for row in rows:
            ratio = f"{row.ratio:7.2f} x {row.against}" if row.ratio is not None else ""
            print(f"{row.name:55} {row.value:10.3f} {row.unit:12} {ratio}")
        if given.json:
            given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
