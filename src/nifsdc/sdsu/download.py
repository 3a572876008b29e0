"""Programmes into the boards' memories, word by word, each read back (INS-DAS-18 Annex E)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nifsdc.sdsu.errors import DownloadFailed
from nifsdc.sdsu.lod import LodFile
from nifsdc.sdsu.memory import Memory
from nifsdc.sdsu.words import Address, Board

STAMP_SYMBOL = "STAMP"
"""symbol of a word that a programme leaves free for the configuration stamp"""
DownloadProgress = Callable[[Board, int, int], None]
"""told board, words done and words in all, after each word"""


@dataclass(frozen=True)
class Stamp:
    """A number that a download leaves in a board's memory; once it is gone, so is the programme."""

    board: Board
    address: Address
    value: int


def download(
    memory: Memory, program: LodFile, *, verify: bool = True, progress: DownloadProgress | None = None
) -> Stamp | None:
    """Write a programme into its board and read every word back.

    Parameters
    ----------
    memory
        the controller
    program
        what to load; its board says where
    verify
        whether words are read back
    progress
        told how far it is

    Returns
    -------
    Stamp or None
        the configuration stamp left in memory, None where the programme has no place for one. It is written
        in place of the word that the programme has there, so that it costs no word more.

    Raises
    ------
    DownloadFailed
        when a word reads back otherwise than it was written
    ControllerError
        whatever else goes wrong on the way
    """
    stamp = _new_stamp(program)
    # Where two blocks have a word for one address the later wins, as it would in the controller.
    words = dict(program.words())
    if stamp is not None and stamp.address in words:
        words[stamp.address] = stamp.value
    else:
        stamp = None
    write_words(
        memory,
        program.board,
        words,
        f"download to the {program.board.name.lower()} board",
        verify=verify,
        progress=progress,
    )
    return stamp


def write_words(
    memory: Memory,
    board: Board,
    words: Mapping[Address, int],
    what: str,
    *,
    verify: bool = True,
    progress: DownloadProgress | None = None,
) -> None:
    """Write words into a board's memory and read each of them back.

    ``what`` begins the message of `DownloadFailed`; the rest is as in `download`.
    """
    for done, (address, value) in enumerate(words.items(), 1):
        memory.write_memory(board, address, value)
        if verify:
            found = memory.verify_memory(board, address, value)
            if found != value:
                raise DownloadFailed(
                    f"{what}: {address} reads 0x{found:06X} after 0x{value:06X} was written: test the data "
                    "link, then init"
                )
        if progress is not None:
            progress(board, done, len(words))


def _new_stamp(program: LodFile) -> Stamp | None:
    address = program.address(STAMP_SYMBOL)
    if address is None:
        return None
    return Stamp(program.board, address, 1 + secrets.randbelow(0xFFFFFF))
