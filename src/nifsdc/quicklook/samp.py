"""Asking SAMP clients to show an image: the sending half of the Standard Profile (SAMP 1.3, section 4).

A sender needs no server of its own: it calls the hub by XML-RPC, and the hub passes the message on and gives
the answer back. DS9 takes its own message, which loads the image into the frame that is there; with the
general one it opens another frame for each image.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import urllib.request
import xmlrpc.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HUB_SECONDS = 10.0
"""for the hub's own answers"""
SHOW_SECONDS = 30.0
"""for a client to load an image"""
DS9_SET, LOAD_IMAGE = "ds9.set", "image.load.fits"
_PREFIX = "std-lockurl:"
_NO_HUB = "start one (TOPCAT and Aladin bring one; samp_hub of pyvo is one), then DS9 or another client"


class SampError(RuntimeError):
    """There is no hub, or nobody who shows images; the text says what to do."""


@dataclass(frozen=True)
class Viewer:
    """A client of the hub that shows images."""

    identifier: str
    name: str
    message: str
    """the kind of message that it takes"""


class Hub:
    """A connection to the SAMP hub of this user; made by `connect`."""

    def __init__(self, proxy: xmlrpc.client.ServerProxy, key: str) -> None:
        self._proxy = proxy
        self._key = key

    @classmethod
    @contextlib.contextmanager
    def connect(cls, name: str) -> Iterator[Hub]:
        """Be a client of the hub for a while, under a name.

        Raises
        ------
        SampError
            when there is no hub
        """
        where, secret = _locked_by_hub()
        proxy = xmlrpc.client.ServerProxy(where, transport=_Transport())
        with _explained(f"the SAMP hub at {where} does not answer"):
            answer: Any = proxy.samp.hub.register(secret)
            hub = cls(proxy, str(answer["samp.private-key"]))
            hub._call("declareMetadata", {"samp.name": name})
        try:
            yield hub
        finally:
            with contextlib.suppress(SampError):
                hub._call("unregister")

    def viewers(self, name: str = "") -> list[Viewer]:
        """Return who shows images; of that name alone unless it is empty."""
        found: dict[str, Viewer] = {}
        for message in (DS9_SET, LOAD_IMAGE):
            for identifier in self._call("getSubscribedClients", message):
                metadata: Mapping[str, Any] = self._call("getMetadata", identifier)
                called = str(metadata.get("samp.name", identifier))
                if not name or called.casefold() == name.casefold():
                    found.setdefault(identifier, Viewer(identifier, called, message))
        return list(found.values())

    def show(self, viewer: Viewer, file: Path, title: str) -> None:
        """Have a client load a FITS file, and wait until it has.

        Raises
        ------
        SampError
            when it does not answer in time, or says that it cannot
        """
        if viewer.message == DS9_SET:  # braces: a path of any characters is one word of its language
            parameters = {"cmd": f"file {{{file.resolve()}}}"}
        else:
            parameters = {"url": file.resolve().as_uri(), "name": title, "image-id": title}
        message = {"samp.mtype": viewer.message, "samp.params": parameters}
        answer: Mapping[str, Any] = self._call(
            "callAndWait", viewer.identifier, message, str(int(SHOW_SECONDS))
        )
        if answer.get("samp.status") != "samp.ok":
            error = answer.get("samp.error", {})
            raise SampError(f"{viewer.name} does not show it: {error.get('samp.errortxt', answer)}")

    def _call(self, method: str, *arguments: object) -> Any:
        with _explained(f"SAMP hub: {method}"):
            return getattr(self._proxy.samp.hub, method)(self._key, *arguments)


class _Transport(xmlrpc.client.Transport):
    """HTTP with a deadline."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = HUB_SECONDS + SHOW_SECONDS
        return connection


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as error:
        raise SampError(f"{what}: {error.faultString}") from error
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, KeyError, TypeError) as error:
        raise SampError(f"{what}: {error!r}: {_NO_HUB}") from error


def _locked_by_hub() -> tuple[str, str]:
    """Return address and secret of the hub, from the file that it leaves (SAMP 1.3, section 4.2)."""
    given = os.environ.get("SAMP_HUB", "")
    if given and not given.startswith(_PREFIX):
        raise SampError(f"SAMP_HUB is {given!r}; expected {_PREFIX}file:///... or nothing")
    place = given.removeprefix(_PREFIX) or (Path.home() / ".samp").as_uri()
    try:
        with urllib.request.urlopen(place, timeout=HUB_SECONDS) as file:
            lines = file.read().decode("ascii", "replace").splitlines()
    except (OSError, ValueError) as error:
        raise SampError(f"no SAMP hub runs (no {place}): {_NO_HUB}") from error
    entries = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    try:
        return entries["samp.hub.xmlrpc.url"], entries["samp.secret"]
    except KeyError as error:
        raise SampError(f"{place} does not say {error}: {_NO_HUB}") from error
