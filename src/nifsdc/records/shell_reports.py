"""What a shell tells of the server's clients (``casr``) and of the process (``iocstats``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .database import Database
from .ioc_stats import MEGABYTE, Usage, uptime_text

if TYPE_CHECKING:
    from .ca_server import Statistics


@dataclass(frozen=True)
class ClientReport:
    """One client of the server, for ``casr``."""

    address: str
    port: int
    host: str
    """as the client gave it"""
    user: str
    """as the client gave it"""
    channels: tuple[str, ...]
    """names of the channels it has open"""
    monitors: int
    waiting_bytes: int
    """bytes of events that it does not take"""


class ServerView(Protocol):
    """What ``casr`` and ``iocstats`` ask of a server."""

    @property
    def statistics(self) -> Statistics:
        """Present counts."""

    def clients(self) -> Iterable[ClientReport]:
        """The clients connected now."""


def plural(count: int, what: str) -> str:
    """``1 client``, ``2 clients``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def server_lines(server: ServerView, level: int) -> list[str]:
    """Report on a server: 0 the number of clients, 1 who they are and totals, 2 their channels as well."""
    counts = server.statistics
    clients = plural(counts.clients, "client") if counts.clients else "No clients"
    lines = ["Channel Access Server V4.13", f"{clients} connected{':' if counts.clients and level else '.'}"]
    if level:
        for client in server.clients():
            lines += _client_lines(client, level)
        lines += [
            f"{plural(counts.channels, 'channel')}, {plural(counts.monitors, 'monitor')}",
            f"{plural(counts.puts, 'put')}, {plural(counts.events, 'event')}, "
            f"{plural(counts.coalesced, 'value')} given up for newer ones",
        ]
    return lines


def _client_lines(client: ClientReport, level: int) -> list[str]:
    lines = [
        f"TCP client at {client.address}:{client.port} {client.host!r}:",
        f"    User {client.user!r}, {plural(len(client.channels), 'channel')}, "
        f"{plural(client.monitors, 'monitor')}, {plural(client.waiting_bytes, 'byte')} waiting",
    ]
    return [*lines, *(f"        {name}" for name in client.channels)] if level > 1 else lines


def process_lines(database: Database, server: ServerView | None, usage: Usage) -> list[str]:
    """Report on the process, its records and its load."""
    types = Counter(record.rtyp for record in database.records.values())
    links = [
        link for record in database.records.values() for link in record.links.values() if not link.is_constant
    ]
    lines = [
        f"up {uptime_text(usage.uptime)}, {usage.cpu:.1f} % of one core, {usage.memory / MEGABYTE:.1f} MB, "
        f"{usage.descriptors} of {usage.descriptors_max} file descriptors",
        f"{plural(len(database.records), 'record')}, {len(database.by_alias)} aliases, "
        f"{plural(len(links), 'link')}, {sum(link.channel for link in links)} of them through Channel Access",
        "  " + ", ".join(f"{count} {rtyp}" for rtyp, count in sorted(types.items())),
    ]
    if server is not None:
        counts = server.statistics
        lines.append(
            f"{plural(counts.clients, 'client')}, {plural(counts.channels, 'channel')}, "
            f"{plural(counts.monitors, 'monitor')}, {plural(counts.puts, 'put')}, "
            f"{plural(counts.events, 'event')}"
        )
    return lines
