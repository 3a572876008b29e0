"""What a line of the console can say, as a table: each verb with its usage and what it does."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from nifsdc.sdsu.commands import COMMANDS, Reply
from nifsdc.sdsu.console import frames, runs
from nifsdc.sdsu.console.language import (
    SHORT,
    Mistake,
    number,
    seconds,
    shown,
    take_board,
)
from nifsdc.sdsu.console.session import KINDS, Session
from nifsdc.sdsu.controller import StartupSettings
from nifsdc.sdsu.errors import NoReply, WrongEcho
from nifsdc.sdsu.trace_file import BadTrace, parse
from nifsdc.sdsu.trace_replay import replay
from nifsdc.sdsu.words import Address, Board

WORDS_PER_LINE = 8
MOST_WORDS = 65536
MOST_TESTS = 1_000_000
TEMPERATURES = {"ir": 65_000, "ccd": 173_000}
"""millikelvin that a cryostat is set to where nothing is said"""


class Failed(Exception):
    """A verb did its work and found something wrong; the text says what."""


@dataclass(frozen=True)
class Verb:
    """One thing that a line can say."""

    usage: str
    help: str
    action: runs.Action


def _rdm(session: Session, arguments: list[str]) -> None:
    place, rest = session.place(arguments)
    if len(rest) > 1:
        raise Mistake("expected RDM [tim|util] PLACE [COUNT]")
    count = number(rest[0], "count", MOST_WORDS) if rest else 1
    space, start = place.address.space, place.address.offset
    addresses = [Address(space, start + offset) for offset in range(count)]
    if count == 1:
        session.say(f"{place} = {shown(session.controller.read_memory(place.board, place.address))}")
        return
    for first in range(0, count, WORDS_PER_LINE):
        some = addresses[first : first + WORDS_PER_LINE]
        words = [f"{session.controller.read_memory(place.board, each):06X}" for each in some]
        session.say(f"{SHORT[place.board]} {some[0]}  {' '.join(words)}")


def _wrm(session: Session, arguments: list[str]) -> None:
    place, rest = session.place(arguments)
    if not rest:
        raise Mistake("expected WRM [tim|util] PLACE VALUE [VALUE ...]")
    values = [number(each, "word") for each in rest]
    for offset, value in enumerate(values):
        address = Address(place.address.space, place.address.offset + offset)
        session.controller.write_memory(place.board, address, value)
    session.say("DON" if len(values) == 1 else f"DON: {len(values)} words")


def _tdl(session: Session, arguments: list[str]) -> None:
    board, rest = take_board(arguments)
    if len(rest) != 1:
        raise Mistake("expected TDL tim|util VALUE, or tdl COUNT to test both boards")
    if board is not None:
        value = number(rest[0], "word")
        session.controller.test_data_link(board, value)
        session.say(shown(value))
        return
    count = number(rest[0], "count", MOST_TESTS)
    wrong = {each: _test(session, each, count) for each in SHORT}
    for each, errors in wrong.items():
        session.say(f"{SHORT[each]}: {count} sent, {count - errors} came back, {errors} errors")
    if any(wrong.values()):
        raise Failed(f"the data link fails: {sum(wrong.values())} of {len(wrong) * count} words")


def _test(session: Session, board: Board, count: int) -> int:
    errors = 0
    for _ in range(count):
        try:
            session.controller.test_data_link(board, secrets.randbits(24))
        except (WrongEcho, NoReply):
            errors += 1
    return errors


def _boards(session: Session, arguments: list[str]) -> None:
    board, rest = take_board(arguments)
    if rest:
        raise Mistake("expected boards, boards tim or boards util")
    for each in SHORT if board is None else (board,):
        noticeboard = session.noticeboard(each)
        session.say(f"{each.name.lower()} board")
        for cell in noticeboard.cells():
            value, entry = cell.read(), cell.entry
            session.say(
                f"  {cell.address}  {entry.name:<24} {value:>8} {entry.unit:<7} "
                f"{'set ' if entry.writable else 'read'}  {entry.description}"
            )


def _download(session: Session, arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Mistake(f"expected download FILE, or download {' or download '.join(KINDS)}")
    for program in session.programs(arguments[0]):
        session.controller.download(program)
        session.learn(program)
        count = len(dict(program.words()))
        session.say(f"{program.board.name.lower()} board: {count} words written and read back")


def _symbols(session: Session, arguments: list[str]) -> None:
    if len(arguments) > 1:
        raise Mistake("expected symbols, or symbols FILE|ir|ccd to read them without loading")
    for program in session.programs(arguments[0]) if arguments else ():
        session.learn(program)
    places = session.symbols()
    if not places:
        raise Mistake("no symbols are known: download FILE or symbols FILE brings them")
    for place in places:
        session.say(f"  {place}")


def _startup(session: Session, arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2 or arguments[0].lower() not in KINDS:
        raise Mistake("expected startup ir or startup ccd, and if wanted the temperature in millikelvin")
    kind = arguments[0].lower()
    timing, utility = session.programs(kind)
    temperature = number(arguments[1], "temperature") if arguments[1:] else TEMPERATURES[kind]
    report = session.controller.startup(StartupSettings(timing, utility, temperature))
    session.learn(timing)
    session.learn(utility)
    session.say(f"started: generation {report.generation}, identity 0x{report.id_code:02X}, idling")


def _wait(session: Session, arguments: list[str]) -> None:
    if len(arguments) > 1:
        raise Mistake("expected wait [SECONDS]")
    collector = session.wait(*(seconds(each) for each in arguments))
    counts = ", ".join(map(str, collector.counts)) or "none"
    if not collector.complete:
        raise Failed(f"{collector.expected.label} is over, but pixels are missing; blocks of {counts}")
    session.say(f"{collector.expected.label} is over: blocks of {counts} pixels")


def _frame(session: Session, arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Mistake("expected frame FILE.fits or frame FILE.npy")
    collector = session.readout()
    try:
        session.wait()
    finally:
        # What has reached the host is kept even where the rest never comes.
        if collector.wait(0.0) and collector.stream().size:
            session.say(frames.save(collector, Path(arguments[0])))
    if not collector.complete:
        raise Failed(f"{collector.expected.label} did not bring all its pixels")


def _trace(session: Session, arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Mistake("expected trace FILE or trace off")
    off = arguments[0].lower() == "off"
    session.trace(None if off else Path(arguments[0]))
    session.say("trace ended" if off else f"every word goes to {arguments[0]}")


def _replay(session: Session, arguments: list[str]) -> None:
    loose = arguments[1:] == ["except-telemetry"]
    if not arguments or (len(arguments) > 1 and not loose):
        raise Mistake("expected replay FILE [except-telemetry]")
    try:
        events = parse(Path(arguments[0]).read_text(encoding="ascii"))
    except (BadTrace, UnicodeDecodeError) as error:
        raise Mistake(f"{arguments[0]} is no trace: {error}") from None
    except OSError as error:
        raise Mistake(f"{arguments[0]}: {error.strerror}") from None
    result = replay(session.link, events)
    session.begin_anew()
    wrong = [each for each in result.differences if not (loose and each.telemetry)]
    for each in wrong:
        session.say(f"  {each}")
    session.say(f"{result.sent} sent again, {result.compared} compared, {len(wrong)} different")
    if wrong:
        raise Failed(f"{len(wrong)} of {result.compared} came otherwise than in {arguments[0]}")


def _sleep(session: Session, arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise Mistake("expected sleep SECONDS")
    session.sleep(seconds(arguments[0]))


def _quit(session: Session, _: list[str]) -> None:
    session.ended = True


def _help(session: Session, arguments: list[str]) -> None:
    if arguments:
        verb = find(arguments[0])
        session.say(f"{verb.usage}: {verb.help}")
        return
    for verb in VERBS.values():
        session.say(f"  {verb.usage:<34} {verb.help}")


def _mnemonic(name: str) -> Verb:
    command = COMMANDS[name]
    board = "tim|util " if len(command.boards) > 1 else ""
    words = " ".join(each.upper() for each in command.arguments)
    answer = {Reply.NONE: "no answer"}.get(command.reply, f"answered by {command.reply.value}")
    return Verb(
        f"{name} {board}{words}".strip(),
        f"{command.source}; {answer}",
        lambda session, arguments: session.command(name, arguments),
    )


VERBS: dict[str, Verb] = {name: _mnemonic(name) for name in COMMANDS}
"""every verb by its name; mnemonics are in capitals here, and in any letters in a line"""
VERBS |= {
    "TDL": Verb(
        "TDL tim|util VALUE, or TDL COUNT", "send a word and back, or test both boards so often", _tdl
    ),
    "RDM": Verb("RDM [tim|util] PLACE [COUNT]", "read memory; PLACE is X 0x10, X:$10 or a name", _rdm),
    "WRM": Verb("WRM [tim|util] PLACE VALUE ...", "write memory", _wrm),
    "boards": Verb("boards [tim|util]", "the noticeboards as a table", _boards),
    "download": Verb("download FILE|ir|ccd", "load programmes and read every word back", _download),
    "symbols": Verb("symbols [FILE|ir|ccd]", "names in load files", _symbols),
    "startup": Verb("startup ir|ccd [MILLIKELVIN]", "Annex E: from any state to idling", _startup),
    "run": Verb("run SECONDS", "Annex C: expose a CCD and read it", runs.action(runs.run)),
    "bias": Verb("bias", "Annex C: read a CCD at once", runs.action(runs.bias)),
    "dark": Verb("dark SECONDS", "Annex C: integrate with the shutter closed", runs.action(runs.dark)),
    "flash": Verb("flash SECONDS", "Annex C: light the preflash lamps and read", runs.action(runs.flash)),
    "ir-run": Verb(
        "ir-run SECONDS [READS [CLEARING]]", "Annex D: read, integrate, read again", runs.action(runs.ir_run)
    ),
    "ir-bias": Verb("ir-bias", "Annex D: the same with 1 ms", runs.action(runs.ir_bias)),
    "reads-at": Verb(
        "reads-at SECONDS ...", "Annex B: read at 0 and at each time", runs.action(runs.reads_at)
    ),
    "wait": Verb("wait [SECONDS]", "wait for the last pixel", _wait),
    "frame": Verb("frame FILE.fits|FILE.npy", "wait for the last pixel and write all", _frame),
    "sleep": Verb("sleep SECONDS", "let the detector's time pass", _sleep),
    "trace": Verb("trace FILE|off", "write every word to a file", _trace),
    "replay": Verb("replay FILE [except-telemetry]", "send a trace again and compare the answers", _replay),
    "help": Verb("help [VERB]", "this list", _help),
    "quit": Verb("quit", "end", _quit),
}


def find(name: str) -> Verb:
    """Return the verb of that name; `Mistake` where there is none."""
    verb = VERBS.get(name.upper()) or VERBS.get(name.lower())
    if verb is None:
        raise Mistake(f"there is no {name!r}: help lists what there is")
    return verb


def carry_out(session: Session, line: str) -> None:
    """Do what a line says; an empty one, or one that begins with ``#``, says nothing.

    Raises
    ------
    Mistake
        when the line means nothing
    Failed
        when what it did found something wrong
    ControllerError
        when the controller or the link did not do as they should
    OSError
        when a file cannot be read or written
    """
    try:
        name, *arguments = shlex.split(line, comments=True) or [""]
    except ValueError as error:
        raise Mistake(f"{line.strip()!r}: {error}") from None
    if name:
        find(name).action(session, arguments)
