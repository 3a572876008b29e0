"""What a client's session needs around it: its server, its connection, and who is told of its writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .ca_access import AccessPolicy, Peer
from .ca_channel import Channels
from .ca_events import Dispatcher, Subscription
from .ca_large import Payload
from .database import Database
from .fields import Field


@dataclass(frozen=True)
class Write:
    """One write request that was done or refused, for a put log."""

    peer: Peer
    field: Field
    before: object
    value: object
    refused: str
    """reason of a refusal, "" for a write that was done"""


@dataclass(frozen=True)
class Limits:
    """How much one client may have open: far beyond what any needs, and what memory stands."""

    channels: int = 100_000
    monitors: int = 100_000


class Service(Protocol):
    """What a session needs of its server."""

    database: Database
    channels: Channels
    dispatcher: Dispatcher
    port: int
    put_count: int
    put_log: Callable[[Write], None] | None
    access: AccessPolicy
    limits: Limits


class Line(Protocol):
    """What a session needs of its connection."""

    @property
    def connected(self) -> bool:
        """False once the client has gone."""

    def reply(self, data: Payload) -> None:
        """Send a message, or a part of one, at the end of the present wake-up."""

    def post(self, subscription: Subscription, head: bytes, payload: Payload) -> None:
        """Send one event, or let it wait."""

    def let_events(self, on: bool) -> None:
        """Send events, or have them wait because the client asked for it."""
