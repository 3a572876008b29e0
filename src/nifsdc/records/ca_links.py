"""Links to records of other servers: their client, on EPICS base's own library (libca).

A thread of its own speaks to libca, as in a C IOC (dbCa): a server that hangs keeps no record waiting. What
arrives is handed to the thread that owns the database. libca searches, reconnects and notices servers that
are gone (EPICS_CA_ADDR_LIST, EPICS_CA_CONN_TMO and the rest of its environment).
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any

from .convert import clip, to_bytes
from .database import Database
from .links import Link
from .spec import LinkKind
from .types import STRING_SIZE, Scalar, Value

log = logging.getLogger("nifsdc.links")

WRITE_SECONDS = 5.0
"""how long a value may wait to be sent before its link counts as failed"""
CLOSE_SECONDS = 2.0
_LONG_MAX = 2**31


@dataclass
class _Remote:
    """A field of another server, as the database's thread knows it."""

    name: str
    links: list[Link] = field(default_factory=list)
    connected: bool = False
    writable: bool = False
    text: str | None = None
    """label of an ENUM's newest value"""
    unsent: Scalar | None = None
    unsent_since: float = 0.0


@dataclass
class _Channel:
    """The same as the thread that speaks to libca knows it."""

    chid: Any
    subscriptions: list[Any] = field(default_factory=list)


class ExternalLinks:
    """Connects the links of a database that lead to other servers.

    Args:
        database: made with ``allow_external``.
        call: has a function run on the database's thread (``CaServer.call``).

    All methods are called on the database's thread.
    """

    def __init__(self, database: Database, call: Callable[[Callable[[], None]], None]) -> None:
        self._links = database.links
        self._call = call
        self._remotes: dict[str, _Remote] = {}
        self._client: _Client | None = None

    def start(self) -> None:
        """Connect the links there are, and from now on those that puts make. The first one loads libca."""
        self._links.on_external_put(self._write)
        self._links.on_external_made(self._made)
        for link in self._links.external():
            self._add(link)

    def close(self) -> None:
        """Give up all connections and end the thread."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def disconnected(self) -> list[str]:
        """Names that no server has answered for, or that are gone."""
        return [remote.name for remote in self._remotes.values() if not remote.connected]

    def _made(self, old: Link | None, new: Link) -> None:
        if old is not None and old.external:
            self._remove(old)
        if new.external:
            self._add(new)

    def _add(self, link: Link) -> None:
        if link.kind is LinkKind.FORWARD and not link.text.target.endswith(".PROC"):
            log.warning(
                "%s.%s: a forward link to another server does nothing but to a .PROC field; %s is none",
                *(link.record.name, link.name, link.text.target),
            )
            return
        remote = self._remotes.get(link.text.target)
        if remote is None:
            remote = self._remotes[link.text.target] = _Remote(link.text.target)
            if self._client is None:
                self._client = _Client(self)
            self._client.do(partial(self._client.open, remote.name))
        elif remote.connected and self._client is not None:
            self._client.do(partial(self._client.refresh, remote.name))
        remote.links.append(link)

    def _remove(self, link: Link) -> None:
        remote = self._remotes.get(link.text.target)
        if remote is None or link not in remote.links:
            return
        remote.links.remove(link)
        if not remote.links and self._client is not None:
            del self._remotes[remote.name]
            self._client.do(partial(self._client.forget, remote.name))

    # --- what the client tells, by way of ``call``
    def tell(self, what: Callable[..., None], name: str, *arguments: Any) -> None:
        """Have one of the methods below run on the database's thread, if the name is still of interest."""

        def run() -> None:
            remote = self._remotes.get(name)
            if remote is not None:
                what(remote, *arguments)

        self._call(run)

    def connected(self, remote: _Remote, writable: bool) -> None:
        """A server has answered."""
        if not remote.connected:
            log.info("connected to %s", remote.name)
        remote.connected = True
        self.allowed(remote, writable)

    def allowed(self, remote: _Remote, writable: bool) -> None:
        """A server lets us write, or no longer."""
        remote.writable = writable and remote.connected
        for link in remote.links:
            if link.kind is not LinkKind.INPUT:
                link.connected = remote.writable

    def disconnected_from(self, remote: _Remote) -> None:
        """The server is gone: what links read and write raises LINK_ALARM until it is back."""
        log.warning("disconnected from %s", remote.name)
        remote.connected, remote.unsent = False, None
        for link in tuple(remote.links):
            self._links.external_event(link, None)

    def labelled(self, remote: _Remote, text: str) -> None:
        """The label of the value that comes next."""
        remote.text = text

    def arrived(self, remote: _Remote, value: Value, stat: int, sevr: int) -> None:
        """A value."""
        for link in tuple(remote.links):
            if link.kind is LinkKind.INPUT:
                self._links.external_event(link, value, stat, sevr, remote.text)

    def sent(self, remote: _Remote, value: Scalar) -> None:
        """A value has gone out; a newer one that came meanwhile goes next."""
        if remote.unsent is not value:
            self._send(remote)
        remote.unsent = None if remote.unsent is value else remote.unsent

    # --- writing
    def _write(self, link: Link, value: Scalar) -> bool:
        remote = self._remotes.get(link.text.target)
        if remote is None or not (remote.connected and remote.writable):
            return False
        waiting = remote.unsent is not None
        if waiting and time.monotonic() - remote.unsent_since > WRITE_SECONDS:
            return False
        remote.unsent = value
        if not waiting:
            self._send(remote)
        return True

    def _send(self, remote: _Remote) -> None:
        if self._client is not None and remote.unsent is not None:
            remote.unsent_since = time.monotonic()
            self._client.do(partial(self._client.send, remote.name, remote.unsent))


