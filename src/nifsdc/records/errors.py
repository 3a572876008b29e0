"""What can go wrong in the record engine: a refused put (the user's) and a bad database (its author's)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .definition import Place

if TYPE_CHECKING:
    from .fields import Field


class PutRefused(Exception):
    """A put that was not done: the field keeps its value, nothing was posted or processed.

    Attributes:
        field: the field that was to be written.
        reason: what was wrong and what was expected, in words for the writer.
        read_only: True when the field may not be written at all (the client lacks write access),
            False when the value did not fit.
    """

    def __init__(self, field: Field, reason: str, *, read_only: bool = False) -> None:
        super().__init__(f"{field.pvname}: {reason}")
        self.field = field
        self.reason = reason
        self.read_only = read_only


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a database, and what would go if it were left out."""

    text: str
    """what is wrong and what was expected"""
    place: Place | None = None
    record: str = ""
    """name of the record concerned"""
    field: str = ""
    """field of it that cannot be used; "" when it is the record as a whole"""
    alias: str = ""
    """alias of it that cannot be used"""

    def __str__(self) -> str:
        return self.text if self.place is None else f"{self.place}: {self.text}"


class DatabaseError(Exception):
    """A database that cannot be loaded: every problem found, each naming record and field.

    Attributes:
        found: the problems.
        problems: the same as text, one line per problem.
    """

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        self.problems = tuple(map(str, self.found))
        super().__init__(f"{len(self.problems)} problem(s) in the database:\n  " + "\n  ".join(self.problems))
