"""Channels: how Channel Access sees the fields of a database. A mapping from names, made on demand.

``rec``, ``rec.VAL``, ``rec.FIELD``, aliases of the record in all of them, and a trailing ``$`` for the
long-string variant of a string, link or menu field.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np

from .ca_convert import NATIVE, SIZES, Dbr, text_bytes, unpack, unpack_array
from .ca_dbr import (
    CLASS_NAME,
    Encoder,
    array_encoder,
    class_name_encoder,
    is_text,
    long_string_encoder,
    scalar_encoder,
    split_type,
)
from .ca_large import Payload
from .ca_wire import payload_text
from .convert import ConversionError
from .database import Database
from .fields import Field
from .types import FieldType, Scalar, Value

log = logging.getLogger("nifsdc.ca")

LABEL_SIZE = 40
"""elements of the ``$`` channel of a menu field"""
NEVER_COALESCED = {
    "cad": frozenset({"MARK", "VAL", "CLID", "ICID", "OCID"}),
    "apply": frozenset({"MARK", "VAL", "CLID"}),
    "car": frozenset({"VAL", "CLID"}),
}
"""fields by record type of which a client must see every event: its command handshake rests on them"""


class Channel:
    """A view of one field: its type and size on the wire, and its encoders.

    Args:
        field: the field.
        long_string: the ``$`` variant: the text as an array of CHAR.
    """

    __slots__ = ("_cut", "_encoders", "count", "field", "keep_all", "long_string", "name", "native")

    def __init__(self, field: Field, *, long_string: bool = False) -> None:
        self.field = field
        self.long_string = long_string
        self.name = field.pvname + ("$" if long_string else "")
        self.native = Dbr.CHAR if long_string else NATIVE[field.dbr]
        self.count = self._long_size() if long_string else max(1, field.count)
        self.keep_all = field.name in NEVER_COALESCED.get(field.record.rtyp, ())
        self._encoders: dict[tuple[int, int], Encoder] = {}
        self._cut = False

    def _long_size(self) -> int:
        return self.field.size if self.field.dbr is FieldType.STRING else LABEL_SIZE

    @property
    def largest_write(self) -> int:
        """Bytes of the largest write request that makes sense: every element as a string."""
        return 40 * self.count + 8

    def encoder(self, dbr: int, count: int) -> Encoder:
        """Encoder for requests of structure ``dbr`` and ``count`` elements (0: as many as there are).

        Raises:
            ConversionError: the structure does not exist or does not suit a long string.
        """
        count = min(count, self.count)
        key = (dbr, count)
        encoder = self._encoders.get(key)
        if encoder is None:
            encoder = self._make_encoder(dbr, count)
            if count in (0, 1, self.count):  # what clients ask for; a hostile one cannot fill the table
                self._encoders[key] = encoder
        return encoder

    def _make_encoder(self, dbr: int, count: int) -> Encoder:
        if dbr == CLASS_NAME:
            return class_name_encoder(self.field)
        family, wire = split_type(dbr)
        if self.long_string:
            return long_string_encoder(self.field, self._long_text, family, wire, count)
        encode = (
            scalar_encoder(self.field, family, wire)
            if self.count == 1
            else array_encoder(self.field, family, wire, count)
        )
        return self._reporting(encode) if self._may_be_cut(wire) else encode

    def _may_be_cut(self, wire: Dbr) -> bool:
        return (
            wire is Dbr.STRING
            and self.field.dbr is FieldType.STRING
            and self.count == 1
            and self.field.size > 40
        )

    def _reporting(self, encode: Encoder) -> Encoder:
        """Say once per channel when a text did not fit the 39 bytes of an EPICS string."""

        def encode_reporting(value: Value, stat: int, sevr: int, time: float) -> tuple[int, Payload]:
            if not self._cut and len(text_bytes(str(value), 40)) > 39:
                self._cut = True
                log.warning(
                    "%s: text cut to 39 bytes for a client; the whole of it is in %s$", self.name, self.name
                )
            return encode(value, stat, sevr, time)

        return encode_reporting

    def _long_text(self, value: Value) -> bytes:
        return text_bytes(self.field.format(value), self.count - 1)  # type: ignore[arg-type]  # a scalar: is_text

    def read(self, dbr: int, count: int) -> tuple[int, Payload]:
        """Present value as (number of elements, payload).

        Raises:
            ConversionError: no such structure, or the value has no form in it.
        """
        field = self.field
        return self.encoder(dbr, count)(field.value, field.stat, field.sevr, field.timestamp)

    def decode(self, dbr: int, count: int, payload: bytes) -> object:
        """Value of a write request for ``Database.put``: a scalar, a tuple for an array, a text for ``$``.

        Raises:
            ConversionError: not a plain type, no elements, or fewer bytes than announced.
        """
        family, wire = split_type(dbr)
        if family:
            raise ConversionError(
                f"data type {dbr} cannot be written; expected one of the plain types 0 to 6"
            )
        if self.long_string:
            return self._decode_text(wire, count, payload)
        if self.count == 1 and count < 1:
            raise ConversionError("a write of no elements; expected one")
        if wire is not Dbr.STRING and isinstance(self.field.value, np.ndarray):
            return unpack_array(wire, min(count, self.count), payload, self.field.dbr)
        values = unpack(
            wire, min(count, self.count), payload, unsigned_char=self.field.dbr is FieldType.UCHAR
        )
        return values[0] if self.count == 1 else tuple(values)

    def _decode_text(self, wire: Dbr, count: int, payload: bytes) -> Scalar:
        if wire not in (Dbr.CHAR, Dbr.STRING):
            raise ConversionError(f"a long-string channel is written as CHAR or STRING, not as {wire.name}")
        text = payload_text(payload[: count * SIZES[wire]])
        fits = text_bytes(text, self.count - 1).decode("utf-8", "surrogateescape")
        if fits != text and not self._cut:
            self._cut = True
            log.warning("%s: a written text of %d characters was cut to %d", self.name, len(text), len(fits))
        return fits


class Channels(Mapping[str, Channel]):
    """All channels of a database by name, each made when it is first asked for and then kept.

    Unknown names leave no trace. ``rec`` and ``rec.VAL`` and all aliases of a field are one channel.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: dict[tuple[Field, bool], Channel] = {}

    def find(self, name: str) -> Channel | None:
        """Return the channel called ``name``, or None when the database has no such field."""
        long_string = name.endswith("$")
        base = name[:-1] if long_string else name
        try:
            field = self._database.find(base.removesuffix("."))
        except ValueError:
            return None
        if field is None or field.dbr not in NATIVE:
            return None
        channel = self._made.get((field, long_string))
        if channel is None:
            if long_string and not is_text(field):
                return None
            channel = self._made[field, long_string] = Channel(field, long_string=long_string)
        return channel

    def exists(self, name: str) -> bool:
        """Tell whether ``find`` would find it; keeps nothing, whatever clients search for."""
        long_string = name.endswith("$")
        base = (name[:-1] if long_string else name).removesuffix(".")
        record_name, _, field_name = base.partition(".")
        database = self._database
        record = database.records.get(record_name) or database.by_alias.get(record_name)
        if record is None:
            return False
        spec = record.type.fields.get(field_name or "VAL")
        if spec is None or not record.accessible(spec.name):
            return False
        field = record.handles.get(spec.name) or Field(record, spec, record.native_type(spec))
        return field.dbr in NATIVE and (not long_string or is_text(field))

    def __getitem__(self, name: str) -> Channel:
        channel = self.find(name)
        if channel is None:
            raise KeyError(name)
        return channel

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.exists(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._database.names())

    def __len__(self) -> int:
        return sum(1 for _ in self._database.names())
