"""The fibre: 32-bit words over a TCP connection on the loopback interface, and the faults on the way."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from nifsdc.sdsu.words import DON, ERR, SYR, Board, Packet, Reassembler, Reset, encode, frame, word
from nifsdc_sim.clock import NS, SimClock
from nifsdc_sim.electronics import SYSTEM_RESET, Electronics
from nifsdc_sim.faults import FaultKind, Faults
from nifsdc_sim.memory import label_or_none
from nifsdc_sim.sequencer import Sequencer

LOOK_SECONDS = 0.2
"""how often the end of the simulator is looked for"""
KEPT_LOOK_SECONDS = 0.002
"""how often the end of a readout is looked for while an answer waits for it"""
LOGGED = 20_000


@dataclass(frozen=True)
class Exchange:
    """One packet from the host and its answer, as the log has them."""

    number: int
    """counted from 1"""
    seconds: float
    """detector time at which it came, or was obeyed"""
    words: tuple[int, ...]
    """as sent, header first; a reset is the word RST alone"""
    answer: tuple[int, ...] | None
    """None where there was none, or not yet"""


class WordServer:
    """Takes words from one host at a time and answers them.

    Parameters
    ----------
    port
        TCP port on the loopback interface, 0 for any that is free
    seed
        decides which bits flip
    """

    def __init__(
        self,
        port: int,
        electronics: Electronics,
        sequencer: Sequencer,
        clock: SimClock,
        faults: Faults,
        seed: int,
    ) -> None:
        self._electronics = electronics
        self._sequencer = sequencer
        self._clock = clock
        self._faults = faults
        self._random = np.random.Generator(np.random.PCG64((seed, 6)))
        self._listener = socket.create_server(("127.0.0.1", port), backlog=2)
        self._host: socket.socket | None = None
        self._received = Reassembler()
        self._sending = threading.Lock()
        self._ending = threading.Event()
        self._log: deque[Exchange] = deque(maxlen=LOGGED)
        self._count = 0
        self._thread = threading.Thread(target=self._run, name="words", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._listener.getsockname()[1])

    def open(self) -> None:
        """Start taking words."""
        self._thread.start()

    def close(self) -> None:
        """Break the connection and end."""
        self._ending.set()
        self._thread.join()
        self._listener.close()
        self.drop()

    @property
    def received(self) -> int:
        """Packets received so far, resets included."""
        return self._count

    def log(self, since: int = 0) -> list[Exchange]:
        """Return what was exchanged after a number, oldest first, as far as it is kept."""
        return [exchange for exchange in tuple(self._log) if exchange.number > since]

    def drop(self) -> None:
        """Break the connection to the host."""
        host, self._host = self._host, None
        self._sequencer.host_present = False
        if host is not None:
            with contextlib.suppress(OSError):
                host.shutdown(socket.SHUT_RDWR)
            host.close()

    def power_cycle(self, announce: bool) -> None:
        """Let the controller lose its power now, and say so with SYR or not."""
        self._electronics.power_cycle()
        if announce:
            self._send(SYSTEM_RESET)

    def _run(self) -> None:
        while not self._ending.is_set():
            waiting = [self._listener] + ([self._host] if self._host is not None else [])
            look = KEPT_LOOK_SECONDS if self._electronics.keeps_packets else LOOK_SECONDS
            try:
                ready = select.select(waiting, [], [], look)[0]
            except (OSError, ValueError):  # the connection was broken meanwhile by the control port
                self.drop()
                continue
            host = self._host
            if host is not None and host in ready:
                self._receive(host)
            if self._listener in ready:
                self._accept()
            for answer in self._electronics.due():
                self._send(answer)

    def _accept(self) -> None:
        """Take a host; there is one fibre, so while one is there any other is turned away."""
        connection, _ = self._listener.accept()
        if self._host is not None and not _has_gone(self._host):
            connection.close()
            return
        self.drop()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = Reassembler()
        self._host = connection
        self._sequencer.host_present = True

    def _receive(self, host: socket.socket) -> None:
        try:
            data = host.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.drop()
            return
        for item in self._received.feed(data):
            self._count += 1
            if isinstance(item, Reset):
                self._note((word("RST"),), encode(SYSTEM_RESET))
                self._send(self._electronics.reset())
            else:
                self._obey(item)

    def _note(self, words: tuple[int, ...], answer: tuple[int, ...] | None) -> None:
        self._log.append(Exchange(self._count, self._clock.now_ns() / NS, words, answer))

    def _obey(self, packet: Packet) -> None:
        label = label_or_none(packet.words[0])
        came = self._clock.now_ns()
        answer = self._answer(packet, label)
        moment = max(came, self._electronics.obeyed_ns)
        self._log.append(
            Exchange(self._count, moment / NS, encode(packet), None if answer is None else encode(answer))
        )
        if answer is None:
            return
        late = self._faults.take(FaultKind.LATE_REPLY, label)
        if late is not None:
            self._ending.wait(late.seconds)
        self._send(answer)

    def _answer(self, packet: Packet, label: str | None) -> Packet | None:
        """Let the controller obey, or do what a fault does instead."""
        take = self._faults.take
        if take(FaultKind.LINK_DROP, label):
            self.drop()
            return None
        if take(FaultKind.NO_REPLY, label):
            return None
        if take(FaultKind.ERROR, label):
            return Packet(packet.destination, packet.source, (ERR,))
        if take(FaultKind.POWER_CYCLE, label):
            self._electronics.power_cycle()
            return None
        if take(FaultKind.SYR, label):
            self._electronics.power_cycle()
            return SYSTEM_RESET
        answer = self._electronics.receive(packet)
        return None if answer is None else self._spoil(answer, label)

    def _spoil(self, answer: Packet, label: str | None) -> Packet:
        take = self._faults.take
        *front, last = answer.words
        if last not in (DON, ERR, SYR) and label in ("TDL", "RDM", "GEN"):
            fault = next((each for each in self._faults.waiting() if each.kind is FaultKind.WRONG_ECHO), None)
            wanted = "TDL" if fault is None or fault.label is None else fault.label
            if label == wanted and take(FaultKind.WRONG_ECHO, label):
                last ^= 1
        if take(FaultKind.BIT_FLIP, label):
            last ^= 1 << int(self._random.integers(24))
        if last == DON and take(FaultKind.WRONG_LABEL, label):
            last = word("DUN")
        if take(FaultKind.WRONG_HEADER, label):
            other = Board.TIMING if answer.source is Board.UTILITY else Board.UTILITY
            answer = replace(answer, source=other)
        return replace(answer, words=(*front, last))

    def _send(self, packet: Packet) -> None:
        host = self._host
        if host is None:
            return
        with self._sending, contextlib.suppress(OSError):
            host.sendall(frame(encode(packet)))


def _has_gone(host: socket.socket) -> bool:
    try:
        return host.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
