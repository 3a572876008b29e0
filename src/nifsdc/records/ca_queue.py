"""Events that wait for a client which does not take them: bounded, and fair to what must be seen.

While a client keeps up nothing ever comes here. When its socket is full, or when it has asked for silence
(EVENTS_OFF), its events queue. Beyond the soft bound a new value replaces the newest waiting one of the same
subscription; subscriptions of which every event counts go on queueing up to the hard bound.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from .ca_large import Payload


@dataclass(frozen=True)
class Bounds:
    """How much may wait for one client."""

    soft_updates: int = 8192
    """updates beyond which older values of a subscription give way to newer"""
    soft_bytes: int = 2 << 20
    """the same in bytes"""
    hard_updates: int = 20000
    """updates that must not be coalesced, beyond which the client is given up"""
    hard_bytes: int = 8 << 20
    """the same in bytes"""

    def shared_by(self, clients: int) -> Bounds:
        """Return the bounds when ``clients`` clients share the memory that fifty have by themselves."""
        share = max(1, clients // 50)
        return Bounds(
            max(64, self.soft_updates // share),
            max(1 << 16, self.soft_bytes // share),
            max(1024, self.hard_updates // share),
            max(1 << 18, self.hard_bytes // share),
        )


class Source(Protocol):
    """What an update belongs to: a subscription."""

    keep_all: bool
    waiting: Update | None
    alive: bool


class Update:
    """One encoded event of one subscription."""

    __slots__ = ("header", "payload", "source")

    def __init__(self, source: Source, header: bytes, payload: Payload) -> None:
        self.source = source
        self.header = header
        self.payload = payload

    def __len__(self) -> int:
        return len(self.header) + len(self.payload)


class EventQueue:
    """The waiting events of one client, oldest first.

    Attributes:
        coalesced: values that gave way to newer ones since the client connected.
        bytes: bytes waiting.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.coalesced = 0
        self.bytes = 0
        self._kept = 0
        self._kept_bytes = 0
        self._updates: deque[Update] = deque()

    def __len__(self) -> int:
        return len(self._updates)

    def add(self, source: Source, header: bytes, payload: Payload) -> bool:
        """Queue an event; False when the hard bound is reached and the client has to go."""
        bounds = self.bounds
        waiting = source.waiting
        full = len(self._updates) >= bounds.soft_updates or self.bytes >= bounds.soft_bytes
        if full and waiting is not None and not source.keep_all:
            self.bytes += len(payload) - len(waiting.payload)
            waiting.header, waiting.payload = header, payload
            self.coalesced += 1
            return True
        update = Update(source, header, payload)
        if source.keep_all:
            if self._kept >= bounds.hard_updates or self._kept_bytes >= bounds.hard_bytes:
                return False
            self._kept += 1
            self._kept_bytes += len(update)
        source.waiting = update
        self._updates.append(update)
        self.bytes += len(update)
        return True

    def take(self, most: int) -> list[Payload]:
        """Take the oldest events, at least one and about ``most`` bytes; drop those of ended monitors."""
        out: list[Payload] = []
        taken = 0
        while self._updates and taken < most:
            update = self._updates.popleft()
            source = update.source
            size = len(update)
            self.bytes -= size
            if source.keep_all:
                self._kept -= 1
                self._kept_bytes -= size
            if source.waiting is update:
                source.waiting = None
            if source.alive:
                out.append(update.header)
                out.append(update.payload)
                taken += size
        return out

    def clear(self) -> None:
        """Forget everything that waits."""
        for update in self._updates:
            update.source.waiting = None
        self._updates.clear()
        self.bytes = self._kept = self._kept_bytes = 0
