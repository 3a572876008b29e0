"""The state machines as pictures (SVG), drawn from their tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Any

from nifsdc.control.states import DC_TABLE, OBS_TABLE, SDSU_TABLE, DcState, ObsState, SdsuState

CELL = (270.0, 120.0)
BOX = (130.0, 36.0)
MARGIN = 90.0
PARALLEL = 9.0
"""by how much the arrows of two directions stand apart"""
LABEL_AT = 0.36
"""where along an arrow its label stands: nearer to where it begins, from where others lead elsewhere"""


@dataclass(frozen=True)
class Diagram:
    """One state machine and where its states are drawn."""

    name: str
    doc: str
    picture: str
    """path below docs/"""
    table: Mapping[tuple[Any, Any], Any]
    places: Mapping[Any, tuple[float, float]]
    """column and row of each state"""


MACHINES = (
    Diagram(
        "The detector controller (dc)",
        "Shown by `sad:dc:state` and `dcSnlState`. `init`, `park` and `reboot` move it.",
        "reference/states-dc.svg",
        DC_TABLE,
        {
            DcState.DOWN: (0, 0),
            DcState.INITIALISING: (1, 0),
            DcState.READY: (2, 0),
            DcState.PARKING: (3, 0),
            DcState.PARKED: (3, 1),
            DcState.FAULT: (1, 2),
            DcState.REBOOTING: (0, 2),
        },
    ),
    Diagram(
        "The electronics (sdsu)",
        "Shown by `sad:dc:sdsuSnlState`.",
        "reference/states-sdsu.svg",
        SDSU_TABLE,
        {
            SdsuState.OFF: (0, 0),
            SdsuState.STARTING: (1, 0),
            SdsuState.READY: (2, 0),
            SdsuState.BUSY: (3, 0),
            SdsuState.FAULT: (1, 1),
        },
    ),
    Diagram(
        "An observation (obs)",
        "Shown by `sad:dc:obsSnlState`. Only cameras with a shutter can pause.",
        "reference/states-obs.svg",
        OBS_TABLE,
        {
            ObsState.IDLE: (0, 1),
            ObsState.PREPARING: (1, 0),
            ObsState.EXPOSING: (2, 0),
            ObsState.PAUSED: (3, 0),
            ObsState.STOPPING: (3, 1),
            ObsState.ABORTING: (2, 2),
            ObsState.SAVING: (1, 2),
        },
    ),
)


def pictures() -> dict[str, str]:
    """Return every picture by its path below docs/."""
    return {machine.picture: draw(machine) for machine in MACHINES}


def draw(machine: Diagram) -> str:
    """Return a machine as SVG; events that leave a state as it is are in its table only."""
    columns = max(column for column, _ in machine.places.values())
    rows = max(row for _, row in machine.places.values())
    width, height = columns * CELL[0] + 2 * MARGIN, rows * CELL[1] + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(machine.name)}</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#456"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        *_arrows(machine),
        *_from_anywhere(machine),
        *(_box(state, _centre(place)) for state, place in machine.places.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def anywhere(machine: Diagram) -> dict[Any, list[Any]]:
    """Return the events that lead from nearly every state to the same one, by that state."""
    sources: dict[tuple[Any, Any], int] = {}
    for (_, event), after in machine.table.items():
        sources[event, after] = sources.get((event, after), 0) + 1
    found: dict[Any, list[Any]] = {}
    for (event, after), count in sources.items():
        if count >= len(machine.places) - 1:
            found.setdefault(after, []).append(event)
    return found


def _arrows(machine: Diagram) -> Iterator[str]:
    common = anywhere(machine)
    events: dict[tuple[Any, Any], list[str]] = {}
    for (state, event), after in machine.table.items():
        if state is not after and event not in common.get(after, ()):
            events.setdefault((state, after), []).append(event.name)
    for (state, after), names in events.items():
        apart = PARALLEL if (after, state) in events else 0.0
        yield _arrow(_centre(machine.places[state]), _centre(machine.places[after]), names, apart)


def _from_anywhere(machine: Diagram) -> Iterator[str]:
    for state, events in anywhere(machine).items():
        x, y = _centre(machine.places[state])
        yield f'<path d="M{x:.0f} {y - 62:.0f} V{y - BOX[1] / 2:.0f}" {_stroke("4 3")}/>'
        yield _label(x, y - 68, f"any state: {', '.join(event.name for event in events)}")


def _arrow(start: tuple[float, float], end: tuple[float, float], names: list[str], apart: float) -> str:
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    aside = (-along[1] * apart, along[0] * apart)
    begin, tip = _border(start, along), _border(end, (-along[0], -along[1]))
    x1, y1, x2, y2 = (begin[0] + aside[0], begin[1] + aside[1], tip[0] + aside[0], tip[1] + aside[1])
    line = f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" {_stroke()}/>'
    at = 0.5 if y1 == y2 else LABEL_AT
    return line + _label(x1 + at * (x2 - x1), y1 + at * (y2 - y1), ", ".join(names))


def _border(centre: tuple[float, float], along: tuple[float, float]) -> tuple[float, float]:
    """Return where a line from the centre of a box leaves it."""
    steps = [half / abs(part) for half, part in zip((BOX[0] / 2, BOX[1] / 2), along, strict=True) if part]
    return centre[0] + along[0] * min(steps), centre[1] + along[1] * min(steps)


def _centre(place: tuple[float, float]) -> tuple[float, float]:
    return MARGIN + place[0] * CELL[0], MARGIN + place[1] * CELL[1]


def _box(state: Enum, centre: tuple[float, float]) -> str:
    x, y = centre[0] - BOX[0] / 2, centre[1] - BOX[1] / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]:.0f}" height="{BOX[1]:.0f}" rx="8" fill="#dce8f4" '
        f'stroke="#456"/><text x="{centre[0]:.0f}" y="{centre[1] + 4:.0f}" text-anchor="middle" '
        f'font-weight="bold">{state.name}</text>'
    )


def _label(x: float, y: float, text: str) -> str:
    half = 3.6 * len(text)
    return (
        f'<rect x="{x - half:.1f}" y="{y - 7:.1f}" width="{2 * half:.1f}" height="14" fill="white"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" fill="#234">{escape(text)}</text>'
    )


def _stroke(dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="#456" stroke-width="1.2"{dashed} marker-end="url(#tip)"'
