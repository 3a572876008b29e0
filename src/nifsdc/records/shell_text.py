"""How a shell shows fields: values, columns and levels of interest as users of an EPICS IOC know them.

Layout and levels are those of EPICS 7 (``dbTest.c``, ``interest`` in its and in Gemini's record definitions).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .fields import Field
from .links import Link
from .record import Record
from .spec import LinkKind
from .types import FieldType, Scalar, Value

LINE = 80
"""characters of a line"""
TAB = 20
"""characters of a column of ``dbpr``"""
VALUE_TAB = 10
"""characters of a column of ``dbgf``"""
HIDDEN = 99
SHOWN_ELEMENTS = 8
"""elements of an array that ``dbpr`` shows"""

_SIMPLE_IN = {0: "VAL SVAL", 2: "SIMS SDLY", 3: "LALM ALST MLST OVAL"}
_LABELLED = {0: "VAL RVAL RBV SVAL", 2: "SIMS SDLY IVOA IVOV", 3: "ORAW ORBV MLST LALM SDEF"}
_GEMINI = {0: "SVAL NORD", 2: "SIMS", 3: "LALM"}
_LEVELS: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "": {
            0: "NAME DESC ASG DISV DISA STAT SEVR AMSG NAMSG TPRO",
            2: "NSTA NSEV ACKS ACKT LCNT TIME",
            3: "PROC UTAG",
            HIDDEN: "RTYP",
        },
        "ai": {0: "VAL RVAL SVAL", 2: "ESLO EOFF ROFF SIMS SDLY", 3: "LALM ALST MLST INIT ORAW"},
        "ao": {
            0: "VAL OVAL RVAL RBV",
            2: "ROFF EOFF ESLO SIMS SDLY IVOA IVOV",
            3: "ORAW ORBV PVAL LALM ALST MLST",
        },
        "longin": _SIMPLE_IN,
        "longout": {0: "VAL", 2: "SIMS SDLY IVOA IVOV", 3: "LALM ALST MLST"},
        "stringin": _SIMPLE_IN,
        "stringout": {0: "VAL", 2: "SIMS SDLY IVOA IVOV", 3: "OVAL"},
        "bi": _LABELLED,
        "bo": _LABELLED,
        "mbbi": _LABELLED,
        "mbbo": _LABELLED,
        "calc": {
            0: "VAL CALC A B C D E F G H I J K L",
            3: "LA LB LC LD LE LF LG LH LI LJ LK LL LALM ALST MLST",
        },
        "seq": {0: "VAL", 4: "OLDN"},
        "fanout": {0: "VAL", 4: "OLDN"},
        "cad": _GEMINI,
        "car": _GEMINI,
        "sir": _GEMINI,
    }
)
"""Fields by level; the empty type stands for all; what is not listed is of level 1."""
_OF_LEVEL = {
    rtyp: {name: level for level, names in levels.items() for name in names.split()}
    for rtyp, levels in _LEVELS.items()
}


def interest(rtyp: str, name: str) -> int:
    """Level of interest of a field: 0 for what everybody looks at, 4 for the inside of a record."""
    common = _OF_LEVEL[""]
    return common[name] if name in common else _OF_LEVEL.get(rtyp, {}).get(name, 1)


def columns(cells: Iterable[str], tab: int = TAB) -> list[str]:
    """Cells in columns of ``tab`` characters; one that is wider takes several, a line has ``LINE``."""
    lines: list[str] = []
    line = ""
    for cell in cells:
        width = (len(cell) // tab + 1) * tab
        if line and len(line) + width > LINE:
            lines.append(line.rstrip())
            line = ""
        line += cell.ljust(width)
    return [*lines, line.rstrip()] if line else lines


def record_lines(record: Record, level: int) -> list[str]:
    """All fields of a record up to a level of interest, in columns, by name."""
    names = sorted(name for name in record.type.fields if interest(record.rtyp, name) <= level)
    fields = [field for name in names if (field := record.field(name)) is not None]
    return columns(f"{field.name:<4}: {field_text(field)}" for field in fields)


def field_text(field: Field) -> str:
    """Present value as ``dbpr`` shows it."""
    if field.spec.link is not None:
        return link_text(field.record.links[field.name])
    if field.name == "TIME":
        return time_text(field.timestamp)
    value = field.value
    if isinstance(value, tuple):
        more = " ..." if len(value) > SHOWN_ELEMENTS else ""
        return f"[{len(value)}] " + " ".join(_plain(field, each) for each in value[:SHOWN_ELEMENTS]) + more
    return _plain(field, value)


def _plain(field: Field, value: Scalar) -> str:
    if isinstance(value, float):
        return f"{value:.{7 if field.dbr is FieldType.FLOAT else 15}g}"
    return field.format(value) if field.dbr is FieldType.MENU else printable(str(value))


def printable(text: str) -> str:
    """Text that disturbs no terminal: control characters and bytes that are no text are written out."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def time_text(seconds: float) -> str:
    """A time stamp in local time, to the microsecond."""
    if seconds <= 0:
        return "<undefined>"
    whole, micro = divmod(round(seconds * 1e6), 1_000_000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(whole)) + f".{micro:06d}"


def link_text(link: Link) -> str:
    """A link with the way it takes: ``CONSTANT 1``, ``DB_LINK rec.A PP NMS``, ``CA_LINK ...``."""
    if link.is_constant:
        return f"CONSTANT {link.constant}".rstrip()
    return f"{'CA' if link.channel else 'DB'}_LINK {link.shown.removesuffix(' CA')}"


def value_lines(field: Field, *, long_string: bool = False) -> list[str]:
    """Type and present value as ``dbgf`` shows them.

    Args:
        field: the field.
        long_string: show it as the ``$`` channel does, an array of characters.
    """
    value: Value = field.value
    if long_string:
        text = field.text
        return columns([f"DBF_CHAR[{len(text.encode('utf-8', 'surrogateescape')) + 1}]: ", _quoted(text)], 10)
    elements = value if isinstance(value, tuple) else (value,)
    shown = FieldType.STRING if field.dbr.is_enum else field.dbr
    size = f"[{len(elements)}]" if isinstance(value, tuple) else ""
    return columns([f"DBF_{shown.value}{size}: ", *(_element(field, each) for each in elements)], VALUE_TAB)


def _element(field: Field, value: Scalar) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return f"{value:.{6 if field.dbr is FieldType.FLOAT else 12}g}"
    if field.dbr.is_enum:
        return _quoted(field.format(value) or str(value))
    bits = {FieldType.CHAR: 8, FieldType.SHORT: 16, FieldType.LONG: 32}.get(field.dbr, 64)
    text = f"{value} = 0x{value & ((1 << bits) - 1):x}"
    if field.dbr is FieldType.CHAR and 32 <= value < 127:
        text += f" = '{chr(value)}'"
    return text


def _quoted(text: str) -> str:
    return '"' + printable(text).replace('"', '\\"') + '"'


def link_lines(links: Iterable[Link]) -> list[str]:
    """Links one a line: field, kind and where it goes."""
    kinds = {LinkKind.INPUT: "INLINK", LinkKind.OUTPUT: "OUTLINK", LinkKind.FORWARD: "FWDLINK"}
    lines = []
    for link in links:
        state = ""
        if link.channel:
            state = "  connected" if link.connected or link.target is not None else "  not connected"
        source = f"{link.record.name}.{link.name}"
        lines.append(f"{source:<32} {kinds[link.kind]:<7} {link_text(link)}{state}")
    return lines
