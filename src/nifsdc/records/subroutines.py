"""Subroutines of records, named in Python as SNAM and INAM name them.

A module of them is all an instrument adds to its database::

    from nifsdc.records.subroutines import cad_subroutine, program

    @cad_subroutine("dcCADseq")
    def sequence(cad):
        if cad.directive.name == "PRESET" and not cad.args["A"].strip():
            cad.message = "no read mode"
            return -1
        return 0

    @program
    def acquire(ioc):
        ioc.database.watch("nifs:dc:observeP:st", lambda count: ...)
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from .definition import RecordDef
from .errors import Problem
from .record import Subroutine

if TYPE_CHECKING:
    from .database import Database

S = TypeVar("S", bound=Subroutine)


@dataclass(frozen=True)
class Ioc:
    """What a program is given."""

    database: Database
    """the records; to be touched on the thread the program was called on only"""
    macros: Mapping[str, str]
    """those the database was loaded with"""
    call: Callable[[Callable[[], None]], None]
    """has a function run on that thread; from any thread"""


Program: TypeAlias = Callable[[Ioc], None]
P = TypeVar("P", bound=Program)


class SubroutineError(ValueError):
    """A subroutine that cannot be registered, or a module of them that cannot be read."""


@dataclass
class Registry:
    """Subroutines by name, each for one record type, and the programs to start with them."""

    subroutines: dict[str, Subroutine] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    """record type by name of the subroutine"""
    programs: list[Program] = field(default_factory=list)

    def add(self, rtyp: str, name: str, subroutine: Subroutine) -> None:
        """Register a subroutine. Raises SubroutineError for a name that is taken or no name."""
        if not name or len(name.encode()) > 39 or name.split() != [name]:
            raise SubroutineError(f"{name!r}: the name of a subroutine has 1 to 39 bytes and no blank")
        if name in self.subroutines:
            taken = getattr(self.subroutines[name], "__qualname__", "?")
            raise SubroutineError(f"{name}: there is a {self.types[name]} subroutine of that name, {taken}")
        self.subroutines[name] = subroutine
        self.types[name] = rtyp

    def add_stubs(self, records: Iterable[RecordDef]) -> list[str]:
        """Register a function that accepts everything for each missing subroutine; returns their names."""
        named = {
            text: record.rtyp
            for record in records
            for name in ("SNAM", "INAM")
            if (text := record.fields.get(name, "").strip()) and text not in self.subroutines
        }
        for name, rtyp in named.items():
            self.add(rtyp, name, accept)
        return list(named)

    def problems(self, records: Iterable[RecordDef]) -> list[Problem]:
        """Records that name a subroutine of another record type."""
        return [
            Problem(
                f"{record.rtyp} {record.name}.{name}: {text} is a subroutine for {self.types[text]} records",
                record.place(name),
                record.name,
                name,
            )
            for record in records
            for name in ("SNAM", "INAM")
            if self.types.get(text := record.fields.get(name, ""), record.rtyp) != record.rtyp
        ]


def accept(record: object) -> int:
    """The subroutine that does nothing and is content."""
    return 0


REGISTRY = Registry()
"""what the decorators of this module fill"""


def _decorator(rtyp: str, name: str) -> Callable[[S], S]:
    def register(subroutine: S) -> S:
        REGISTRY.add(rtyp, name, subroutine)
        return subroutine

    return register


def cad_subroutine(name: str) -> Callable[[S], S]:
    """Register what cad records call by this name: takes the CadRecord, returns 0 or, to refuse, -1."""
    return _decorator("cad", name)


def gensub_subroutine(name: str) -> Callable[[S], S]:
    """Register what genSub records call by this name: takes the GenSubRecord, returns 0 or an error."""
    return _decorator("genSub", name)


def sir_subroutine(name: str) -> Callable[[S], S]:
    """Register what sir records call by this name: takes the SirRecord, returns 0 or an error."""
    return _decorator("sir", name)


def program(function: P) -> P:
    """Have a function called once, when all records are initialised and before clients are served.

    It stands for the state programs of a C IOC: it sets watches and timers and returns.
    """
    REGISTRY.programs.append(function)
    return function


_numbers = itertools.count()


def load_module(path: str | Path) -> None:
    """Run a file of subroutines, so that its decorators register them. Its folder can be imported from.

    Raises:
        SubroutineError: there is no such file, or it raised an exception (the cause).
    """
    path = Path(path)
    if not path.is_file():
        raise SubroutineError(f"there is no file {path}; expected a Python module with subroutines")
    name = f"subroutines_{next(_numbers)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SubroutineError(f"{path} is no Python module; expected a name that ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise SubroutineError(f"{path} failed: {type(error).__name__}: {error}") from error
