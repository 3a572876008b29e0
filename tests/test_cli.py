"""The ``nifsdc`` command: each command is found, alone as among all, and imports no more than it needs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from nifsdc.cli.main import commands, parser_for
from nifsdc.cli.services import PARTS

ALL = commands()[1]
LOADED = """
import sys
from nifsdc.cli.main import parser_for
parser_for(sys.argv[1])
print(*sorted({"astropy", "llvmlite", "numba", "scipy"} & set(sys.modules)))
"""


@pytest.mark.parametrize("name", sorted(set(ALL) - set(PARTS)))
def test_a_command_is_the_same_alone_as_among_all(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        parser_for(name).parse_args([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == ALL[name].format_help()


@pytest.mark.parametrize("given", ["--help", "-h", "nothing", ""])
def test_who_names_no_command_is_told_of_all(given: str) -> None:
    text = parser_for(given).format_help()
    assert set(ALL) <= set(re.findall(r"^    (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["up", "window", "observe", "softioc", "link-server"])
def test_what_a_command_does_not_need_is_not_waited_for(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, name], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "\n"
