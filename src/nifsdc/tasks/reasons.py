"""Reasons of failures in as many characters as OMSS can show; the whole text goes to the log."""

from __future__ import annotations

import re

from nifsdc.sdsu.errors import UnexpectedReset

LENGTH = 39

_PACKET = re.compile(r"HOST->(\w+) (\w+) \(0x\w+\)(?: 0x\w+)*")


def brief(error: BaseException) -> str:
    """Return what went wrong in at most 39 characters, the command first."""
    if isinstance(error, UnexpectedReset):
        return "SYR: controller lost power or was reset"
    text = _PACKET.sub(lambda match: f"{match[2]} to {match[1].lower()}", str(error))
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 2].rstrip()}.."
