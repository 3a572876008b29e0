"""The fields of every record type this engine knows.

Names, types, defaults and access are those of EPICS 7 base, as far as a client can see them; Gemini's own
record types are in `gemini_tables`. Pointers and other inner matter of C are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .gemini_tables import GEMINI_TABLES
from .spec import RecordType, parse_table, record_type

COMMON = parse_table("""
NAME  STRING:61 nomod
RTYP  STRING nomod
DESC  STRING:41
ASG   STRING:29
SCAN  MENU:menuScan scan
PINI  MENU:menuPini
PHAS  SHORT scan
EVNT  STRING scan
TSE   SHORT
TSEL  INLINK
DTYP  DEVICE
DISV  SHORT =1
DISA  SHORT
SDIS  INLINK
DISP  UCHAR
PROC  UCHAR pp
STAT  MENU:menuAlarmStat =UDF nomod
SEVR  MENU:menuAlarmSevr nomod
AMSG  STRING nomod
NSTA  MENU:menuAlarmStat nomod
NSEV  MENU:menuAlarmSevr nomod
NAMSG STRING nomod
ACKS  MENU:menuAlarmSevr nomod
ACKT  MENU:menuYesNo =YES nomod
DISS  MENU:menuAlarmSevr
LCNT  UCHAR nomod
PACT  UCHAR nomod
PUTF  UCHAR nomod
RPRO  UCHAR nomod
PRIO  MENU:menuPriority scan
TPRO  UCHAR
UDF   UCHAR =1 pp
UDFS  MENU:menuAlarmSevr =INVALID
TIME  DOUBLE nomod
UTAG  UINT64 nomod
FLNK  FWDLINK
""")

_SEQ = """
VAL   LONG pp
SELM  MENU:selectMode
SELN  USHORT =1
SELL  INLINK
OFFS  SHORT
SHFT  SHORT =-1
OLDN  USHORT
PREC  SHORT prop
DLY{0-9} DOUBLE
DLY{A-F} DOUBLE
DOL{0-9} INLINK
DOL{A-F} INLINK
DO{0-9}  DOUBLE
DO{A-F}  DOUBLE
LNK{0-9} OUTLINK
LNK{A-F} OUTLINK
"""

_FANOUT = """
VAL   LONG pp
SELM  MENU:selectMode
SELN  USHORT =1
SELL  INLINK
OFFS  SHORT
SHFT  SHORT =-1
LNK{0-9} FWDLINK
LNK{A-F} FWDLINK
"""

_ALARM_LIMITS = """
HIHI  {t} pp prop
LOLO  {t} pp prop
HIGH  {t} pp prop
LOW   {t} pp prop
HHSV  MENU:menuAlarmSevr pp prop
LLSV  MENU:menuAlarmSevr pp prop
HSV   MENU:menuAlarmSevr pp prop
LSV   MENU:menuAlarmSevr pp prop
HYST  {t}
ADEL  {t}
MDEL  {t}
LALM  {t} nomod
ALST  {t} nomod
MLST  {t} nomod
"""

_RANGE = """
EGU   STRING:16 prop
HOPR  {t} prop
LOPR  {t} prop
"""

_SIMULATED = """
SIML  INLINK
SIMM  MENU:{m} special
SIMS  MENU:menuAlarmSevr
SDLY  DOUBLE =-1.0
"""

_OUTPUT = """
OUT   OUTLINK
OMSL  MENU:menuOmsl
DOL   INLINK
IVOA  MENU:menuIvoa
SIOL  OUTLINK
"""

_CALC = """
VAL   DOUBLE
CALC  STRING:160 =0 pp special
INP{A-U} INLINK
{A-U}    DOUBLE pp
L{A-U}   DOUBLE nomod
PREC  SHORT prop
"""

_AI = """
VAL   DOUBLE pp
INP   INLINK
PREC  SHORT prop
LINR  MENU:menuConvert pp
EGUF  DOUBLE pp
EGUL  DOUBLE pp
AOFF  DOUBLE pp
ASLO  DOUBLE =1.0 pp
SMOO  DOUBLE
ESLO  DOUBLE =1.0 pp
EOFF  DOUBLE pp
ROFF  ULONG pp
RVAL  LONG pp
ORAW  LONG nomod
INIT  SHORT nomod
SIOL  INLINK
SVAL  DOUBLE
"""

_AO = """
VAL   DOUBLE pp
OVAL  DOUBLE
OROC  DOUBLE
OIF   MENU:aoOIF
PREC  SHORT prop
LINR  MENU:menuConvert pp
EGUF  DOUBLE pp
EGUL  DOUBLE pp
AOFF  DOUBLE pp
ASLO  DOUBLE =1.0 pp
ESLO  DOUBLE =1.0 pp
EOFF  DOUBLE pp
ROFF  ULONG pp
DRVH  DOUBLE pp prop
DRVL  DOUBLE pp prop
RVAL  LONG pp
ORAW  LONG nomod
RBV   LONG nomod
ORBV  LONG nomod
PVAL  DOUBLE nomod
IVOV  DOUBLE
"""

_TWO_STATES = """
ZNAM  STRING:26 pp prop
ONAM  STRING:26 pp prop
ZSV   MENU:menuAlarmSevr pp prop
OSV   MENU:menuAlarmSevr pp prop
COSV  MENU:menuAlarmSevr pp prop
MASK  ULONG nomod
RVAL  ULONG pp
ORAW  ULONG nomod
LALM  USHORT nomod
MLST  USHORT nomod
"""

STATE_PREFIXES = (
    "ZR",
    "ON",
    "TW",
    "TH",
    "FR",
    "FV",
    "SX",
    "SV",
    "EI",
    "NI",
    "TE",
    "EL",
    "TV",
    "TT",
    "FT",
    "FF",
)
"""First letters of the sixteen states' fields of mbbi and mbbo: ZRST, ONST ... FFST."""

