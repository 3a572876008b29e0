"""What the records of the database call (SNAM, INAM): thin wrappers over pure functions.

The command records' own routines belong to the control tasks; those here belong to the database alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from enum import IntEnum
from typing import Any, Protocol

INITIAL_OUTPUTS = "dcCADinitialOutputs"
COMBINE_CARS = "dcCombCars"

OK, FAILED = 0, -1
IDLE = 0
WORD_MASK = 0xFFFFFF
"""controller words have 24 bits"""


class Health(IntEnum):
    """How well a part is, the worse the greater."""

    GOOD = 0
    WARNING = 1
    BAD = 2


Response = tuple[int, int, str]
"""state of a CAR (IDLE 0, PAUSED 1, BUSY 2, ERROR 3), its error number, its message"""


# --- pure functions ---------------------------------------------------------------------------------------


def combine(responses: Iterable[Response]) -> Response:
    """Return the response with the greatest state, the first of equals; IDLE when there is none.

    Source: SDN 11.03 section 4.2.1, "pass along the value that is the greatest along with the
    corresponding OERR and OMSS fields".
    """
    return max(responses, key=lambda response: response[0], default=(IDLE, 0, ""))


def worst_health(parts: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the worst health among parts and its message, the first of equals.

    Parameters
    ----------
    parts
        health (GOOD, WARNING, BAD) and message of each; a part without a health is left out, one with an
        unknown word is BAD and the word its message

    Returns
    -------
    tuple
        GOOD and no message when there is no part
    """
    judged = []
    for health, message in parts:
        word = health.strip()
        if word in Health.__members__:
            judged.append((Health[word], message.strip()))
        elif word:
            judged.append((Health.BAD, f"unknown health {word}"))
    worst, message = max(judged, key=lambda part: part[0], default=(Health.GOOD, ""))
    return worst.name, message


def word_of(letters: str) -> int:
    """Return the 24-bit word of three letters, 0 for anything else (INS-DAS-18: TDL is 0x54444C)."""
    text = letters.strip().upper()
    return int.from_bytes(text.encode("ascii"), "big") if re.fullmatch("[A-Z]{3}", text) else 0


def letters_of(word: int) -> str:
    """Return the letters of a 24-bit word, or the word in hexadecimal when it has none; empty for 0."""
    if word == 0:
        return ""
    text = (word & WORD_MASK).to_bytes(3, "big").decode("latin-1")
    return text if re.fullmatch("[A-Z0-9]{3}", text) else hexadecimal(word)


def hexadecimal(word: int) -> str:
    """Return a word as text, ``0x020002``; 24 bits, or 32 when it has more (replies made by an interface)."""
    return f"0x{word & 0xFFFFFFFF:06X}"


def time_mode_message(label: str) -> str:
    """Say from what the time that a time mode names is worked out; empty for an unknown label."""
    return {
        "Exposure time": "exposure = period x nperiods",
        "Read period": "period = exposure / nperiods",
        "Nr Periods": "nperiods = exposure / period",
    }.get(label, "")


# --- as records call them ---------------------------------------------------------------------------------


class Cad(Protocol):
    """What a routine sees of a command record."""

    args: Mapping[str, Any]
    outputs: MutableMapping[str, Any]


class GenSub(Protocol):
    """What a routine sees of a genSub record."""

    inputs: Mapping[str, Any]
    outputs: MutableMapping[str, Any]


class Sir(Protocol):
    """What a routine sees of a status record."""

    value: Any
    message: str

    def set_alarm(self, stat: int, sevr: int) -> bool:
        """Raise the alarm of this processing."""


STATE_ALARM = 7
"""menuAlarmStat STATE"""


def initial_outputs(cad: Cad) -> int:
    """INAM: outputs begin as the inputs do, so that none is driven as a zero before the first PRESET."""
    for letter, text in cad.args.items():
        if str(text).strip():
            cad.outputs[letter] = text
    return OK


def combine_cars(record: GenSub) -> int:
    """Pass on the greatest of the responses in A-C, D-F and G-I."""
    values = record.inputs
    state, error, message = combine((values[a], values[b], values[c]) for a, b, c in ("ABC", "DEF", "GHI"))
    record.outputs["A"], record.outputs["B"], record.outputs["C"] = state, error, message
    return OK


def combine_health(record: GenSub) -> int:
    """Pass on the worst of the health strings in A, C, E, G, I with its message in B, D, F, H, J."""
    values = record.inputs
    parts = [(values[a], values[b]) for a, b in ("AB", "CD", "EF", "GH", "IJ")]
    record.outputs["A"], record.outputs["B"] = worst_health(
        (health, message) for health, message in parts if isinstance(health, str)
    )
    return OK


def health_alarm(record: Sir) -> int:
    """Raise MINOR for WARNING and MAJOR for BAD."""
    health, _ = worst_health([(str(record.value), "")])
    record.set_alarm(STATE_ALARM, Health[health].value)
    return OK


def command_word(record: GenSub) -> int:
    """Turn the letters in A into their word; 0, which no command is, for anything else."""
    record.outputs["A"] = word_of(str(record.inputs["A"]))
    return OK if record.outputs["A"] else FAILED


def _text_of_word(convert: Callable[[int], str]) -> Callable[[Sir], int]:
    """A routine that shows the number its record has read as text."""

    def routine(record: Sir) -> int:
        text = str(record.value).strip()
        if re.fullmatch(r"[+-]?[0-9]+", text):
            record.value = convert(int(text))
        return OK

    return routine


def time_mode(record: Sir) -> int:
    """Say in the message from what the time is worked out."""
    record.message = time_mode_message(str(record.value))
    return OK


SUBROUTINES: Mapping[str, Callable[[Any], int]] = {
    INITIAL_OUTPUTS: initial_outputs,
    COMBINE_CARS: combine_cars,
    "dcHealthCombine": combine_health,
    "dcHealthAlarm": health_alarm,
    "dcDSPCmdAscii": command_word,
    "dcDSPAsciiCmd": _text_of_word(letters_of),
    "dcDSPHeaderHex": _text_of_word(hexadecimal),
    "dcDSPReplyHex": _text_of_word(hexadecimal),
    "timeModeCalc": time_mode,
}
"""Every subroutine of the database but those of the command records, by the name in SNAM or INAM."""
