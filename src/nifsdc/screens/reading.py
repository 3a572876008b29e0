"""What a screen consists of, read from its file: the channels its widgets need, its links, its macros."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, parse

from nifsdc.screens.phoebus import ACTIONS, DISPLAY_PROPERTIES, PROPERTIES, TARGETS, VERSIONS
from nifsdc.screens.widgets import TEXT_FORMAT

_MACRO = re.compile(r"\$[({](\w+)(?:=([^)}]*))?[)}]")
_CHILDREN = "widget"
_IN_FORMULA = re.compile(r"`([^`]+)`")


class Need(enum.Enum):
    """What a widget needs of its channel."""

    SHOWN = "one value that can be shown"
    TEXT = "long text"
    ENTRY = "one value that can be typed in"
    STATES = "states to choose from"
    CHARACTERS = "text that can be written"
    NUMBER = "a number"
    IMAGE = "images (NTNDArray)"
    WRITE = "to take the value of a button"


@dataclass(frozen=True)
class Use:
    """A widget that needs a channel; names are as in the file, with macros in them."""

    widget: str
    channel: str
    need: Need
    value: str = ""
    """what a button writes"""


@dataclass(frozen=True)
class Link:
    """Another screen that is opened or shown within, with what is added to the macros."""

    widget: str
    file: str
    macros: Mapping[str, str]
    within: bool
    """whether it is shown within the screen"""


@dataclass(frozen=True)
class Content:
    """A screen as read from its file."""

    macros: Mapping[str, str]
    """those that it sets itself"""
    uses: tuple[Use, ...]
    links: tuple[Link, ...]
    texts: tuple[str, ...]
    """every other text that macros can stand in"""
    problems: tuple[str, ...]
    """what Phoebus would not understand"""


class ScreenError(ValueError):
    """A file that is no screen; the text says what is wrong with it."""


def read_screen(path: Path) -> Content:
    """Read a screen.

    Raises
    ------
    ScreenError
        when it is not there or no XML of a display
    """
    try:
        root = parse(path).getroot()
    except (OSError, ParseError) as error:
        raise ScreenError(f"{path} cannot be read: {error}") from None
    if root.tag != "display":
        raise ScreenError(f"{path} begins with <{root.tag}>; expected <display>")
    problems = [
        f"the screen's <{each.tag}> is no property of a display"
        for each in root
        if each.tag not in DISPLAY_PROPERTIES | {_CHILDREN}
    ]
    uses: list[Use] = []
    links: list[Link] = []
    for widget in root.iter(_CHILDREN):
        problems += _misunderstood(widget)
        uses += _uses(widget)
        links += _links(widget)
    texts = tuple(each.text for each in root.iter() if each.text and "$" in each.text)
    return Content(_macros(root), tuple(uses), tuple(links), texts, tuple(problems))


def expand(text: str, macros: Mapping[str, str]) -> str:
    """Return a text with macros filled in; those that have no value stay as they are."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        return macros.get(name, match.group(0) if default is None else default)

    return _MACRO.sub(value, text)


def unresolved(text: str) -> list[str]:
    """Return the names of macros in a text."""
    return [match.group(1) for match in _MACRO.finditer(text)]


# --- one widget -------------------------------------------------------------------------------------------


def _misunderstood(widget: Element) -> Iterator[str]:
    kind, name = widget.get("type", ""), widget.findtext("name", "")
    if kind not in PROPERTIES:
        yield f"{name!r} is a {kind!r}; known widgets: {', '.join(PROPERTIES)}"
        return
    if widget.get("version") != VERSIONS[kind]:
        yield f"{name!r}: version {widget.get('version')} of a {kind}; expected {VERSIONS[kind]}"
    children = {_CHILDREN} if kind == "group" else set()
    for each in widget:
        if each.tag not in PROPERTIES[kind] | children:
            yield f"{name!r}: a {kind} has no property {each.tag!r}"
    for action in widget.iterfind("actions/action"):
        known = ACTIONS.get(action.get("type", ""))
        if known is None:
            yield f"{name!r}: action {action.get('type')!r}; known: {', '.join(ACTIONS)}"
            continue
        for each in action:
            if each.tag not in known:
                yield f"{name!r}: {action.get('type')} has no {each.tag!r}"
        if action.get("type") == "open_display" and action.findtext("target") not in TARGETS:
            yield f"{name!r}: target {action.findtext('target')!r}; expected one of {', '.join(TARGETS)}"


def _uses(widget: Element) -> Iterator[Use]:
    kind, name = widget.get("type", ""), widget.findtext("name", "")
    channel = widget.findtext("pv_name", "")
    if channel.startswith("="):
        yield from (Use(name, each, Need.NUMBER) for each in _IN_FORMULA.findall(channel))
    elif channel:
        yield Use(name, channel, _need(kind, widget))
    for action in widget.iterfind("actions/action[@type='write_pv']"):
        yield Use(name, action.findtext("pv_name", ""), Need.WRITE, action.findtext("value", ""))


def _need(kind: str, widget: Element) -> Need:
    if kind == "combo":
        return Need.STATES if widget.findtext("items_from_pv", "true") == "true" else Need.CHARACTERS
    if kind == "textupdate" and widget.findtext("format") == str(TEXT_FORMAT):
        return Need.TEXT
    needs = {
        "textentry": Need.ENTRY,
        "led": Need.NUMBER,
        "progressbar": Need.NUMBER,
        "image": Need.IMAGE,
    }
    return needs.get(kind, Need.SHOWN)


def _links(widget: Element) -> Iterator[Link]:
    name = widget.findtext("name", "")
    if widget.get("type") == "embedded":
        yield Link(name, widget.findtext("file", ""), _macros(widget), True)
    for action in widget.iterfind("actions/action[@type='open_display']"):
        yield Link(name, action.findtext("file", ""), _macros(action), False)


def _macros(element: Element) -> dict[str, str]:
    found = element.find("macros")
    return {} if found is None else {each.tag: each.text or "" for each in found}
