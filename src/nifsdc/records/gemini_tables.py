"""The fields of Gemini's record types cad, apply, car, sir and genSub, beside those that every record has.

Names, types, defaults and access are those of Gemini's record definitions, as far as a client can see them.
"""

from __future__ import annotations

from collections.abc import Mapping

_CAD = """
VERS  DOUBLE =4.0 nomod
VAL   LONG nomod
SNAM  STRING nomod
SADR  LONG nomod
INAM  STRING nomod
DIR   MENU:menuDirective pp
ODIR  MENU:menuDirective nomod
MFLG  MENU:cadMFLG nomod
BASE  LONG nomod
ICID  LONG
MESS  STRING
OMSS  STRING
CTYP  SHORT =20 nomod
PREC  SHORT =5 prop
MLNK  FWDLINK nomod
CLNK  FWDLINK nomod
PLNK  FWDLINK nomod
STLK  FWDLINK nomod
SPLK  FWDLINK nomod
OCID  LONG
OSIM  MENU:menuSimulation
NARG  SHORT
MARK  SHORT
ERSV  MENU:menuAlarmSevr pp
SIOL  INLINK nomod
SVAL  LONG
SIML  INLINK nomod
SIMM  MENU:menuSimulation
SIMS  MENU:menuAlarmSevr
INP{A-T}  INLINK nomod
OUT{A-T}  OUTLINK nomod
{A-T}     STRING special
VAL{A-T}  STRING dynamic
OLD{A-T}  STRING dynamic
FTV{A-T}  MENU:menuFtype nomod
"""

_APPLY = """
VERS  DOUBLE =4.0 nomod
STTE  MENU:menuApplyState nomod
NPRC  LONG nomod
STFG  LONG nomod
MARK  SHORT nomod
LPRO  LONG nomod
TOP   LONG nomod
TOUT  FLOAT
VAL   LONG
DIR   MENU:menuDirective pp special
CLID  LONG special
MESS  STRING
OMSS  STRING nomod
OUT{A-T}  OUTLINK nomod
OCL{A-T}  OUTLINK nomod
INP{A-T}  INLINK nomod
INM{A-T}  INLINK nomod
"""

_CAR = """
VERS  DOUBLE =4.0 nomod
VAL   MENU:menuCarstates nomod
CLID  LONG nomod
OMSS  STRING
OERR  LONG
IVAL  MENU:menuCarstates pp
ICID  INLINK nomod
IMSS  STRING
IERR  LONG
AVAL  LONG
MVAL  LONG
ACID  LONG
MCID  LONG
AMSS  STRING
MMSS  STRING
AERR  LONG
MERR  LONG
ERSV  MENU:menuAlarmSevr pp
SIOL  INLINK nomod
SVAL  LONG
SIML  INLINK nomod
SIMM  MENU:menuSimulation
SIMS  MENU:menuAlarmSevr
"""

_SIR = """
VERS  DOUBLE =4.0 nomod
INP   INLINK nomod
IMSS  STRING
FDSC  STRING
FTVL  MENU:menuFtype nomod
EGU   STRING prop
VAL   STRING dynamic pp
RVAL  STRING dynamic pp
NELM  ULONG =1 nomod
NORD  ULONG nomod
OMSS  STRING
SNAM  STRING nomod
SADR  LONG nomod
PREC  SHORT prop
AMSS  STRING
MMSS  STRING
LALM  DOUBLE nomod
HIHI  FLOAT pp prop
LOLO  FLOAT pp prop
HIGH  FLOAT pp prop
LOW   FLOAT pp prop
BRSV  MENU:menuAlarmSevr pp
HHSV  MENU:menuAlarmSevr pp prop
LLSV  MENU:menuAlarmSevr pp prop
HSV   MENU:menuAlarmSevr pp prop
LSV   MENU:menuAlarmSevr pp prop
HYST  DOUBLE
ADEL  DOUBLE
MDEL  DOUBLE
SIOL  INLINK nomod
SVAL  STRING dynamic pp
SIML  INLINK nomod
SIMM  MENU:menuSimulation
SIMS  MENU:menuAlarmSevr
"""

_GENSUB = """
VERS  DOUBLE =4.0 nomod
VAL   LONG
OVAL  LONG nomod
PREC  SHORT prop
LFLG  MENU:genSubLFLG
EFLG  MENU:genSubEFLG =ON_CHANGE
SUBL  INLINK nomod
INAM  STRING nomod
SNAM  STRING special
ONAM  STRING nomod
SADR  LONG nomod
BRSV  MENU:menuAlarmSevr pp
INP{A-U}  INLINK nomod
OUT{A-U}  OUTLINK nomod
{A-U}     STRING dynamic
VAL{A-U}  STRING dynamic
OVL{A-U}  STRING dynamic
FT{A-U}   MENU:menuFtype =DOUBLE nomod
FTV{A-U}  MENU:menuFtype =DOUBLE nomod
UF{A-U}   STRING nomod
UFV{A-U}  STRING nomod
NO{A-U}   ULONG =1 nomod
NOV{A-U}  ULONG =1 nomod
"""

GEMINI_TABLES: Mapping[str, str] = {
    "cad": _CAD,
    "apply": _APPLY,
    "car": _CAR,
    "sir": _SIR,
    "genSub": _GENSUB,
}
"""Tables for `spec.record_type`, by name of the record type."""
