"""Which class processes which record type."""

from __future__ import annotations

from collections.abc import Mapping

from .analog import AiRecord, AoRecord, LonginRecord, LongoutRecord
from .apply import ApplyRecord
from .cad import CadRecord
from .calc import CalcRecord
from .car import CarRecord
from .gensub import GenSubRecord
from .labelled import BiRecord, BoRecord, MbbiRecord, MbboRecord
from .record import Record
from .sequence import FanoutRecord, SeqRecord
from .sir import SirRecord
from .text import StringinRecord, StringoutRecord
from .waveform import WaveformRecord


def record_classes() -> Mapping[str, type[Record]]:
    """Record classes by record type."""
    return {
        "cad": CadRecord,
        "apply": ApplyRecord,
        "car": CarRecord,
        "sir": SirRecord,
        "genSub": GenSubRecord,
        "seq": SeqRecord,
        "fanout": FanoutRecord,
        "calc": CalcRecord,
        "ai": AiRecord,
        "ao": AoRecord,
        "bi": BiRecord,
        "bo": BoRecord,
        "mbbi": MbbiRecord,
        "mbbo": MbboRecord,
        "longin": LonginRecord,
        "longout": LongoutRecord,
        "stringin": StringinRecord,
        "stringout": StringoutRecord,
        "waveform": WaveformRecord,
    }