class _Client:
    """The thread that speaks to libca; ``do`` is called from outside, all else on it."""

    def __init__(self, owner: ExternalLinks) -> None:
        from epics import ca, dbr  # brings libca, which a database without such links does not need

        self._ca, self._dbr = ca, dbr
        self._owner = owner
        self._channels: dict[str, _Channel] = {}
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        if ca.libca is None:
            ca.initialize_libca()
        self._thread = threading.Thread(target=self._run, name="links to other servers", daemon=True)
        self._thread.start()

    def do(self, action: Callable[[], None]) -> None:
        """Have something done on the thread, in the order of the calls."""
        self._work.put(action)

    def close(self) -> None:
        """Give up all channels and end the thread."""
        for name in list(self._channels):
            self.do(partial(self.forget, name))
        self._work.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        self._ca.use_initial_context()
        while (action := self._work.get()) is not None:
            try:
                action()
                if self._work.empty():
                    self._ca.flush_io()
            except self._ca.ChannelAccessException as problem:
                log.warning("Channel Access to another server: %s", problem)
            except Exception:
                log.exception("a link to another server failed")
        self._ca.detach_context()

    # --- channels
    def open(self, name: str) -> None:
        """Look for a name."""
        chid = self._ca.create_channel(name, callback=partial(self._changed, name))
        self._channels[name] = _Channel(chid)
        self._ca.replace_access_rights_event(chid, callback=partial(self._rights, name))

    def forget(self, name: str) -> None:
        """Look for a name no longer."""
        channel = self._channels.pop(name, None)
        if channel is not None:
            self._ca.clear_channel(channel.chid)

    def _changed(self, name: str, conn: bool = False, **_: Any) -> None:
        """libca's thread: a server has answered, or is gone."""
        if conn:
            self.do(partial(self._connected, name))
        else:
            self._owner.tell(self._owner.disconnected_from, name)

    def _connected(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        self._owner.tell(self._owner.connected, name, bool(self._ca.write_access(channel.chid)))
        if not channel.subscriptions:
            self._subscribe(name, channel)

    def refresh(self, name: str) -> None:
        """Have everything of a connected channel told again, for a link that came later."""
        channel = self._channels.get(name)
        if channel is not None and self._ca.isConnected(channel.chid):
            for subscription in channel.subscriptions:
                self._ca.clear_subscription(subscription[2])
            channel.subscriptions.clear()
            self._connected(name)

    def _rights(self, name: str, read_access: bool = False, write_access: bool = False) -> None:
        """libca's thread: what we may do has changed."""
        self._owner.tell(self._owner.allowed, name, bool(write_access))

    def _subscribe(self, name: str, channel: _Channel) -> None:
        native = self._ca.field_type(channel.chid)
        if native == self._dbr.ENUM:  # the label comes first, for the value's event to find it
            self._monitor(channel, self._dbr.TIME_STRING, partial(self._label, name))
        self._monitor(channel, self._dbr.TIME_STRING + native, partial(self._value, name))

    def _monitor(self, channel: _Channel, ftype: int, callback: Callable[..., None]) -> None:
        mask = self._dbr.DBE_VALUE | self._dbr.DBE_ALARM
        channel.subscriptions.append(
            self._ca.create_subscription(channel.chid, ftype=ftype, mask=mask, callback=callback)
        )

    def _label(self, name: str, value: object = "", **_: Any) -> None:
        """libca's thread."""
        self._owner.tell(self._owner.labelled, name, str(value))

    def _value(self, name: str, value: object = None, status: int = 0, severity: int = 0, **_: Any) -> None:
        """libca's thread."""
        tolist = getattr(value, "tolist", None)
        plain: Any = tolist() if callable(tolist) else value
        self._owner.tell(
            self._owner.arrived,
            name,
            tuple(plain) if isinstance(plain, list) else plain,
            int(status),
            int(severity),
        )

    # --- writing
    def send(self, name: str, value: Scalar) -> None:
        """Write, and tell when the value has gone out; nothing waits for the server to have taken it."""
        channel = self._channels.get(name)
        if channel is None:
            return
        dbr, data = self._encode(value)
        try:
            status = self._ca.libca.ca_array_put(dbr, 1, channel.chid, ctypes.byref(data))
            self._ca.flush_io()
        finally:
            self._owner.tell(self._owner.sent, name, value)
        if status != self._dbr.ECA_NORMAL:
            log.warning("%s was not written: %s", name, self._ca.message(status))

    def _encode(self, value: Scalar) -> tuple[int, Any]:
        if isinstance(value, str):
            return self._dbr.STRING, ctypes.create_string_buffer(to_bytes(clip(value)), STRING_SIZE)
        if isinstance(value, float) or not -_LONG_MAX <= value < _LONG_MAX:
            return self._dbr.DOUBLE, ctypes.c_double(value)
        return self._dbr.LONG, ctypes.c_int32(value)
