"""The command table and the noticeboards against the text of INS-DAS-18."""

import pytest

from nifsdc.sdsu.commands import COMMANDS, Detectors, Reply
from nifsdc.sdsu.memory import ID_CODE, TIMING_ENTRIES, UTILITY_ENTRIES, X_POINTER, Y_POINTER
from nifsdc.sdsu.words import Board, Space

# Words in the command, words in the status, and the status, as "Semantics" and Annexes B to E say them.
FROM_THE_TEXT = {
    "RST": (2, Reply.SYSTEM_RESET), "TDL": (3, Reply.ECHO), "WRM": (4, Reply.DONE), "RDM": (3, Reply.VALUE),
    "LDA": (3, Reply.DONE), "CLR": (2, Reply.DONE), "RDC": (2, Reply.NONE), "ABR": (2, Reply.NONE),
    "LSP": (2, Reply.DONE), "HSP": (2, Reply.DONE), "IDL": (2, Reply.DONE), "STP": (2, Reply.DONE),
    "MRA": (3, Reply.DONE), "GRB": (2, Reply.DONE), "RDT": (3, Reply.DONE), "MRC": (3, Reply.DONE),
    "PON": (2, Reply.DONE), "POF": (2, Reply.DONE), "BEX": (2, Reply.DONE), "PEX": (2, Reply.DONE),
    "REX": (2, Reply.DONE), "DEX": (2, Reply.DONE), "OSH": (2, Reply.DONE), "CSH": (2, Reply.DONE),
    "PFL": (3, Reply.DONE), "GEN": (2, Reply.VALUE),
}  # fmt: skip
UTILITY_ONLY = {"PON", "POF", "BEX", "PEX", "REX", "DEX", "OSH", "CSH", "PFL", "GEN"}


def test_every_command_and_no_other() -> None:
    ours = {name for name, command in COMMANDS.items() if command.detectors is Detectors.FRAME_TRANSFER}
    assert ours == {"FNC", "FCL", "FDR"}  # docs/decisions/0016-runs-of-frames.md
    assert COMMANDS.keys() - ours == FROM_THE_TEXT.keys()


@pytest.mark.parametrize("name", FROM_THE_TEXT)
def test_words_reply_and_board(name: str) -> None:
    command = COMMANDS[name]
    words, reply = FROM_THE_TEXT[name]
    assert len(command.arguments) + 2 == words
    assert command.reply is reply
    if name in UTILITY_ONLY:
        assert command.boards == (Board.UTILITY,)
    else:
        assert Board.TIMING in command.boards
    assert command.source


def test_only_abort_and_reset_are_taken_during_a_readout() -> None:
    assert {name for name, command in COMMANDS.items() if command.during_readout} == {"ABR", "RST"}


def test_no_transaction_may_take_longer_than_15_s_nor_less_than_1_s() -> None:
    assert max(command.deadline_s for command in COMMANDS.values()) == 15.0
    assert min(command.deadline_s for command in COMMANDS.values()) == 1.0


def test_infrared_commands() -> None:
    infrared = {name for name, command in COMMANDS.items() if command.detectors is Detectors.IR}
    assert infrared == {"MRA", "GRB", "RDT"}


def test_the_noticeboards_lie_where_the_text_puts_them() -> None:
    assert (X_POINTER.word, Y_POINTER.word, ID_CODE.word) == (0x1001FE, 0x1001FF, 0x400000)
    timing = {entry.name: (entry.space, entry.offset) for entry in TIMING_ENTRIES}
    assert timing == {
        "windowing": (Space.X, 0xFF),
        "y_binning": (Space.X, 0xFE),
        "x_binning": (Space.X, 0xFD),
        "ultradas_flag": (Space.X, 0xFC),
        "readout_mode": (Space.X, 0xFB),
        "columns": (Space.X, 0xFA),
        "rows": (Space.X, 0xF9),
        "resets": (Space.X, 0xF8),
        "reset_delay_ms": (Space.X, 0xF7),
        "errno": (Space.Y, 0),
        "window_rows": (Space.Y, 1),
        "speed": (Space.Y, 4),
        "pixel_rate": (Space.Y, 5),
        "clock_state": (Space.Y, 6),
    }
    utility = [(entry.name, entry.offset) for entry in UTILITY_ENTRIES if not entry.writable]
    assert utility == [
        ("current_exposure_ms", 0),
        ("temperature1_mk", 1),
        ("current_preflash_ms", 2),
        ("shutter", 3),
        ("errno", 4),
        ("temperature2_mk", 5),
        ("temperature3_mk", 6),
        ("pressure_adu", 7),
        ("flow_adu", 8),
        ("peltier", 9),
    ]
    inputs = [(entry.name, entry.offset) for entry in UTILITY_ENTRIES if entry.writable]
    assert inputs == [
        ("demanded_exposure_ms", 0),
        ("demanded_temperature_mk", 1),
        ("demanded_preflash_ms", 2),
    ]
