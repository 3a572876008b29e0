"""Annexes D and E of INS-DAS-18, word for word, through the link to the simulator process."""

from nifsdc.sdsu.controller import StartupReport
from nifsdc.sdsu.memory import X_POINTER, Y_POINTER
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.words import Board, word

from .conftest import FULL_READ, TEMPERATURE_MK, Rig

STP = (0x000202, 0x535450)
CLR = (0x000202, 0x434C52)
IDL = (0x000202, 0x49444C)
RDC = (0x000202, 0x524443)
HSP = (0x000202, 0x485350)
LSP = (0x000202, 0x4C5350)
PON = (0x000302, 0x504F4E)
GEN = (0x000302, 0x47454E)
RDM, WRM, MRA = 0x52444D, 0x57524D, 0x4D5241


def _written(board: Board) -> list[tuple[int, ...]]:
    """Return the WRMs of a board's programme; the word kept for the stamp is not compared."""
    program = synthetic(board)
    stamp = program.address("STAMP")
    return [
        (board << 8 | 4, WRM, address.word, -1 if address == stamp else value)
        for address, value in program.words()
    ]


def _without_stamps(words: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    stamps = {
        (board, address.word)
        for board in (Board.TIMING, Board.UTILITY)
        if (address := synthetic(board).address("STAMP")) is not None
    }
    return [
        (*each[:3], -1) if len(each) == 4 and (each[0] >> 8, each[2]) in stamps else each for each in words
    ]


def _pointers(board: Board) -> list[tuple[int, ...]]:
    """Return how the noticeboard of a board is found, which the annex leaves out."""
    return [(board << 8 | 3, RDM, X_POINTER.word), (board << 8 | 3, RDM, Y_POINTER.word)]


def test_startup_is_annex_e(fast: Rig) -> None:
    fast.forget()
    steps: list[str] = []
    report = fast.start_up(tell=lambda step, done, total: steps.append(f"{step} {done}/{total}"))
    assert report == StartupReport(generation=3, id_code=0x4E)
    assert _without_stamps(fast.words()) == [
        (word("RST"),),
        GEN,
        (0x000303, RDM, 0x400000),
        *_written(Board.TIMING),
        *_pointers(Board.TIMING),
        *_written(Board.UTILITY),
        *_pointers(Board.UTILITY),
        PON,
        (0x000304, WRM, 0x2000F1, TEMPERATURE_MK),
        IDL,
        HSP,
    ]
    total = len(_written(Board.TIMING))
    assert f"load the timing board {total}/{total}" in steps


def test_every_downloaded_word_is_read_back(fast: Rig) -> None:
    fast.forget()
    fast.start_up(verify=True)
    words = fast.words()
    for board in (Board.TIMING, Board.UTILITY):
        for _, _, address, _ in _written(board):
            at = next(
                number for number, each in enumerate(words) if each[:3] == (board << 8 | 4, WRM, address)
            )
            assert words[at + 1] == (board << 8 | 3, RDM, address)


def test_low_speed_at_startup(fast: Rig) -> None:
    fast.forget()
    fast.start_up(high_speed=False)
    assert fast.words()[-1] == LSP
    assert fast.controller.timing_board.speed.read() == 1


def _run(rig: Rig, milliseconds: int, reads: int, clearing_reads: int = 0) -> list[tuple[int, ...]]:
    """Take a run as Annex D does and return the words sent."""
    controller = rig.controller
    controller.pixels_per_read()
    block = rig.link.progress().block
    rig.forget()
    for number in range(clearing_reads):
        controller.read_out()
        rig.drain(block + 1 + number)
    block += clearing_reads
    controller.stop_idle()
    controller.clear()
    controller.utility_board.demanded_exposure_ms.write(milliseconds)
    controller.multiple_read(reads)
    rig.drain(block + 1, reads * FULL_READ)
    rig.drain(block + 2, reads * FULL_READ)
    exposed = controller.utility_board.current_exposure_ms.read()
    controller.idle()
    assert exposed == round(reads * 1024 * 1056 * 1000 / 204_027) + milliseconds
    return rig.words()


def _annex_d(milliseconds: int, reads: int) -> list[tuple[int, ...]]:
    return [
        STP,
        CLR,
        (0x000304, WRM, 0x2000F0, milliseconds),
        (0x000203, MRA, reads),
        (0x000303, RDM, 0x4000F0),
        IDL,
    ]


def test_run_with_one_read(fast: Rig) -> None:
    assert _run(fast, 1000, 1) == _annex_d(0x3E8, 0x1)


def test_run_with_two_reads(fast: Rig) -> None:
    assert _run(fast, 1000, 2) == _annex_d(0x3E8, 0x2)


def test_run_with_clearing_reads(fast: Rig) -> None:
    assert _run(fast, 1000, 1, clearing_reads=2) == [RDC, RDC, *_annex_d(0x3E8, 0x1)]


def test_bias(fast: Rig) -> None:
    assert _run(fast, 1, 1) == _annex_d(0x1, 0x1)
