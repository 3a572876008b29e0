"""Where the data files that belong to the package are: in the wheel, or beside the sources in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def share(name: str) -> Path:
    """Return a folder of data files.

    Parameters
    ----------
    name
        ``db``, ``opi`` or ``ioc``

    Raises
    ------
    FileNotFoundError
        when neither the installed package nor a checkout has it
    """
    places = (_PACKAGE / "share" / name, _PACKAGE.parents[1] / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"the data folder {name!r} is neither in {places[0]} nor in {places[1]}: "
        "reinstall nifsdc, or give its path"
    )
