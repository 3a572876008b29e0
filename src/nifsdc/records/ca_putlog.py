"""A line for every write of a client: who, from where, which channel, old and new value.

The lines go to the logger ``nifsdc.putlog``, each a JSON object, so that they can be read by people, filed by
logging's own handlers and searched by programs. Off unless the server is given one.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from .ca_service import Write
from .convert import ConversionError, from_bytes
from .fields import Field

ELEMENTS = 8
"""elements of an array that are written out"""


class PutLog:
    """Writes the lines; give it to a server as ``put_log``.

    Args:
        logger: where they go.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("nifsdc.putlog")
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)  # who asks for a put log gets it, however quiet the rest is

    def __call__(self, write: Write) -> None:
        """Log a write that was done or refused."""
        self._logger.info("%s", json.dumps(entry(write), ensure_ascii=True))


def entry(write: Write) -> dict[str, object]:
    """What is logged of a write.

    Returns:
        ``user``, ``host`` (as the client says), ``address``, ``pv``, ``old``, ``new`` (text as a client sees
        it, of arrays the first elements and their number), and ``refused`` with the reason when it was.
    """
    peer, field = write.peer, write.field
    found: dict[str, object] = {
        "user": peer.user,
        "host": peer.host,
        "address": f"{peer.address}:{peer.port}",
        "pv": field.pvname,
        "old": _shown(field, write.before),
        "new": _shown(field, write.value, written=True),
    }
    if write.refused:
        found["refused"] = write.refused
    return found


def _shown(field: Field, value: Any, *, written: bool = False) -> object:
    if isinstance(value, bytes):  # what could not be read as a value
        return from_bytes(value[:40])
    if not isinstance(value, (str, int, float)):
        head = [_shown(field, each, written=written) for each in list(value[:ELEMENTS])]
        return {"elements": len(value), "first": head}
    try:
        return field.format(field.record.convert(field, value) if written and field.count == 1 else value)  # type: ignore[arg-type]
    except (ConversionError, IndexError):
        return str(value)
