"""The XML of Phoebus screens (``.bob``): the few widgets that our screens are made of.

Names and meanings of the properties are those of Phoebus' display builder, version 5;
`nifsdc.screens.phoebus` lists them, and `nifsdc.screens.check` compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from nifsdc.screens.phoebus import VERSIONS

ROW = 24
"""height of a line of text, pixels"""
TEXT_FORMAT = 6
"""format of a text widget that shows characters (long text) as text"""
MIDDLE = 1
"""vertical alignment"""
CROP = 4
"""an embedded screen keeps its size, without scroll bars"""


class Box(NamedTuple):
    """Where a widget is, in pixels from the upper left corner of its screen."""

    x: int
    y: int
    width: int
    height: int = ROW - 4


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: int
    green: int
    blue: int


class Font(NamedTuple):
    """A font that Phoebus knows by name, and what it looks like where that name is unknown."""

    name: str
    style: str
    size: float


TITLE = Font("Header 1", "BOLD", 22.0)
HEADING = Font("Header 2", "BOLD", 18.0)
STRONG = Font("Default Bold", "BOLD", 14.0)
TITLE_BACKGROUND = Colour(210, 222, 236)
MARKED, UNMARKED = Colour(255, 190, 0), Colour(200, 200, 200)

Property = str | int | float | bool | Colour | Font | Sequence[Element]


@dataclass
class Screen:
    """A screen: its size, its macros and its widgets, in the order in which they are drawn."""

    name: str
    width: int
    height: int
    macros: Mapping[str, str] = field(default_factory=dict)
    widgets: list[Element] = field(default_factory=list)

    def add(self, *widgets: Element) -> None:
        """Add widgets on top of those that are there."""
        self.widgets += widgets

    def text(self) -> str:
        """Return the file: XML with one property a line."""
        root = Element("display", version="2.0.0")
        _set(root, "name", self.name)
        if self.macros:
            root.append(_macros(self.macros))
        _set(root, "width", self.width)
        _set(root, "height", self.height)
        root.extend(self.widgets)
        indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def label(text: str, box: Box, font: Font | None = None, background: Colour | None = None) -> Element:
    """Return a text that never changes."""
    properties: dict[str, Property] = {"text": text, "vertical_alignment": MIDDLE, "wrap_words": False}
    if font is not None:
        properties["font"] = font
    if background is not None:
        properties |= {"background_color": background, "transparent": False}
    return _widget("label", text, box, properties)


def shown(channel: str, box: Box, *, long_text: bool = False) -> Element:
    """Return the value of a channel as text with its unit, framed in the colour of its alarm."""
    properties: dict[str, Property] = {"pv_name": channel, "vertical_alignment": MIDDLE, "wrap_words": False}
    if long_text:
        properties["format"] = TEXT_FORMAT
    return _widget("textupdate", channel, box, properties)


def entry(channel: str, box: Box) -> Element:
    """Return a field whose text is written to a channel."""
    return _widget("textentry", channel, box, {"pv_name": channel, "show_units": False})


def choice(channel: str, box: Box, items: Iterable[str] = ()) -> Element:
    """Return a list to choose from: the states of a channel, or items that are written as text."""
    made: list[Element] = []
    for item in items:
        element = Element("item")
        element.text = item
        made.append(element)
    properties: dict[str, Property] = {"pv_name": channel}
    if made:
        properties |= {"items_from_pv": False, "items": made}
    return _widget("combo", channel, box, properties)


def lamp(channel: str, box: Box, on: Colour = MARKED, off: Colour = UNMARKED) -> Element:
    """Return a lamp that is on while a number is not 0."""
    return _widget("led", channel, box, {"pv_name": channel, "on_color": on, "off_color": off})


def write_button(text: str, channel: str, value: str, box: Box, tooltip: str) -> Element:
    """Return a button that writes one value into one channel."""
    action = Element("action", type="write_pv")
    _set(action, "description", text)
    _set(action, "pv_name", channel)
    _set(action, "value", value)
    return _widget("action_button", text, box, {"actions": [action], "text": text, "tooltip": tooltip})


def open_button(text: str, file: str, box: Box) -> Element:
    """Return a button that shows another screen in the place of this one, with the macros of this one."""
    action = Element("action", type="open_display")
    _set(action, "description", text)
    _set(action, "file", file)
    _set(action, "target", "replace")
    return _widget("action_button", text, box, {"actions": [action], "text": text, "tooltip": text})


def embedded(file: str, box: Box) -> Element:
    """Return another screen inside this one."""
    return _widget("embedded", file, box, {"file": file, "resize": CROP})


def _widget(kind: str, name: str, box: Box, properties: Mapping[str, Property]) -> Element:
    element = Element("widget", type=kind, version=VERSIONS[kind])
    for key, value in {"name": name, **box._asdict(), **properties}.items():
        _set(element, key, value)
    return element


def _set(parent: Element, name: str, value: Property) -> None:
    element = SubElement(parent, name)
    if isinstance(value, Colour):
        SubElement(element, "color", {key: str(number) for key, number in value._asdict().items()})
    elif isinstance(value, Font):
        attributes = {"name": value.name, "family": "Liberation Sans", "style": value.style}
        SubElement(element, "font", {**attributes, "size": str(value.size)})
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        element.text = str(value)
    else:
        element.extend(value)


def _macros(macros: Mapping[str, str]) -> Element:
    element = Element("macros")
    for name, value in macros.items():
        _set(element, name, value)
    return element
