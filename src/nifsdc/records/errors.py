"""What can go wrong in the record engine: a refused put (the user's) and a bad database (its author's)."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


class DatabaseError(Exception):
    """A database that cannot be loaded: every problem found, each naming record and field.

    Attributes:
        problems: one line per problem.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the database:\n  " + "\n  ".join(problems))
        self.problems = problems
