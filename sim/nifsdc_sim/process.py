"""Starting the simulator as a process, and talking to its control port."""

from __future__ import annotations

import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

READY_SECONDS = 30.0
STOP_SECONDS = 5.0
CONTROL_SECONDS = 10.0


class SimulatorError(RuntimeError):
    """The simulator did not start, or refused a request."""


class SimulatorProcess:
    """A simulator process; a context manager that starts it and never leaves it behind.

    Parameters
    ----------
    speed
        detector seconds per real second, infinite for as fast as it can
    seed
        start of all random numbers; None for others each time
    port, control_port
        TCP ports, 0 for any that are free
    buffer
        file for the image buffer; None for one in shared memory
    generation
        of the controller, 2 or 3
    buffer_reads
        full reads that the image buffer holds; None for the usual number
    detector
        ``hawaii2``, ``ccd1``, ``ccd2`` or ``ccd4``
    scene
        what is in front of it, as on the command line: ``index``, ``flat:rate=50``
    effects
        how the detector is, each as on the command line: ``cosmic-rays=0.2``
    faults
        faults from the start, each as on the command line: ``no-reply:label=RDM,count=2,probability=0.1``
    complaints
        file that its standard error goes to; ours, if none
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        seed: int | None = None,
        port: int = 0,
        control_port: int = 0,
        buffer: Path | None = None,
        generation: int = 3,
        buffer_reads: int | None = None,
        detector: str = "hawaii2",
        scene: str = "default",
        effects: Sequence[str] = (),
        faults: Sequence[str] = (),
        complaints: IO[bytes] | None = None,
    ) -> None:
        self._arguments = [
            "--speed", "fast" if math.isinf(speed) else repr(speed),
            "--generation", str(generation),
            "--detector", detector,
            "--scene", scene,
            "--parent-pid", str(os.getpid()),
        ]  # fmt: skip
        if seed is not None:
            self._arguments += ["--seed", str(seed)]
        if buffer_reads is not None:
            self._arguments += ["--buffer-reads", str(buffer_reads)]
        for effect in effects:
            self._arguments += ["--effect", effect]
        for fault in faults:
            self._arguments += ["--fault", fault]
        self._complaints = complaints
        self._process: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"
        self.port = port
        """TCP port of the words, once it runs"""
        self.control_port = control_port
        self.seed = 0 if seed is None else seed
        """start of all its random numbers, once it runs: given again, everything happens again"""
        self.buffer = buffer or Path()
        """file of the image buffer, once it runs"""
        self.timing_program = self.utility_program = Path()
        """load files that belong to its detector, once it runs"""

    def __enter__(self) -> SimulatorProcess:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Number of the process; 0 while there is none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready.

        Started again after `stop` it takes the same ports and the same buffer file, so that a host need only
        open its link again.
        """
        command = [sys.executable, "-m", "nifsdc_sim", *self._arguments]
        command += ["--port", str(self.port), "--control-port", str(self.control_port)]
        if self.buffer != Path():
            command += ["--buffer", str(self.buffer)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
        )
        try:
            ready = json.loads(self._ready_line().removeprefix("READY "))
        except BaseException:
            self.stop()
            raise
        self.port, self.control_port = int(ready["port"]), int(ready["control_port"])
        self.seed = int(ready["seed"])
        self.buffer = Path(ready["buffer"])
        self.timing_program = Path(ready["timing_program"])
        self.utility_program = Path(ready["utility_program"])

    def stop(self) -> None:
        """End it, by force if it does not end when asked, and remove its buffer."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if self.buffer.is_file():
            self.buffer.unlink(missing_ok=True)

    def control(self, command: str, **entries: Any) -> dict[str, Any]:
        """Send a request to the control port (see `nifsdc_sim.control_port`) and return the answer."""
        line = json.dumps({"command": command, **entries}).encode() + b"\n"
        with socket.create_connection((self.host, self.control_port), CONTROL_SECONDS) as connection:
            connection.sendall(line)
            text = b""
            while not text.endswith(b"\n"):
                data = connection.recv(1 << 20)
                if not data:
                    raise SimulatorError(f"the simulator broke the control connection during {command}")
                text += data
        answer: dict[str, Any] = json.loads(text)
        if not answer["ok"]:
            raise SimulatorError(f"the simulator refused {command}: {answer['error']}")
        return answer

    def fault(self, kind: str, label: str | None = None, **entries: Any) -> None:
        """Switch a fault on (see `nifsdc_sim.faults`)."""
        self.control("inject", kind=kind, label=label, **entries)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self.control("clear")

    def effects(self, *wishes: str) -> dict[str, float]:
        """Switch effects on or set them, such as ``cosmic-rays=5``; return the amount of each."""
        amounts: dict[str, float] = self.control("effects", set=list(wishes))["effects"]
        return amounts

    def truth(self, file: Path) -> dict[str, NDArray[Any]]:
        """Return what really fell on the detector, through a file (see `arrays.DetectorArray.truth`)."""
        self.control("truth", file=str(file))
        with np.load(file) as arrays:
            return dict(arrays)

    def status(self) -> dict[str, Any]:
        """Return what everything in it does."""
        return self.control("status")

    def commands(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the commands received after a number, with detector time, words and answer."""
        commands: list[dict[str, Any]] = self.control("log", since=since)["commands"]
        return commands

    def _ready_line(self) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        deadline = time.monotonic() + READY_SECONDS
        text = b""
        while not text.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise SimulatorError(f"the simulator was not ready within {READY_SECONDS:.0f} s")
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                raise SimulatorError(f"the simulator ended at once, with status {process.wait()}")
            text += data
        return text.decode()
