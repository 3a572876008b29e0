"""The fibre: 32-bit words over a TCP connection on the loopback interface, and the faults on the way."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections import deque
from dataclasses import dataclass

from nifsdc.sdsu.words import ERR, Packet, Reassembler, Reset, encode, frame, word
from nifsdc_sim.clock import NS, SimClock
from nifsdc_sim.electronics import SYSTEM_RESET, Electronics, Order
from nifsdc_sim.faults import FaultKind, Faults
from nifsdc_sim.fibre import WordFaults
from nifsdc_sim.memory import label_or_none
from nifsdc_sim.outbox import Outbox

LOOK_SECONDS = 0.2
"""how often the end of the simulator is looked for"""
KEPT_LOOK_SECONDS = 0.002
"""how often it is looked whether packets that wait can be obeyed"""
LOGGED = 20_000
RST = word("RST")


@dataclass
class Exchange:
    """One packet from the host and its answer, as the log has them."""

    number: int
    """counted from 1"""
    seconds: float
    """detector time at which it came, or was obeyed"""
    words: tuple[int, ...]
    """as the boards got them, header first; a reset is the word RST alone"""
    answer: tuple[int, ...] | None = None
    """None where there was none, or not yet"""


class WordServer:
    """Takes words from one host at a time and answers them.

    Parameters
    ----------
    port
        TCP port on the loopback interface, 0 for any that is free
    """

    def __init__(self, port: int, electronics: Electronics, clock: SimClock, faults: Faults) -> None:
        self._electronics = electronics
        self._clock = clock
        self._faults = faults
        self._fibre = WordFaults(faults)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=2)
        self._host: socket.socket | None = None
        self._outbox = Outbox()
        self._sent = Reassembler()
        self._arrived = Reassembler()
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
        self._outbox.close()

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
        self._outbox.connect(None)
        self._electronics.sequencer.host_present = False
        if host is not None:
            with contextlib.suppress(OSError):
                host.shutdown(socket.SHUT_RDWR)
            host.close()

    def power_cycle(self, announce: bool) -> None:
        """Let the controller lose its power now, and say so with SYR or not."""
        self._electronics.power_cycle()
        if announce:
            self._outbox.put(frame(encode(SYSTEM_RESET)))

    def _run(self) -> None:
        while not self._ending.is_set():
            host = self._host
            due = self._outbox.due_in  # nothing is obeyed before an answer that comes late
            readers = [self._listener, self._outbox.bell] + ([] if host is None or due else [host])
            writers = [host] if host is not None and due == 0.0 else []
            look = KEPT_LOOK_SECONDS if self._electronics.keeps_packets else LOOK_SECONDS
            try:
                ready = select.select(readers, writers, [], look if not due else min(look, due))[0]
            except (OSError, ValueError):  # the connection was broken meanwhile by the control port
                self.drop()
                continue
            self._outbox.flush()
            if host is not None and host in ready:
                self._receive(host)
            if self._listener in ready:
                self._accept()
            self._electronics.due()

    def _accept(self) -> None:
        """Take a host; there is one fibre, so while one is there any other is turned away."""
        connection, _ = self._listener.accept()
        if self._host is not None and not _has_gone(self._host):
            connection.close()
            return
        self.drop()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._sent, self._arrived = Reassembler(), Reassembler()
        self._host = connection
        self._outbox.connect(connection)
        self._electronics.sequencer.host_present = True

    def _receive(self, host: socket.socket) -> None:
        try:
            data = host.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop()
            return
        for item in self._sent.feed(data):
            if isinstance(item, Reset):
                self._reset()
            else:
                self._transmit(item)

    def _reset(self) -> None:
        self._arrived = Reassembler()
        exchange = self._note((RST,))

        def announced(packet: Packet) -> None:
            self._answer(exchange, packet, "RST")

        self._electronics.reset(announced)

    def _transmit(self, packet: Packet) -> None:
        """Bring a packet's words down the fibre; the boards obey what they make of those that arrive."""
        left = self._fibre.words_left(packet, label_or_none(packet.words[0]))
        if left is not None:
            self._note(encode(packet))
        elif not self._arrived.partial:
            self._obey(packet)
            return
        for item in self._arrived.feed(frame(encode(packet)) if left is None else left):
            if isinstance(item, Packet):
                self._obey(item)

    def _note(self, words: tuple[int, ...]) -> Exchange:
        self._count += 1
        exchange = Exchange(self._count, self._clock.now_ns() / NS, words)
        self._log.append(exchange)
        return exchange

    def _obey(self, packet: Packet) -> None:
        """Let the controller obey, or do what a fault does instead."""
        label = label_or_none(packet.words[0])
        exchange = self._note(encode(packet))

        def answered(answer: Packet) -> None:
            self._answer(exchange, answer, label)

        def begun(moment_ns: int) -> None:
            exchange.seconds = max(exchange.seconds, moment_ns / NS)

        take = self._faults.take
        if take(FaultKind.LINK_DROP, label):
            self.drop()
        elif take(FaultKind.NO_REPLY, label):
            pass
        elif take(FaultKind.ERROR, label):
            self._answer(exchange, Packet(packet.destination, packet.source, (ERR,)), label)
        elif take(FaultKind.POWER_CYCLE, label):
            self._electronics.power_cycle()
        elif take(FaultKind.SYR, label):
            self._electronics.power_cycle()
            self._answer(exchange, SYSTEM_RESET, label)
        else:
            self._electronics.receive(Order(self._fibre.arriving(packet, label), begun, answered))

    def _answer(self, exchange: Exchange, answer: Packet, label: str | None) -> None:
        """Send an answer up the fibre, with what is wrong with it."""
        answer = self._fibre.answer(answer, label)
        exchange.answer = encode(answer)
        data = self._fibre.framed(answer, label)
        late = self._faults.take(FaultKind.LATE_REPLY, label)
        self._outbox.put(data, 0.0 if late is None else late.fault.seconds)


def _has_gone(host: socket.socket) -> bool:
    try:
        return host.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
