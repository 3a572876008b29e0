"""The subroutines the GNIRS-sized database names, and a state program that makes an exposure of them."""

from __future__ import annotations

from typing import Any

from nifsdc.records.subroutines import (
    Ioc,
    cad_subroutine,
    gensub_subroutine,
    program,
    sir_subroutine,
)

ACCEPT, REJECT = 0, -1
EXPOSURE_SECONDS = 0.3
COMMANDS = (
    *("CADreboot", "CADinit", "CADpark", "CADsimulate", "CADabort", "CADstop", "dcCADtest", "dcCADdebug"),
    *("dcCADinitSDSU", "dcCADtestPat", "dcCADDSPCommand", "dcCADseq", "dcCADdata", "dcCADnoOp"),
    *("dcCADsetupSDSU", "dcCADdebugSDSU", "dcCADtestSDSU"),
)
INITIAL = ("CADdebugInit", "CADsimulateInit", "dcCADseqInit", "dcCADdataInit")


def accept(cad: Any) -> int:
    """Take the arguments as they are; text where a number belongs is refused."""
    if cad.directive.name != "PRESET":
        return ACCEPT
    for letter in cad.letters:
        text = cad.args[letter].strip()
        if not text:
            continue
        try:
            cad.outputs[letter] = text
        except ValueError:
            cad.message = f"{letter}: {text} is not a number"
            return REJECT
    return ACCEPT


for _name in COMMANDS:
    cad_subroutine(_name)(accept)
for _name in INITIAL:
    cad_subroutine(_name)(lambda cad: ACCEPT)


@cad_subroutine("dcCADobserve")
def observe(cad: Any) -> int:
    """B holds the health, read at every directive."""
    if cad.directive.name in ("PRESET", "START") and cad.args["B"] == "BAD":
        cad.message = "detector controller health is BAD"
        return REJECT
    return accept(cad)


@gensub_subroutine("dcCombCars")
def combine_cars(record: Any) -> int:
    """The greatest of three states, with its error and message."""
    triples = [tuple(record.inputs[letter] for letter in letters) for letters in ("ABC", "DEF", "GHI")]
    for letter, value in zip("ABC", max(triples, key=lambda each: int(each[0])), strict=True):
        record.outputs[letter] = value
    return ACCEPT


@gensub_subroutine("dcHealthCombine")
def combine_health(record: Any) -> int:
    """The worst of five health strings, with its message."""
    order = ("", "GOOD", "WARNING", "BAD")
    pairs = [(record.inputs[a], record.inputs[b]) for a, b in ("AB", "CD", "EF", "GH", "IJ")]
    record.outputs["A"], record.outputs["B"] = max(pairs, key=lambda pair: order.index(pair[0].strip()))
    return ACCEPT


@gensub_subroutine("dcDSPCmdAscii")
def command_word(record: Any) -> int:
    """Three letters as a 24-bit word."""
    record.outputs["A"] = int.from_bytes(record.inputs["A"].encode(), "big")
    return ACCEPT


@sir_subroutine("dcDSPAsciiCmd")
@sir_subroutine("timeModeCalc")
def as_it_is(record: Any) -> int:
    """Leave the value that was read."""
    return ACCEPT


@sir_subroutine("dcDSPHeaderHex")
@sir_subroutine("dcDSPReplyHex")
def hexadecimal(record: Any) -> int:
    """A number that was read as text, in hexadecimal."""
    record.value = f"0x{int(record.value):X}"
    return ACCEPT


@program
def expose(ioc: Ioc) -> None:
    """An exposure for each start pulse of observe: BUSY at once, IDLE when the time is over."""
    database, top = ioc.database, ioc.macros["top"]

    def end() -> None:
        database.set(f"{top}sad:dc:acq", 0)
        database.set(f"{top}dc:observeC.IVAL", "IDLE")

    def begin(_: object) -> None:
        identifier = database.find(f"{top}dc:observe.OCID")
        assert identifier is not None
        database.set(f"{top}dcStateApply:observeID", identifier.value)
        database.set(f"{top}sad:dc:acq", 1)
        database.set(f"{top}dc:observeC.IVAL", "BUSY")
        database.timers.at(database.now() + EXPOSURE_SECONDS, end)

    database.watch(f"{top}dc:observeP:st", begin)
