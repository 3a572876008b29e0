"""An instrument under load: how soon START is seen as BUSY, while everything else goes on.

    python benchmarks/load.py [--json FILE] [--seconds N] [--soak]

Three hundred scalars update at 10 Hz and a 16 MB array at 2 Hz, all of them monitored; meanwhile another
client starts a command again and again and waits for its CAR to go BUSY, through apply, CAD and CAR records.
Beside it the same numbers of records in pythonSoftIOC, where a put to one record makes another one change.
Each server has a process of its own, and so has each of the two clients (libca by pyepics). ``--soak`` runs
ours for ten minutes and fails when its memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from channel_access import KEPT, PEER, cpu_seconds, environment
from rows import Rows

P = "bench:"
SCALARS = 300
SCALAR_PERIOD = 0.1
IMAGE = 1 << 22
"""elements, float32: 16 MB"""
IMAGE_PERIOD = 0.5
COMMAND_PERIOD = 0.02
SECONDS = 15.0
SOAK_SECONDS = 600.0
WARM_UP = 5.0
"""seconds after which memory counts"""
GROWTH = 8 << 10
"""kB by which memory may differ between the middle and the end of the run"""


# --- servers, each in its own process


def serve_ours() -> None:
    """Scalars, image and a command of ours."""
    from nifsdc.records.ca_server import CaServer
    from nifsdc.records.database import Database
    from nifsdc.records.definition import RecordDef

    records = [RecordDef("ai", f"{P}m{n}") for n in range(SCALARS)]
    records += [
        RecordDef("waveform", f"{P}image", {"FTVL": "FLOAT", "NELM": str(IMAGE)}),
        RecordDef("apply", f"{P}apply", {"OUTA": f"{P}cad.DIR PP NMS", "INPA": f"{P}cad.VAL CP NMS"}),
        RecordDef("cad", f"{P}cad", {"CTYP": "4"}),
        RecordDef("car", f"{P}car"),
    ]
    database = Database(records)
    database.init()
    server = CaServer(database)

    started = [0]

    def start(value: Any) -> None:
        """What the control task does with a start: BUSY now, IDLE a little later."""
        if value == started[0]:  # an apply posts its client id for PRESET and for START
            return
        started[0] = value
        database.set(f"{P}car.IVAL", "BUSY")
        asyncio.get_running_loop().call_later(
            COMMAND_PERIOD / 4, server.call, lambda: database.set(f"{P}car.IVAL", "IDLE")
        )

    database.watch(f"{P}apply.VAL", start)

    async def scalars() -> None:
        for due in beats(SCALAR_PERIOD):
            for n in range(SCALARS):
                server.call(lambda n=n: database.set(f"{P}m{n}", time.time()))
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def images() -> None:
        """As the readout does it: the array is made elsewhere and handed over."""
        for number, due in enumerate(beats(IMAGE_PERIOD)):
            image = np.full(IMAGE, number % 1000, np.float32)
            image.flags.writeable = False
            server.call(lambda image=image: database.set(f"{P}image", image))
            time.sleep(max(0.0, due - time.monotonic()))

    async def main() -> None:
        task = asyncio.create_task(scalars())
        threading.Thread(target=images, daemon=True).start()
        await server.run(ready=lambda port: print("READY", flush=True))
        task.cancel()

    asyncio.run(main())


def serve_peer() -> None:
    """The same in pythonSoftIOC; its command is a record whose put makes another one go BUSY."""
    from softioc import asyncio_dispatcher, builder, softioc

    builder.SetDeviceName(P.rstrip(":"))
    channels = [builder.aIn(f"m{n}") for n in range(SCALARS)]
    image = builder.WaveformIn("image", length=IMAGE, datatype=np.float32)
    car = builder.mbbIn("car", "IDLE", "PAUSED", "BUSY", "ERROR")

    async def start(value: object) -> None:
        car.set(2)
        await asyncio.sleep(COMMAND_PERIOD / 4)
        car.set(0)

    builder.mbbOut("start", "MARK", "CLEAR", "PRESET", "START", "STOP", always_update=True, on_update=start)
    builder.LoadDatabase()
    softioc.iocInit(asyncio_dispatcher.AsyncioDispatcher(), enable_pva=False)
    print("READY", flush=True)

    def images() -> None:
        for number, due in enumerate(beats(IMAGE_PERIOD)):
            image.set(np.full(IMAGE, number % 1000, np.float32))
            time.sleep(max(0.0, due - time.monotonic()))

    threading.Thread(target=images, daemon=True).start()
    for due in beats(SCALAR_PERIOD):
        for channel in channels:
            channel.set(time.time())
        time.sleep(max(0.0, due - time.monotonic()))


def beats(period: float) -> Any:
    """Times at which the next turn is due, for ever."""
    due = time.monotonic()
    while True:
        due += period
        yield due


# --- clients, each in its own process


def monitor(name: str, callback: Callable[..., None], **options: Any) -> None:
    """Subscribe to a channel for the rest of the process."""
    from epics import ca

    channel = ca.create_channel(P + name)
    if not ca.connect_channel(channel, timeout=10):
        raise SystemExit(f"{name} was not found")
    KEPT.append(ca.create_subscription(channel, mask=1, callback=callback, **options))


def client_displays(seconds: float) -> dict[str, float]:
    """Monitor the image and all scalars, as displays do."""
    images: list[float] = []
    values = [0]
    whole = [0]

    def image(value: Any, **rest: Any) -> None:
        images.append(time.monotonic())
        whole[0] += len(value) == IMAGE and value[0] == value[-1]

    def scalar(value: float, **rest: Any) -> None:
        values[0] += 1

    monitor("image", image, use_time=False, use_ctrl=False)
    for n in range(SCALARS):
        monitor(f"m{n}", scalar)
    print("THERE", flush=True)
    time.sleep(1.0)
    images.clear()
    values[0] = whole[0] = 0
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return {
        "images": len(images) / (elapsed / IMAGE_PERIOD),
        "whole": whole[0] / max(1, len(images)),
        "scalars": values[0] / (SCALARS * elapsed / SCALAR_PERIOD),
    }


def client_commands(seconds: float, start: str, busy: str) -> dict[str, float]:
    """Start the command again and again; how long until BUSY is seen."""
    from epics import ca

    seen, idle = threading.Event(), threading.Event()
    arrived = [0.0]

    def car(value: int, **rest: Any) -> None:
        if value == 2:
            arrived[0] = time.perf_counter()
            seen.set()
        elif seen.is_set():
            idle.set()

    monitor(busy, car)
    channel = ca.create_channel(P + start)
    ca.connect_channel(channel, timeout=10)
    times: list[float] = []
    missed = 0
    time.sleep(1.0)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen.clear()
        idle.clear()
        began = time.perf_counter()
        ca.put(channel, 3)
        ca.flush_io()
        if seen.wait(2.0) and idle.wait(2.0):  # a CAR that is BUSY still would not go BUSY again
            times.append(arrived[0] - began)
        else:
            missed += 1
        time.sleep(COMMAND_PERIOD)
    times.sort()
    return {
        "starts": len(times),
        "missed": missed,
        "median": 1e3 * times[len(times) // 2],
        "p99": 1e3 * times[int(0.99 * len(times))],
    }


# --- the run


def kilobytes(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def measure(server: str, seconds: float) -> dict[str, float]:
    """One server with its two clients: all figures of both, and what the server takes."""
    env = environment() | {"EPICS_CA_MAX_ARRAY_BYTES": "40000000"}
    me = [sys.executable, str(Path(__file__).resolve()), "--seconds", str(seconds)]
    started: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*me, *options], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    def line(process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        read = ""
        while not read.startswith(word):
            if not select.select([process.stdout], [], [], 30)[0]:
                raise SystemExit(f"{server}: no {word} within 30 s")
            read = process.stdout.readline()
            if not read:
                assert process.stderr is not None
                raise SystemExit(f"{server} ended: {process.stderr.read()[-2000:]}")

    try:
        serving = begin("--serve", server)
        line(serving, "READY")
        displays = begin("--client", "displays", "--serve", server)
        line(displays, "THERE")
        commands = begin("--client", "commands", "--serve", server)
        time.sleep(min(WARM_UP, seconds / 3))
        cpu, clock = cpu_seconds(serving.pid), time.monotonic()
        memory: list[int] = []
        while displays.poll() is None or commands.poll() is None:
            memory.append(kilobytes(serving.pid))
            time.sleep(min(1.0, seconds / 20))
        cpu = 100 * (cpu_seconds(serving.pid) - cpu) / (time.monotonic() - clock)
        found: dict[str, float] = {"cpu": cpu}
        for client in (displays, commands):
            out, err = client.communicate()
            if client.returncode:
                raise SystemExit(f"a client of {server} failed ({client.returncode}): {err[-2000:]}")
            found |= json.loads(out.splitlines()[-1])
        half = len(memory) // 2
        found["memory"] = max(memory) / 1024
        found["growth"] = (max(memory[half:]) - max(memory[:half])) / 1024
        return found
    finally:
        for process in reversed(started):
            process.kill()
            process.communicate()


FIGURES = (
    ("START to BUSY, median", "median", "ms"),
    ("START to BUSY, 99th percentile", "p99", "ms"),
    ("16 MB array at 2 Hz, delivered", "images", "fraction"),
    ("300 scalars at 10 Hz, delivered", "scalars", "fraction"),
    ("server under load", "cpu", "% of a core"),
    ("server's memory", "memory", "MB"),
    ("server's memory, growth in second half", "growth", "MB"),
)


def run(given: argparse.Namespace) -> int:
    """Measure, print, save; 1 when memory grows."""
    rows = Rows(None, given)
    peer = importlib.util.find_spec("softioc") is not None and not given.soak
    seconds = SOAK_SECONDS if given.soak else given.seconds
    ours = measure("ours", seconds)
    theirs = measure("peer", seconds) if peer else {}
    for label, name, unit in FIGURES:
        against = theirs.get(name) if name != "growth" else None
        ratio = ours[name] / against if against else None
        rows.add(f"load: {label}", ours[name], unit, ratio, PEER if ratio is not None else "")
    rows.save()
    if ours["missed"] or ours["whole"] < 1.0 or 1024 * ours["growth"] > GROWTH:
        print(f"BUSY missed {ours['missed']} times, images whole {ours['whole']}, grew {ours['growth']} MB")
        return 1
    return 0


def main() -> int:
    """Be the server, a client, or the whole run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to which the rows are added")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--soak", action="store_true", help="ours alone, for ten minutes")
    parser.add_argument("--serve", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--client", choices=["displays", "commands"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.client:
        if given.client == "displays":
            figures = client_displays(given.seconds)
        else:
            ours = given.serve == "ours"
            names = ("apply.DIR", "car.VAL") if ours else ("start", "car")
            figures = client_commands(given.seconds, *names)
        print(json.dumps(figures), flush=True)
        os._exit(0)  # libca's threads are not waited for
    if given.serve:
        (serve_ours if given.serve == "ours" else serve_peer)()
        return 0
    return run(given)


if __name__ == "__main__":
    sys.exit(main())
