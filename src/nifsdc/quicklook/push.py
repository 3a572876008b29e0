"""The newest image of a channel, taken over PVAccess and pushed to SAMP clients."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p4p import Value
from p4p.client.thread import Context, Disconnected

from nifsdc.quicklook.image_file import write_image
from nifsdc.quicklook.samp import Hub, SampError

LOG = logging.getLogger("nifsdc.quicklook")

APPLICATION = "nifsdc"


class Newest:
    """The newest image of a channel: each one passes over those before it that nobody took."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._value: Value | None = None
        self._connected = False

    def put(self, value: object) -> None:
        """Take what the channel gives; from PVAccess' thread."""
        if isinstance(value, Disconnected):
            if self._connected:  # it is told once before the first connection, too
                LOG.warning("the channel is disconnected")
            self._connected = False
        elif isinstance(value, Exception):
            LOG.warning("the channel says: %s", value)
        else:
            with self._arrived:
                self._connected = True
                self._value = value
                self._arrived.notify_all()

    def get(self, seconds: float) -> Value | None:
        """Return an image that was not returned before, or None when none comes in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._value is not None, seconds)
            value, self._value = self._value, None
            return value


@contextmanager
def watched(channel: str) -> Iterator[Newest]:
    """Watch a channel of images, found by the usual EPICS environment."""
    newest = Newest()
    with Context("pva", nt=False) as context:
        subscription: Any = context.monitor(channel, newest.put, notify_disconnect=True)
        try:
            yield newest
        finally:
            subscription.close()


def push(value: Value, file: Path, viewer: str = "") -> list[str]:
    """Have SAMP clients show an image, and return their names.

    Parameters
    ----------
    value
        an NTNDArray
    file
        FITS file to put it into, for them to read
    viewer
        name of the one client that is meant; empty for all that show images

    Raises
    ------
    SampError
        when there is no hub, no such client, or none that could show it
    ValueError, OSError
        as of `write_image`
    """
    title = write_image(value, file)
    with Hub.connect(APPLICATION) as hub:
        viewers = hub.viewers(viewer)
        if not viewers:
            raise SampError(f"no SAMP client {viewer or 'that shows images'} is there: start DS9, for one")
        shown, failed = [], []
        for each in viewers:
            try:
                hub.show(each, file, title)
                shown.append(each.name)
            except SampError as error:
                failed.append(str(error))
    for text in failed:
        LOG.warning("%s", text)
    if not shown:
        raise SampError("; ".join(failed))
    return shown
