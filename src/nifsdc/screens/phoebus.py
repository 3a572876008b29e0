"""What Phoebus knows of the widgets that our screens use: versions and names of properties.

Phoebus passes over properties that it does not know, so a wrong name goes unnoticed on the screen. The names
are those of the widget classes of Phoebus 5 (``org.csstudio.display.builder.model.widgets``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "action_button": "3.0.0",
        "combo": "2.0.0",
        "embedded": "2.0.0",
        "group": "2.0.0",
        "image": "2.0.0",
        "label": "2.0.0",
        "led": "2.0.0",
        "progressbar": "2.0.0",
        "rectangle": "2.0.0",
        "textentry": "3.0.0",
        "textupdate": "2.0.0",
    }
)
"""version of each widget type, as it stands in the file; a lower one is read as that of an older tool"""

_WIDGET = "name class x y width height actions rules scripts visible tooltip"
_MACRO = f"{_WIDGET} macros"
_PV = f"{_WIDGET} pv_name border_alarm_sensitive"
_BORDER = "border_width border_color"
_TEXT = "font foreground_color background_color"
_CONFIRM = "confirm_dialog confirm_message password"

_DISPLAY = (
    "name class x y width height actions rules scripts macros background_color "
    "grid_visible grid_color grid_step_x grid_step_y"
)
_OWN = {
    "action_button": f"{_PV} {_TEXT} {_CONFIRM} text transparent rotation_step enabled",
    "combo": f"{_PV} {_TEXT} {_CONFIRM} items items_from_pv editable enabled",
    "embedded": f"{_MACRO} {_BORDER} file resize group_name transparent",
    "group": f"{_MACRO} {_TEXT} style transparent",
    "image": f"{_PV} background_color show_toolbar color_map color_bar x_axis y_axis data_width data_height "
    "interpolation unsigned autoscale log_scale minimum maximum cursor_info_pv x_pv y_pv cursor_crosshair "
    "rois",
    "label": f"{_MACRO} {_TEXT} {_BORDER} text transparent horizontal_alignment vertical_alignment "
    "rotation_step auto_size wrap_words",
    "led": f"{_PV} font foreground_color bit off_label off_color on_label on_color line_color square "
    "labels_from_pv",
    "progressbar": f"{_PV} fill_color background_color log_scale horizontal limits_from_pv minimum maximum",
    "rectangle": f"{_MACRO} line_width line_color line_style background_color transparent corner_width "
    "corner_height",
    "textentry": f"{_PV} {_TEXT} {_BORDER} format precision show_units enabled wrap_words multi_line",
    "textupdate": f"{_PV} {_TEXT} {_BORDER} transparent format precision show_units horizontal_alignment "
    "vertical_alignment wrap_words rotation_step interactive",
}

DISPLAY_PROPERTIES = frozenset(_DISPLAY.split())
PROPERTIES: Mapping[str, frozenset[str]] = MappingProxyType(
    {kind: frozenset(names.split()) for kind, names in _OWN.items()}
)
"""names of the properties of each widget type that can stand in a file"""

ACTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "open_display": frozenset({"description", "file", "macros", "target", "name"}),
        "write_pv": frozenset({"description", "pv_name", "value"}),
    }
)
"""what an action of each type consists of"""
TARGETS = ("replace", "tab", "window")
"""where ``open_display`` shows a screen"""
