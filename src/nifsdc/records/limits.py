"""Alarm limits and deadbands, as the analogue records of EPICS base and the sir record apply them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .fields import AlarmLimits, Limits
from .types import AlarmStatus, FieldType

if TYPE_CHECKING:
    from .record import Record

LIMITS = (
    ("HIHI", "HHSV", AlarmStatus.HIHI, 1),
    ("LOLO", "LLSV", AlarmStatus.LOLO, -1),
    ("HIGH", "HSV", AlarmStatus.HIGH, 1),
    ("LOW", "LSV", AlarmStatus.LOW, -1),
)
"""limit, severity, status, side; in the order they are looked at"""

RANGES = {
    FieldType.CHAR: Limits(-128, 127),
    FieldType.UCHAR: Limits(0, 255),
    FieldType.SHORT: Limits(-32768, 32767),
    FieldType.USHORT: Limits(0, 65535),
    FieldType.LONG: Limits(-2147483648, 2147483647),
    FieldType.ULONG: Limits(0, 4294967295),
    FieldType.FLOAT: Limits(-1e30, 1e30),
    FieldType.DOUBLE: Limits(-1e30, 1e30),
}
"""Display and control range of fields that have none of their own."""


def in_alarm(record: Record, value: float) -> bool:
    """Raise the limit alarm a value is in and keep its limit (LALM) for HYST. False when in none."""
    v = record.v
    last = v["LALM"]
    for limit_name, severity_name, status, side in LIMITS:
        severity = v[severity_name]
        if not severity:
            continue
        limit = v[limit_name]
        inside = side * (value - limit)
        if inside >= 0 or (last == limit and inside >= -v["HYST"]):
            if record.set_alarm(status, severity):
                v["LALM"] = record.type.defaults["LALM"].__class__(limit)
            return True
    return False


def beyond(old: float, new: float, deadband: float) -> bool:
    """Whether a value moved by more than a deadband; to and from NaN and infinity it always did."""
    if math.isfinite(old) and math.isfinite(new):
        return abs(old - new) > deadband
    if math.isnan(old) or math.isnan(new):
        return math.isnan(old) != math.isnan(new) and deadband < math.inf
    return old != new and deadband < math.inf


def alarm_limits(record: Record) -> AlarmLimits:
    """Limits that have a severity; NaN for the others."""
    v = record.v
    hihi, lolo, high, low = (float(v[name]) if v[severity] else math.nan for name, severity, _, _ in LIMITS)
    return AlarmLimits(lolo, low, high, hihi)
