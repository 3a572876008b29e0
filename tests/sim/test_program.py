"""The load files that ship are those that the generator makes."""

from pathlib import Path

import pytest

from nifsdc.sdsu import programs
from nifsdc.sdsu.words import Board
from nifsdc_sim import program


@pytest.mark.parametrize(
    ("board", "made"),
    [(Board.TIMING, program.timing_program()), (Board.UTILITY, program.utility_program())],
)
def test_the_files_are_up_to_date(board: Board, made: object, tmp_path: Path) -> None:
    assert programs.synthetic(board) == made
    program.main(tmp_path)
    name = programs.path(board).name
    assert (tmp_path / name).read_text() == programs.path(board).read_text()
