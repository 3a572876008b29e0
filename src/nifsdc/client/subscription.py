"""A subscription of libca that its owner makes and ends.

pyepics' own (``auto_monitor``) are made on libca's thread while a channel connects. What is asked there may
lie unsent for half a minute; and whoever asks for one just then gets two, of which pyepics forgets the first,
and libca later calls what is no more.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_open: set[Subscription] = set()
"""libca calls what it was given until it is told otherwise: one that its owner forgets must not vanish"""


class Subscription:
    """Events of one channel, until closed; to be made and closed by one thread.

    Parameters
    ----------
    name
        the channel's
    callback
        called on libca's thread with ``value`` and more keywords, first for the present value
    timeout
        seconds to wait for the channel

    Raises
    ------
    TimeoutError
        when the channel does not answer in time
    """

    def __init__(self, name: str, callback: Callable[..., None], timeout: float) -> None:
        # Some builds of libca take their addresses when they are loaded: not before it is needed.
        self._ca = importlib.import_module("epics").ca
        channel = self._ca.create_channel(name)
        if not self._ca.connect_channel(channel, timeout=timeout):
            raise TimeoutError(f"{name} does not answer in {timeout:g} s")
        self._subscription: tuple[Any, ...] | None = self._ca.create_subscription(channel, callback=callback)
        _open.add(self)

    def close(self) -> None:
        """End it; no event comes after."""
        if self._subscription is not None:
            self._ca.clear_subscription(self._subscription[2])
            self._subscription = None
            _open.discard(self)
