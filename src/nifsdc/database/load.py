"""From ``db/*.yaml`` to a `Definition`; whatever is wrong is found here."""

from __future__ import annotations

from pathlib import Path

from nifsdc.database.definition import Definition


class DefinitionError(ValueError):
    """The database's definition cannot be used; every problem names file, entry and remedy."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(folder: Path | None = None) -> Definition:
    """Read the database.

    Parameters
    ----------
    folder
        where the YAML files are; by default those that came with the package

    Raises
    ------
    DefinitionError
        with everything that is wrong in them
    """
    raise NotImplementedError(folder)
