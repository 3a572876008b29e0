"""What a run of frames is called, and what a data server has of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunNames:
    """What a run of frames is called."""

    exposure_id: str
    """unique over all time"""
    night: str
    """UTC date of its start, ``20260301``"""
    label: str = ""
    """from which its file gets its name; empty for a running number"""


@dataclass(frozen=True)
class RunState:
    """What the server has of a run."""

    path: str
    """as the server sees it"""
    frames: int
    """that are on disk"""
    complete: bool
    """whether it was closed"""
