"""Channels for a screen in a browser: PV Web Socket's protocol, as far as cs-web-lib speaks it, over libca.

A client asks ``{"type": "subscribe", "pvs": [...]}`` and gets ``{"type": "update", "pv": ..., ...}`` with
each change; ``write`` puts a value and ``clear`` ends a subscription (github.com/ornl-epics/pvws).
"""

from __future__ import annotations

import ast
import asyncio
import json
import math
import operator
import re
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import epics
from websockets.asyncio.server import ServerConnection, serve

SEVERITIES = ("NONE", "MINOR", "MAJOR", "INVALID")
START_SECONDS = 30.0
_SOURCE = re.compile(r"^(ca|eq)://")
_QUOTED = re.compile(r"`([^`]+)`")
_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Subscription:
    """One channel, or one formula of several, for one client."""

    def __init__(self, name: str, tell: Callable[[dict[str, Any]], None]) -> None:
        self.name = name
        self._tell = tell
        expression = _SOURCE.sub("", name)
        names = _QUOTED.findall(expression) if name.startswith("eq://") else [expression]
        self._formula = expression if name.startswith("eq://") else ""
        self._values: dict[str, float] = {}
        self._told = False
        self.names = names
        self.channels = [
            epics.PV(each, form="ctrl", auto_monitor=True, callback=self._changed, count=None)
            for each in names
        ]

    @property
    def connected(self) -> bool:
        return all(channel.connected for channel in self.channels)

    def put(self, value: Any) -> None:
        self.channels[0].put(value)

    def close(self) -> None:
        for channel in self.channels:
            channel.clear_callbacks()
            channel.disconnect()

    def _changed(self, **changed: Any) -> None:
        if self._formula:
            self._values[changed["pvname"]] = changed["value"]
            if all(name in self._values for name in self.names):
                value = evaluate(self._formula, self._values)
                self._tell({"pv": self.name, "value": value, "severity": "NONE"})
        else:
            self._tell({"pv": self.name, **update(changed)})
            if not self._told:
                # The reader looks for the rights from the second message of a channel on.
                self._tell({"pv": self.name, "readonly": not changed.get("write_access", True)})
                self._told = True


def update(changed: dict[str, Any]) -> dict[str, Any]:
    """What is told of a change that pyepics calls back with."""
    told: dict[str, Any] = {
        "severity": SEVERITIES[int(changed.get("severity") or 0)],
        "seconds": int(changed.get("timestamp") or 0),
    }
    value = changed["value"]
    if changed.get("units"):
        told["units"] = changed["units"]
    if changed.get("precision") is not None:
        told["precision"] = changed["precision"]
    if changed.get("enum_strs"):
        labels = list(changed["enum_strs"])
        told |= {"labels": labels, "value": int(value)}
        told["text"] = labels[int(value)] if int(value) < len(labels) else str(value)
    elif isinstance(value, int):
        told |= {"value": value, "precision": 0}
    elif isinstance(value, str) or changed.get("count", 1) != 1:
        told["text"] = changed.get("char_value") or ""
    else:
        told["value"] = None if isinstance(value, float) and math.isnan(value) else value
    return told


def evaluate(formula: str, values: dict[str, float]) -> float:
    """A formula of channels in back quotes, numbers and the four operators."""

    def of(node: ast.AST) -> float:
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](of(node.left), of(node.right))
        if isinstance(node, ast.Name):
            return values[names[int(node.id[1:])]]
        assert isinstance(node, ast.Constant)
        return float(node.value)

    names = list(dict.fromkeys(_QUOTED.findall(formula)))
    text = _QUOTED.sub(lambda match: f"v{names.index(match.group(1))}", formula)
    return of(ast.parse(text, mode="eval").body)


class Gateway:
    """A server of channels on a port of the loopback, in a thread of its own."""

    def __init__(self) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._subscriptions: dict[tuple[int, str], Subscription] = {}
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway")

    def __enter__(self) -> Gateway:
        epics.ca.initialize_libca()
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the gateway does not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def connected(self) -> set[str]:
        """The channels that clients have subscribed to just now and that are connected."""
        subscriptions = list(self._subscriptions.values())
        return {channel for each in subscriptions if each.connected for channel in each.names}

    def _run(self) -> None:
        epics.ca.use_initial_context()
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with serve(self._client, "127.0.0.1", 0) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._ended.wait()

    async def _client(self, socket: ServerConnection) -> None:
        waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        def tell(message: dict[str, Any]) -> None:
            self._loop.call_soon_threadsafe(waiting.put_nowait, {"type": "update", **message})

        async def send() -> None:
            while True:
                await socket.send(json.dumps(await waiting.get()))

        sender = asyncio.ensure_future(send())
        try:
            async for text in socket:
                self._obey(id(socket), json.loads(text), tell)
        finally:
            sender.cancel()
            for key in [key for key in self._subscriptions if key[0] == id(socket)]:
                self._subscriptions.pop(key).close()

    def _obey(self, client: int, request: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
        for name in request.get("pvs", ()):
            if request["type"] == "subscribe" and (client, name) not in self._subscriptions:
                self._subscriptions[client, name] = Subscription(name, tell)
            elif request["type"] == "clear" and (client, name) in self._subscriptions:
                self._subscriptions.pop((client, name)).close()
        if request["type"] == "write":
            subscription = self._subscriptions.get((client, request["pv"])) or Subscription(
                request["pv"], lambda message: None
            )
            self._subscriptions.setdefault((client, request["pv"]), subscription)
            for channel in subscription.channels:
                channel.wait_for_connection(START_SECONDS)
            subscription.put(request["value"])
