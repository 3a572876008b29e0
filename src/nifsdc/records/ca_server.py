"""The Channel Access server of a record database.

Addresses and ports come from the usual EPICS environment through caproto, whose server is not used: its
circuits keep events in several queues, wait for slow clients and batch by timers, which a command handshake
cannot bear. This one does everything synchronously on the loop that owns the database (``ca_circuit``),
encodes an event once for all its subscribers (``ca_events``) and lets no client wait for another.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from weakref import WeakSet

from .ca_access import AccessPolicy, AccessRules, local_writes
from .ca_channel import Channels
from .ca_circuit import Circuit
from .ca_complaints import Complaints
from .ca_events import Dispatcher
from .ca_large import LargePayload
from .ca_network import (
    beacon_period,
    bind_tcp,
    bind_udp,
    broadcast_address,
    environment_beacons,
    environment_interfaces,
    environment_port,
    ignored_addresses,
    room_for_clients,
)
from .ca_queue import Bounds
from .ca_search import Beacons, SearchResponder
from .ca_service import Limits, Write
from .database import Database
from .fields import Event

log = logging.getLogger("nifsdc.ca")

CALL_SLICE = 0.005
"""seconds that calls handed over by other threads may take before clients get their turn"""
LARGE_MEMORY = 256 << 20
"""bytes of large arrays on their way to clients, beyond which the client that holds one longest is let go"""


@dataclass(frozen=True)
class Statistics:
    """What the server has to do at the moment and has done since its start."""

    clients: int
    channels: int
    monitors: int
    puts: int
    events: int
    coalesced: int
    """values that gave way to newer ones because their client did not take them (clients connected now)"""
    waiting_bytes: int
    """bytes of events that wait for clients which do not take them"""


class CaServer:
    """Serves every field of a database on Channel Access.

    Args:
        database: the records; touched on the loop of ``run`` only.
        interfaces: addresses to listen at; by default those of EPICS_CAS_INTF_ADDR_LIST, else all.
        port: port for searches and, when free, for connections; by default EPICS_CAS_SERVER_PORT,
            EPICS_CA_SERVER_PORT or 5064. With 0 the system chooses one for both.
        beacons: (host, port) of beacon addresses; by default those of EPICS_CAS_BEACON_ADDR_LIST.
        access: what clients may do; by default those on the loopback write and others read.
        put_log: told of every write that a client asks for, done or refused (``ca_putlog.PutLog``).
        bounds: how many events may wait for a client that does not take them.
        limits: how much one client may have open.
    """

    def __init__(
        self,
        database: Database,
        *,
        interfaces: Sequence[str] | None = None,
        port: int | None = None,
        beacons: Sequence[tuple[str, int]] | None = None,
        access: AccessPolicy = local_writes,
        put_log: Callable[[Write], None] | None = None,
        bounds: Bounds | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.database = database
        self.channels = Channels(database)
        self.dispatcher = Dispatcher()
        self.access: AccessPolicy = local_writes
        self.limits = limits or Limits()
        self.put_log = put_log
        self.put_count = 0
        self.complain = Complaints(log)
        self.port = 0
        self._interfaces = interfaces
        self._wanted_port = port
        self._beacon_addresses = beacons
        self._bounds = bounds or Bounds()
        self._circuits: dict[Circuit, None] = {}  # in the order they connected
        self._room = 0
        self._large: WeakSet[LargePayload] = WeakSet()
        self._unfollow: tuple[Callable[[], None], ...] = ()
        self._dirty: list[Circuit] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush_planned = False
        self._awake = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: float | None = None
        self._calls: deque[Callable[[], None]] = deque()
        self._calls_lock = threading.Lock()
        self._calls_planned = False
        self.use_access(access)

    # --- access

    def use_access(self, policy: AccessPolicy) -> None:
        """Have a policy decide from now on; clients are told what changes for their channels.

        On the server's loop, or while it does not run.

        Raises:
            AccessFileError: an input of the rules is not in the database; the policy before goes on.
        """
        ends: tuple[Callable[[], None], ...] = ()
        if isinstance(policy, AccessRules):
            ends = (
                policy.follow(self.database, self._refresh_access),
                self.database.subscribe(self._group_changed),
            )
        for end in self._unfollow:
            end()
        self._unfollow = ends
        self.access = policy
        self._refresh_access()

    def _group_changed(self, event: Event) -> None:
        if event.field.name == "ASG":
            self._refresh_access()

    def _refresh_access(self) -> None:
        for circuit in list(self._circuits):
            circuit.session.refresh_access()

    # --- what circuits ask of their server (ca_circuit.Host)

    def opened(self, circuit: Circuit) -> Bounds:
        """Take note of a new client and say how much may wait for it."""
        if len(self._circuits) >= self._room:
            idle = next((each for each in self._circuits if not each.session.channels), circuit)
            idle.abort(f"there are {len(self._circuits)} clients, and it uses no channel")
        self._circuits[circuit] = None
        return self._bounds.shared_by(len(self._circuits))

    def closed(self, circuit: Circuit) -> None:
        """Forget a client."""
        self._circuits.pop(circuit, None)

    def large(self, payload: LargePayload) -> None:
        """Take note that a large array is on its way; let a client go when stopped ones hold too many."""
        self._large.add(payload)
        if sum(map(len, self._large)) <= LARGE_MEMORY:
            return
        stuck = [each for each in self._circuits if each.stuck_since and each.holds_large]
        if stuck:
            longest = min(stuck, key=lambda each: each.stuck_since or 0.0)
            longest.abort("it does not take the large arrays it asked for")

    def dirty(self, circuit: Circuit) -> None:
        """Have ``circuit`` flushed when the present wake-up of the loop ends."""
        self._dirty.append(circuit)
        if not self._awake and not self._flush_planned and self._loop is not None:
            self._flush_planned = True  # for events posted by code that runs on the loop without ``call``
            self._loop.call_soon(self._planned_flush)

    def wake(self) -> None:
        """Begin a wake-up, which ``settle`` will end."""
        self._awake = True

    def settle(self) -> None:
        """End a wake-up: write what has gathered for each client, and set the timer of the database."""
        while self._dirty:
            dirty, self._dirty = self._dirty, []
            for circuit in dirty:
                circuit.flush()
        self._awake = False
        self._set_timer()

    def _planned_flush(self) -> None:
        self._flush_planned = False
        self.settle()

    # --- work for the database

    def call(self, fn: Callable[[], None]) -> None:
        """Have ``fn`` run on the loop, in the order of the calls. From any thread; waits for ``run``."""
        with self._calls_lock:
            self._calls.append(fn)
            if self._calls_planned or self._loop is None:
                return
            self._calls_planned = True
            try:
                self._loop.call_soon_threadsafe(self._run_calls)
            except RuntimeError:  # the loop has been closed: nothing is served any longer
                self._calls.clear()
                log.info("a call came after the server had ended and was dropped")

    def _run_calls(self) -> None:
        self.wake()
        until = time.monotonic() + CALL_SLICE
        while True:
            with self._calls_lock:
                if not self._calls:
                    self._calls_planned = False
                    break
                fn = self._calls.popleft()
            try:
                fn()
            except Exception:
                log.exception("a call handed to the server's loop failed")
            if time.monotonic() > until:
                asyncio.get_running_loop().call_soon(self._run_calls)
                break
        self.settle()

    def _set_timer(self) -> None:
        due = self.database.next_timer()
        if due == self._timer_due or self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self.database.now()), self._run_timers)

    def _run_timers(self) -> None:
        self._timer = None
        self._timer_due = None
        self.wake()
        try:
            self.database.run_timers(self.database.now())
        except Exception:
            log.exception("the timers of the record database failed")
        self.settle()

    # --- serving

    @property
    def statistics(self) -> Statistics:
        """Present load and totals."""
        circuits = self._circuits
        return Statistics(
            clients=len(circuits),
            channels=sum(c.session.channels for c in circuits),
            monitors=len(self.dispatcher),
            puts=self.put_count,
            events=self.dispatcher.events,
            coalesced=sum(c.coalesced for c in circuits),
            waiting_bytes=sum(c.waiting for c in circuits),
        )

    async def run(self, *, ready: Callable[[int], None] | None = None) -> None:
        """Serve until cancelled.

        Args:
            ready: told the TCP port as soon as clients can connect.

        Raises:
            OSError: no port could be had at the interfaces.
        """
        loop = asyncio.get_running_loop()
        interfaces = list(self._interfaces or environment_interfaces())
        wanted = environment_port() if self._wanted_port is None else self._wanted_port
        beacons = environment_beacons() if self._beacon_addresses is None else self._beacon_addresses
        self._room = room_for_clients()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.sleep, 0)  # at last, for the transports to close their sockets
            listening = bind_tcp(interfaces, wanted)
            self.port = listening[0].getsockname()[1]
            if wanted not in (0, self.port):
                log.warning("port %d is taken; clients connect to port %d instead", wanted, self.port)
            stack.callback(self.database.subscribe(self.dispatcher.dispatch))
            stack.callback(self._disconnect_all)
            for sock in listening:
                stack.callback((await loop.create_server(lambda: Circuit(self), sock=sock)).close)
            for interface in interfaces:
                for transport in await self._answer_searches(interface, wanted or self.port):
                    stack.callback(transport.close)
            self._start(loop)
            stack.callback(self._stop)
            for interface in interfaces:
                beacon = Beacons(beacons, interface, self.port, beacon_period())
                stack.callback(beacon.close)
                beacon.start(loop.call_later)
            log.info("serving %d names at %s, port %d", len(self.channels), ", ".join(interfaces), self.port)
            if ready is not None:
                ready(self.port)
            await asyncio.Event().wait()

    def _disconnect_all(self) -> None:
        for circuit in list(self._circuits):
            circuit.close()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._calls_lock:
            self._loop = loop
            self._calls_planned = bool(self._calls)
        if self._calls_planned:
            loop.call_soon(self._run_calls)
        self._set_timer()

    def _stop(self) -> None:
        with self._calls_lock:
            self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = None

    async def _answer_searches(self, interface: str, port: int) -> list[asyncio.DatagramTransport]:
        """Listen for searches at an interface, and at the broadcast address of its network."""
        responder = SearchResponder(self.channels, self.port, ignored_addresses())
        try:
            sock = bind_udp(interface, port)
        except OSError as problem:
            log.error(
                "name searches cannot be received at %s:%d (%s): clients find this server only when "
                "EPICS_CA_NAME_SERVERS names %s:%d",
                *(interface, port, problem, interface, self.port),
            )
            return []
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: responder, sock=sock)
        broadcast = broadcast_address(interface)
        if broadcast is None:
            return [transport]
        try:
            sock = bind_udp(broadcast, port)
        except OSError as problem:
            log.warning("broadcast searches cannot be received at %s:%d (%s)", broadcast, port, problem)
            return [transport]
        listener, _ = await loop.create_datagram_endpoint(lambda: responder.by_broadcast(), sock=sock)
        return [transport, listener]
