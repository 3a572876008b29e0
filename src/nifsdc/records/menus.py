"""The menus of EPICS base and of Gemini's records: label tuples by menu name, index = position."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

_SEVERITIES = ("NO_ALARM", "MINOR", "MAJOR", "INVALID")

MENUS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "menuAlarmSevr": _SEVERITIES,
        "menuAlarmStat": (
            "NO_ALARM",
            "READ",
            "WRITE",
            "HIHI",
            "HIGH",
            "LOLO",
            "LOW",
            "STATE",
            "COS",
            "COMM",
            "TIMEOUT",
            "HWLIMIT",
            "CALC",
            "SCAN",
            "LINK",
            "SOFT",
            "BAD_SUB",
            "UDF",
            "DISABLE",
            "SIMM",
            "READ_ACCESS",
            "WRITE_ACCESS",
        ),
        "menuYesNo": ("NO", "YES"),
        "menuSimm": ("NO", "YES", "RAW"),
        "menuPriority": ("LOW", "MEDIUM", "HIGH"),
        "menuPini": ("NO", "YES", "RUN", "RUNNING", "PAUSE", "PAUSED"),
        "menuScan": (
            "Passive",
            "Event",
            "I/O Intr",
            "10 second",
            "5 second",
            "2 second",
            "1 second",
            ".5 second",
            ".2 second",
            ".1 second",
        ),
        "menuFtype": (
            "STRING",
            "CHAR",
            "UCHAR",
            "SHORT",
            "USHORT",
            "LONG",
            "ULONG",
            "INT64",
            "UINT64",
            "FLOAT",
            "DOUBLE",
            "ENUM",
        ),
        "menuOmsl": ("supervisory", "closed_loop"),
        "menuIvoa": ("Continue normally", "Don't drive outputs", "Set output to IVOV"),
        "waveformPOST": ("Always", "On Change"),
        "menuPost": ("On Change", "Always"),
        "menuConvert": (
            "NO CONVERSION",
            "SLOPE",
            "LINEAR",
            "typeKdegF",
            "typeKdegC",
            "typeJdegF",
            "typeJdegC",
            "typeEdegF(ixe only)",
            "typeEdegC(ixe only)",
            "typeTdegF",
            "typeTdegC",
            "typeRdegF",
            "typeRdegC",
            "typeSdegF",
            "typeSdegC",
        ),
        "aoOIF": ("Full", "Incremental"),
        "selectMode": ("All", "Specified", "Mask"),
        "device": ("Soft Channel", "Raw Soft Channel", "Async Soft Channel"),
        "menuDirective": ("MARK", "CLEAR", "PRESET", "START", "STOP"),
        "menuCarstates": ("IDLE", "PAUSED", "BUSY", "ERROR"),
        "menuSimulation": ("NONE", "VSM", "FAST", "FULL"),
        "menuApplyState": ("IN", "OUT"),
        "cadMFLG": ("THREE STATES", "TWO STATES"),
        "genSubLFLG": ("IGNORE", "READ"),
        "genSubEFLG": ("NEVER", "ON CHANGE", "ALWAYS"),
    }
)

SCAN_PERIODS: Mapping[int, float] = MappingProxyType(
    {3: 10.0, 4: 5.0, 5: 2.0, 6: 1.0, 7: 0.5, 8: 0.2, 9: 0.1}
)
"""Seconds by index of menuScan, for the periodic choices."""


class Directive(enum.IntEnum):
    """menuDirective: what an apply or cad record is told to do."""

    MARK = 0
    CLEAR = 1
    PRESET = 2
    START = 3
    STOP = 4


class CarState(enum.IntEnum):
    """menuCarstates: how far a command's action is."""

    IDLE = 0
    PAUSED = 1
    BUSY = 2
    ERROR = 3


class Simulation(enum.IntEnum):
    """menuSimulation: any level but NONE replaces results by the simulated ones."""

    NONE = 0
    VSM = 1
    FAST = 2
    FULL = 3
