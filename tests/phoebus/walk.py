"""The screens of a camera as a person comes upon them, and the channels on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import parse

from nifsdc.screens.reading import Content, Use, expand, read_screen


@dataclass(frozen=True)
class Shown:
    """A screen with all that is shown within it."""

    path: Path
    macros: Mapping[str, str]

    def contents(self) -> Iterator[tuple[Path, Content]]:
        """Every file that is shown, the screen's own first."""
        waiting = [self.path]
        while waiting:
            path = waiting.pop(0)
            content = read_screen(path)
            yield path, content
            waiting += [
                (path.parent / expand(link.file, self.macros)).resolve()
                for link in content.links
                if link.within
            ]

    def uses(self) -> list[tuple[str, Use]]:
        """The channels that its widgets need, by their full names."""
        return [
            (expand(use.channel, self.macros), use) for _, content in self.contents() for use in content.uses
        ]

    def texts(self) -> set[str]:
        """The texts of its labels and buttons."""
        found = (
            widget.findtext("text", "")
            for path, _ in self.contents()
            for widget in parse(path).getroot().iter("widget")
            if widget.get("type") in ("label", "action_button")
        )
        return {" ".join(expand(text, self.macros).split()) for text in found}

    def size(self) -> tuple[int, int]:
        """Its width and height, pixels."""
        root = parse(self.path).getroot()
        return int(root.findtext("width", "0")), int(root.findtext("height", "0"))


def pages(folder: Path, camera: str) -> tuple[Shown, dict[str, Shown]]:
    """The first screen of a camera, and those that its row of buttons leads to by the text of the button."""
    first = folder / f"{camera}.bob"
    macros = dict(read_screen(first).macros)
    strip = folder / camera / "pages.bob"
    linked: dict[str, Shown] = {}
    for link in read_screen(strip).links:
        linked[link.widget] = Shown((strip.parent / link.file).resolve(), macros)
    return Shown(first.resolve(), macros), linked


def groups(folder: Path, camera: str) -> dict[str, Shown]:
    """The pages of status records by the text of their buttons."""
    macros = dict(read_screen(folder / f"{camera}.bob").macros)
    page = folder / camera / "status_system.bob"
    links = (link for link in read_screen(page).links if not link.within)
    return {link.widget: Shown((page.parent / link.file).resolve(), macros) for link in links}
