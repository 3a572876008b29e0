"""Whether screens and records fit: walks from a camera's first screen through all that can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from nifsdc.database.subroutines import SUBROUTINES
from nifsdc.quicklook.streams import run_stream, view_streams
from nifsdc.records.database import Database
from nifsdc.records.fields import Field
from nifsdc.records.types import FieldType
from nifsdc.screens.pages import Camera
from nifsdc.screens.reading import Content, Need, ScreenError, Use, expand, read_screen, unresolved

_OVER_PVACCESS = "pva://"


def check(folder: Path, cameras: Sequence[Camera]) -> list[str]:
    """Return what is wrong with the screens of a folder, nothing when all fit.

    Parameters
    ----------
    folder
        where the screens are; that of a camera is its name with ``.bob``
    cameras
        kinds of camera, with their records
    """
    problems: list[str] = []
    seen: set[Path] = set()
    for camera in cameras:
        walk = _Walk(folder, camera)
        problems += [each for each in walk.problems() if each not in problems]
        seen |= walk.seen
    folder = folder.resolve()
    asked = {camera.name for camera in cameras}
    others = {path.stem for path in folder.glob("*.bob") if (folder / path.stem).is_dir()} - asked
    for path in sorted(folder.rglob("*.bob")):
        place = path.relative_to(folder)
        if path not in seen and place.with_suffix("").parts[0] not in others:
            problems.append(f"{place}: no screen leads to it")
    return problems


class _Walk:
    """Through the screens of one camera."""

    def __init__(self, folder: Path, camera: Camera) -> None:
        self._folder = folder.resolve()
        self._camera = camera
        self._channels = _Channels(camera)
        self._marked: set[str] = set()
        self.seen: set[Path] = set()

    def problems(self) -> list[str]:
        """Return what is wrong with every screen that can be reached, and which commands cannot."""
        first = self._folder / f"{self._camera.name}.bob"
        found = list(self._screen(first, {}, f"the first screen of {self._camera.name}"))
        for command in self._camera.definition.commands:
            if f"{self._camera.top}dc:{command.name}.DIR" not in self._marked:
                found.append(f"{self._camera.name}: no screen marks the command {command.name}")
        return found

    def _screen(self, path: Path, inherited: Mapping[str, str], reached_by: str) -> Iterator[str]:
        path = path.resolve()
        if path in self.seen:
            return
        self.seen.add(path)
        try:
            content = read_screen(path)
        except ScreenError as error:
            yield f"{error} ({reached_by})"
            return
        where = path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else str(path)
        macros = {**inherited, **content.macros}
        yield from (f"{where}: {problem}" for problem in self._own(content, macros))
        for link in content.links:
            file = expand(link.file, macros)
            if unresolved(file):
                continue
            target = path.parent / PurePosixPath(file)
            yield from self._screen(target, {**macros, **link.macros}, f"{link.widget!r} of {where}")

    def _own(self, content: Content, macros: Mapping[str, str]) -> Iterator[str]:
        yield from content.problems
        for text in content.texts:
            for name in unresolved(expand(text, macros)):
                yield f"the macro $({name}) of {text!r} has no value"
        for use in content.uses:
            channel = expand(use.channel, macros)
            if use.need is Need.WRITE and use.value == "MARK":
                self._marked.add(channel)
            problem = self._channels.problem(use, channel)
            if problem:
                yield f"{use.widget!r}: {problem}"


class _Channels:
    """The channels of a camera: those of its records as its IOC serves them, and its images."""

    def __init__(self, camera: Camera) -> None:
        definition = camera.definition
        routines = {command.snam: lambda record: 0 for command in definition.commands}
        self._database = Database(definition.records(camera.top), {**SUBROUTINES, **routines})
        defaults = {each.name: each.default for each in definition.parameters}
        streams = (run_stream(defaults), *view_streams(defaults))
        self._images = [f"{_OVER_PVACCESS}{camera.top}dc:{stream}:Image" for stream in streams]

    def problem(self, use: Use, channel: str) -> str:
        """Return why a widget cannot work with a channel, empty when it can."""
        if use.need is Need.IMAGE or channel.startswith(_OVER_PVACCESS):
            if use.need is Need.IMAGE and channel in self._images:
                return ""
            return f"{channel} for {use.need.value}; images are in {_listed(self._images)}"
        field = self._database.find(channel)
        if field is None:
            return f"there is no channel {channel}"
        if _fits(use, field):
            return ""
        writable = "" if field.writable else ", read-only"
        states = f" with the states {_listed(field.menu)}" if field.menu else ""
        asked = f"{use.need.value} {use.value!r}" if use.value else use.need.value
        return f"{channel} is {field.dbr.value}{states}{writable}; the widget needs {asked}"


def _fits(use: Use, field: Field) -> bool:
    kind = field.dbr
    number = kind.is_integer or kind.is_float
    scalar = field.count == 1 and kind is not FieldType.NOACCESS
    if use.need is Need.TEXT:
        return kind is FieldType.CHAR or (kind is FieldType.STRING and scalar)
    if use.need is Need.SHOWN or not scalar:
        return use.need is Need.SHOWN and scalar
    if use.need is Need.NUMBER:
        return number or kind.is_enum
    if not field.writable:
        return False
    if use.need is Need.STATES:
        return kind.is_enum and bool(field.menu)
    if use.need is Need.CHARACTERS:
        return kind is FieldType.STRING
    if use.need is Need.ENTRY:
        return number or kind is FieldType.STRING
    return _takes(field, use.value)


def _takes(field: Field, value: str) -> bool:
    """Whether a channel takes a text that a button writes."""
    if field.menu is not None:
        return value in field.menu
    if field.dbr is FieldType.STRING:
        return True
    try:
        float(value)
    except ValueError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
