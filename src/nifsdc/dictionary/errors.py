"""What is wrong with a value, in a form that fits a record and in full."""

from __future__ import annotations

SHORT_LENGTH = 39
"""characters that a MESS, OMSS or STRING value can show"""


class InvalidValue(ValueError):
    """A value that a parameter cannot take: a mistake of the user.

    Parameters
    ----------
    name
        the parameter
    given
        the value as it was given
    expected
        what can be given, in words
    brief
        the same in a few characters
    stays
        the value the parameter keeps, if it has one yet
    """

    def __init__(self, name: str, given: object, expected: str, brief: str, stays: object = None) -> None:
        self.name = name
        self.given = given
        self.expected = expected
        kept = "" if stays is None else f"; it stays {stays!r}"
        super().__init__(f"{name} cannot be {given!r}: give {expected}{kept}")
        self.short = _short(name, _shown(given), brief)
        """at most 39 characters: name, value, and as much of what is expected as fits"""


class UnknownName(KeyError):
    """A dictionary was asked for a name that nobody added: a mistake of ours."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(name)
        self._text = f"no {kind} {name!r}: add it to the database's definition (db/)"

    def __str__(self) -> str:
        return self._text


def _shown(given: object) -> str:
    """The value as short as it can be written without loss, and safe to show."""
    text = str(given).strip()
    if not text:
        return "(empty)"
    text = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    whole, point, fraction = text.partition(".")
    if point and fraction.isdigit() and whole.lstrip("+-").isdigit():
        fraction = fraction.rstrip("0")
        return f"{whole}.{fraction}" if fraction else whole
    return text


def _short(name: str, given: str, brief: str) -> str:
    text = f"{name} {given}: {brief}"
    if len(text) <= SHORT_LENGTH:
        return text
    room = SHORT_LENGTH - len(f"{name} : {brief}")
    if room >= min(len(given), 8):
        return f"{name} {given[: room - 2]}..: {brief}"
    # What is expected gives way: whole words of it, as many as fit.
    text = f"{name} {given}:"
    for word in brief.split():
        if len(text) + len(word) + 3 > SHORT_LENGTH:
            return f"{text}.."[:SHORT_LENGTH]
        text += f" {word}"
    return text[:SHORT_LENGTH]
