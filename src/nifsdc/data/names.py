"""What a file is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nifsdc.data.errors import LabelRefused

LONGEST = 100
MESSAGE = 39
"""characters that a record's message holds"""
STANDARD_TEMPLATE = "N{night}S{number:04d}"
SUFFIX = ".fits"
_NIGHT = re.compile(r"[0-9]{8}")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(/[A-Za-z0-9][A-Za-z0-9_-]{0,60})?")


def clean_label(label: str) -> str:
    """Return a data label as the beginning of a file name, without ``.fits``.

    Characters that are awkward in a name become underscores.

    Raises
    ------
    LabelRefused
        when it would name a place outside its folder, or a hidden file, or is too long
    """
    label = label.strip()
    if "/" in label or "\\" in label or "\0" in label:
        raise LabelRefused(f"data label {label!r} names another folder: leave out / and \\")
    label = label.removesuffix(SUFFIX)
    clean = re.sub(r"[^A-Za-z0-9._+-]", "_", label)
    if clean.startswith((".", "-")) or not clean.strip("._-"):
        raise LabelRefused(f"data label {label!r} makes no file name: begin with a letter or a digit")
    if len(clean) > LONGEST:
        raise LabelRefused(
            f"data label {label!r} has {len(clean)} characters; at most {LONGEST} make a file name"
        )
    return clean


def label_problem(label: str) -> str | None:
    """Return why a data label makes no file name, in 39 characters, or None; an empty one is fine."""
    if not label.strip():
        return None
    try:
        clean_label(label)
    except LabelRefused:
        if len(label) > LONGEST:
            return f"dataLabel: {len(label)} long, at most {LONGEST}"
        outside = re.search(r"[/\\\0]", label)
        allowed = "no / or \\ in it" if outside else "start A-Z or 0-9"
        room = MESSAGE - len(f"dataLabel '': {allowed}")
        shown = label if len(label) <= room else label[: room - 2] + ".."
        return f"dataLabel '{shown}': {allowed}"
    return None


def check_night(night: str) -> str:
    """Return the name of a night's folder; raises LabelRefused when it is not eight digits."""
    if not _NIGHT.fullmatch(night):
        raise LabelRefused(f"night {night!r} is not a date such as 20260301")
    return night


def check_folder(folder: str) -> str:
    """Return the name of a folder below a night's; raises LabelRefused when it is not plain names."""
    if not _FOLDER.fullmatch(folder):
        raise LabelRefused(f"folder {folder!r} is not plain names such as raw/T051500_1a2b3c4d")
    return folder


def labelled(label: str) -> Iterator[str]:
    """Yield the names a label may get, in the order of trying: ``a.fits``, ``a-1.fits``, ``a-2.fits`` ..."""
    stem = clean_label(label)
    yield stem + SUFFIX
    number = 0
    while True:
        number += 1
        yield f"{stem}-{number}{SUFFIX}"


@dataclass(frozen=True)
class Template:
    """How files without a label are called: a format with ``night`` and ``number``.

    Raises
    ------
    ValueError
        when the format has no number, or makes no file name
    """

    text: str = STANDARD_TEMPLATE

    def __post_init__(self) -> None:
        try:
            first, second = self.name("20260101", 1), self.name("20260101", 2)
            clean_label(first)
        except (KeyError, IndexError, ValueError, LabelRefused) as error:
            raise ValueError(
                f"name template {self.text!r}: {error!r}; example: {STANDARD_TEMPLATE}"
            ) from error
        if first == second or "{" in first:
            raise ValueError(f"name template {self.text!r} has no number; example: {STANDARD_TEMPLATE}")

    def name(self, night: str, number: int) -> str:
        """Return the file's name for a running number."""
        return self.text.format(night=night, number=number) + SUFFIX

    def highest(self, night: str, names: Iterator[str]) -> int:
        """Return the highest running number among these names; 0 when there is none."""
        marked = self.text.replace("{night}", night)
        before, _, after = marked.partition("{number")
        pattern = re.compile(re.escape(before) + r"([0-9]+)" + re.escape(after.partition("}")[2] + SUFFIX))
        matches = (pattern.fullmatch(name) for name in names)
        return max((int(match[1]) for match in matches if match), default=0)
