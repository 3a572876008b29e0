"""The prompt of ``nifsdc sdsu``: history from one day to the next, and completion."""

from __future__ import annotations

import contextlib
import os
import readline
from collections.abc import Callable
from pathlib import Path

from nifsdc.sdsu.console.language import BOARDS
from nifsdc.sdsu.console.session import KINDS, Session
from nifsdc.sdsu.console.verbs import VERBS

PROMPT = "sdsu> "
KEPT_LINES = 1000
WITH_KINDS = ("download", "symbols", "startup")


def history_file() -> Path:
    """Return where the history is kept, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "nifsdc" / "sdsu_history"


def completions(session: Session, line: str, text: str) -> list[str]:
    """Return what the last word of a line can become.

    Parameters
    ----------
    session
        knows the names of places
    line
        up to the cursor
    text
        its last word, which may be empty
    """
    before = line[: len(line) - len(text)].split()
    if not before:
        candidates = [name for name in VERBS if name.lower().startswith(text.lower())]
        return sorted(candidates, key=str.lower)
    verb = before[0].lower()
    if verb == "help":
        names = list(VERBS)
    elif verb in WITH_KINDS:
        names = list(KINDS)
    elif verb in ("rdm", "wrm"):
        names = [*BOARDS, "P:", "X:", "Y:", *session.names()]
    else:
        names = list(BOARDS)
    return [name for name in names if name.lower().startswith(text.lower())]


def converse(session: Session, obey: Callable[[str], int]) -> int:
    """Read lines at a terminal until quit or the end of input; return the exit status."""
    history = history_file()
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(KEPT_LINES)
    readline.set_completer_delims(" ")
    readline.set_completer(lambda text, state: _complete(session, text, state))
    readline.parse_and_bind("tab: complete")
    print(f"{session.link.name}; help lists what can be said, quit or Ctrl-D ends")
    try:
        while not session.ended:
            try:
                obey(input(PROMPT))
            except KeyboardInterrupt:
                print("^C: the controller goes on with what it does; ABR ends a readout")
    except EOFError:
        print()
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history)
    return 0


def _complete(session: Session, text: str, state: int) -> str | None:
    found = completions(session, readline.get_line_buffer()[: readline.get_endidx()], text)
    return found[state] if state < len(found) else None