_SIXTEEN_STATES = (
    "".join(
        f"{p}VL ULONG special pp\n{p}ST STRING:26 special pp prop\n{p}SV MENU:menuAlarmSevr pp prop\n"
        for p in STATE_PREFIXES
    )
    + """
NOBT  USHORT nomod
SHFT  USHORT
MASK  ULONG nomod
RVAL  ULONG pp
ORAW  ULONG nomod
UNSV  MENU:menuAlarmSevr pp prop
COSV  MENU:menuAlarmSevr pp prop
SDEF  SHORT nomod
LALM  USHORT nomod
MLST  USHORT nomod
"""
)

_WAVEFORM = """
VAL   DOUBLE pp special dynamic
RARM  SHORT pp
PREC  SHORT prop
INP   INLINK
EGU   STRING:16 prop
HOPR  DOUBLE prop
LOPR  DOUBLE prop
NELM  ULONG =1 nomod
FTVL  MENU:menuFtype nomod
BUSY  SHORT nomod
NORD  ULONG nomod
SIOL  INLINK
MPST  MENU:waveformPOST
APST  MENU:waveformPOST
HASH  ULONG
"""
_LABELLED_OUT = "RBV ULONG nomod\nORBV ULONG nomod\nIVOV USHORT\n"
_LABELLED_IN = "INP INLINK\nSIOL INLINK\nSVAL ULONG\n"


def _table(text: str, **words: str) -> str:
    """Fill ``{t}`` (a type) and ``{m}`` (a menu) in; lettered rows use the same braces, so by replacement."""
    for key, word in words.items():
        text = text.replace("{" + key + "}", word)
    return text.strip() + "\n"


def _numeric(dbf: str) -> str:
    return _table(_ALARM_LIMITS, t=dbf) + _table(_RANGE, t=dbf)


_NO_YES = _table(_SIMULATED, m="menuYesNo")
_WITH_RAW = _table(_SIMULATED, m="menuSimm")

_TABLES: Mapping[str, str] = {
    **GEMINI_TABLES,
    "seq": _SEQ,
    "fanout": _FANOUT,
    "calc": _numeric("DOUBLE") + _CALC,
    "ai": _numeric("DOUBLE") + _WITH_RAW + _AI,
    "ao": _numeric("DOUBLE") + _NO_YES + _table(_OUTPUT) + _AO,
    "longin": _numeric("LONG") + _NO_YES + "VAL LONG pp\nINP INLINK\nSIOL INLINK\nSVAL LONG\n",
    "longout": _numeric("LONG")
    + _NO_YES
    + _table(_OUTPUT)
    + "VAL LONG pp\nDRVH LONG pp prop\nDRVL LONG pp prop\nIVOV LONG\n",
    "bi": _WITH_RAW + _table(_TWO_STATES) + _LABELLED_IN + "VAL ENUM pp\n",
    "bo": _NO_YES + _table(_TWO_STATES) + _table(_OUTPUT) + _LABELLED_OUT + "VAL ENUM pp\nHIGH DOUBLE\n",
    "mbbi": _WITH_RAW + _SIXTEEN_STATES + _LABELLED_IN + "VAL ENUM pp\nAFTC DOUBLE\n",
    "mbbo": _NO_YES + _SIXTEEN_STATES + _table(_OUTPUT) + _LABELLED_OUT + "VAL ENUM pp\n",
    "waveform": _NO_YES + _WAVEFORM,
    "stringin": _NO_YES
    + "VAL STRING pp\nOVAL STRING nomod\nINP INLINK\nSIOL INLINK\nSVAL STRING pp\n"
    + "MPST MENU:menuPost\nAPST MENU:menuPost\n",
    "stringout": _NO_YES
    + _table(_OUTPUT)
    + "VAL STRING pp\nOVAL STRING nomod\nIVOV STRING\nMPST MENU:menuPost\nAPST MENU:menuPost\n",
}

RECORD_TYPES: Mapping[str, RecordType] = MappingProxyType(
    {name: record_type(name, COMMON, text) for name, text in _TABLES.items()}
)
"""Every record type by name."""
