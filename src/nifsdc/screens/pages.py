"""All pages of a camera: commands in groups, status records, alarms and responses, and how they link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from nifsdc.database import Definition
from nifsdc.screens.panel import WIDTH, panel
from nifsdc.screens.status import (
    COLUMN_WIDTH,
    alarm_records,
    alarm_rows,
    response_rows,
    status_columns,
    status_height,
    status_rows,
)
from nifsdc.screens.widgets import ROW, TITLE, Box, Screen, embedded, label, open_button

OVERVIEW = "overview.bob"
"""the screen that all pages can be reached from, one for all cameras"""
STRIP = "pages.bob"
"""the row of buttons on every page, below the folder of the camera"""
COMMANDS = "commands"
"""folder of the panels of commands"""
GROUPS = ("system", "health", "progress", "exposure", "data", "sdsu")
"""groups of status records, in the order of their buttons"""
NO_OPS = "noOpApply"
TIMES = ("obs_exposed", "obs_delay")
"""set-points that say how long is exposed: every camera has one of them"""

_GAP = 10
_BUTTON = 112
_TOP = 90
"""where a page begins below its row of buttons and its title"""


@dataclass(frozen=True)
class Page:
    """A page of commands, and of the status records that belong to them."""

    file: str
    title: str
    commands: tuple[str, ...]
    group: str = ""
    """group of status records below the commands"""


@dataclass(frozen=True)
class Camera:
    """A kind of camera whose screens are made."""

    name: str
    """nifs, ccd, ft: the folder of its pages, and the name of the screen it begins with"""
    definition: Definition
    top: str
    """prefix of the records that its first screen shows"""
    stream: str
    """quick-look stream of its runs"""

    @property
    def time(self) -> str:
        """Set-point of the exposure time, or of what makes it where frames follow each other."""
        names = {each.setpoint.name for each in self.definition.parameters if each.setpoint is not None}
        return next(name for name in TIMES if name in names)

    @property
    def macros(self) -> dict[str, str]:
        """The macros that its screens expect."""
        return {"P": self.top, "CAMERA": self.name, "STREAM": self.stream, "TIME": self.time}


def make_screens(cameras: Sequence[Camera], overview: tuple[int, int]) -> dict[str, str]:
    """Return the text of every generated screen by its path.

    A panel that is the same for all cameras is made once, in the folder `COMMANDS`; the others are in that
    folder below the camera's own.

    Parameters
    ----------
    cameras
        kinds of camera
    overview
        width and height of the overview, pixels
    """
    panels = {camera.name: _panels(camera.definition) for camera in cameras}
    shared = {
        name: screen.text()
        for name, screen in next(iter(panels.values())).items()
        if all(name in each and each[name].text() == screen.text() for each in panels.values())
    }
    made = {f"{COMMANDS}/{name}.bob": text for name, text in shared.items()}
    for camera in cameras:
        own = panels[camera.name]
        made |= {
            f"{camera.name}/{COMMANDS}/{name}.bob": screen.text()
            for name, screen in own.items()
            if name not in shared
        }
        places = {name: f"../{COMMANDS}" if name in shared else COMMANDS for name in own}
        pages = _pages(camera.definition, own, places)
        made |= {f"{camera.name}/{file}": screen.text() for file, screen in pages.items()}
        made[f"{camera.name}.bob"] = _first(camera, overview).text()
    return made


def _panels(definition: Definition) -> dict[str, Screen]:
    return {command.name: panel(command, definition) for command in definition.commands}


def _first(camera: Camera, overview: tuple[int, int]) -> Screen:
    """Return the screen to open: the overview with the macros of a camera."""
    screen = Screen(f"Detector controller {camera.top}", *overview, camera.macros)
    screen.add(embedded(OVERVIEW, Box(0, 0, *overview)))
    return screen


# --- which pages there are --------------------------------------------------------------------------------


def command_pages(definition: Definition) -> list[Page]:
    """Return the pages of commands: every command is on one of them at least."""
    below = {child: _leaves(definition, child) for child in _children(definition, definition.top_apply)}
    state = below.get("stateApply", ())
    pages = [
        Page("observe.bob", "Observe", (*_of_mode(definition, "obs"), *_without(state, "view")), "progress"),
        Page("view.bob", "View", (*_of_mode(definition, "view"), *_only(state, "view"))),
        Page("sequence.bob", "Sequence", below.get("seqApply", ()), "exposure"),
        Page("data.bob", "Data", below.get("dataApply", ()), "data"),
        Page("sdsu.bob", "Controller", _both(below, "controlSDSUApply", "SDSUUtilsApply"), "sdsu"),
        Page("system.bob", "System", below.get("sysApply", ()), "system"),
        Page("others.bob", "Others", below.get(NO_OPS, ())),
    ]
    shown = {name for page in pages for name in page.commands}
    left = [
        Page(f"{child}.bob", child.removesuffix("Apply"), commands)
        for child, commands in below.items()
        if not shown.issuperset(commands)
    ]
    return [page for page in (*pages, *left) if page.commands]


def _children(definition: Definition, apply: str) -> Iterator[str]:
    for each in definition.applies:
        if each.name == apply:
            yield from (child for child in each.children if child is not None)


def _leaves(definition: Definition, name: str) -> tuple[str, ...]:
    """Return the commands below an apply record; those of a command are itself."""
    if any(each.name == name for each in definition.applies):
        return tuple(leaf for child in _children(definition, name) for leaf in _leaves(definition, child))
    return (name,)


def _of_mode(definition: Definition, mode: str) -> tuple[str, ...]:
    """Return the commands that set parameters of a mode."""
    return tuple(
        command.name
        for command in definition.commands
        if any((argument.parameter or "").startswith(f"{mode}_") for argument in command.arguments)
    )


def _only(names: Sequence[str], wanted: str) -> tuple[str, ...]:
    return tuple(name for name in names if name == wanted)


def _without(names: Sequence[str], unwanted: str) -> tuple[str, ...]:
    return tuple(name for name in names if name != unwanted)


def _both(below: Mapping[str, tuple[str, ...]], *applies: str) -> tuple[str, ...]:
    return tuple(name for apply in applies for name in below.get(apply, ()))


# --- the pages --------------------------------------------------------------------------------------------


def _pages(
    definition: Definition, panels: Mapping[str, Screen], places: Mapping[str, str]
) -> dict[str, Screen]:
    specs = command_pages(definition)
    links = {page.title: page.file for page in specs}
    links |= {"Status": _status_file(GROUPS[0]), "Alarms": "alarms.bob", "Responses": "responses.bob"}
    strip = _strip(links)
    made = {STRIP: strip}
    for page in specs:
        made[page.file] = _command_page(page, definition, panels, places, strip)
    groups = sorted(
        {each.group for each in definition.status},
        key=lambda group: (group not in GROUPS, [*GROUPS, group].index(group)),
    )
    for group in groups:
        made[_status_file(group)] = _status_page(group, groups, definition, strip)
    alarms = alarm_records(definition)
    rows = alarm_rows(alarms, _GAP, _TOP)
    made["alarms.bob"] = _page("Alarms", 1160, _TOP + (len(alarms) + 1) * (ROW + 2), strip, rows)
    height = _TOP + (len(definition.cars) + 1) * (ROW + 2)
    made["responses.bob"] = _page("Responses", 820, height, strip, response_rows(definition, _GAP, _TOP))
    return made


def _status_file(group: str) -> str:
    return f"status_{group}.bob"


def _strip(links: Mapping[str, str]) -> Screen:
    screen = Screen("Pages", (len(links) + 1) * _BUTTON + _GAP, ROW + 14)
    for index, (text, file) in enumerate({"Overview": f"../{OVERVIEW}", **links}.items()):
        screen.add(open_button(text, file, Box(_GAP + index * _BUTTON, 6, _BUTTON - 8, ROW + 4)))
    return screen


def _page(title: str, width: int, height: int, strip: Screen, rows: Sequence[Element]) -> Screen:
    screen = Screen(f"{title} $(P)", max(width, strip.width) + _GAP, height + _GAP)
    screen.add(embedded(STRIP, Box(0, 0, strip.width, strip.height)))
    screen.add(label(f"{title}  $(P)", Box(_GAP, strip.height + 6, 600, 34), TITLE), *rows)
    return screen


def _command_page(
    page: Page,
    definition: Definition,
    panels: Mapping[str, Screen],
    places: Mapping[str, str],
    strip: Screen,
) -> Screen:
    """Return a page of panels in two columns of about the same height, with status records below them."""
    half = sum(panels[name].height + _GAP for name in page.commands) / 2
    rows: list[Element] = []
    heights = [0, 0]
    column = 0
    for name in page.commands:
        height = panels[name].height
        box = Box(_GAP + column * (WIDTH + _GAP), _TOP + heights[column], WIDTH, height)
        rows.append(embedded(f"{places[name]}/{name}.bob", box))
        heights[column] += height + _GAP
        if heights[0] >= half:
            column = 1
    bottom = _TOP + max(heights)
    width = _GAP + (WIDTH + _GAP) * (2 if heights[1] else 1)
    records = [each for each in definition.status if each.group == page.group]
    if records:
        rows += status_rows(records, _GAP, bottom + _GAP)
        bottom += _GAP + status_height(records)
        width = max(width, _GAP + COLUMN_WIDTH * status_columns(records))
    return _page(page.title, width, bottom, strip, rows)


def _status_page(group: str, groups: Sequence[str], definition: Definition, strip: Screen) -> Screen:
    records = [each for each in definition.status if each.group == group]
    rows = [
        open_button(each, _status_file(each), Box(_GAP + index * _BUTTON, _TOP, _BUTTON - 8, ROW + 4))
        for index, each in enumerate(groups)
    ]
    top = _TOP + ROW + 16
    rows += status_rows(records, _GAP, top)
    width = _GAP + COLUMN_WIDTH * status_columns(records)
    return _page(f"Status: {group}", width, top + status_height(records), strip, rows)
