"""What a night's folder holds: a list of its files with their checksums, to tell later what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nifsdc.data import disk
from nifsdc.data.check import CheckedFile
from nifsdc.data.errors import DataError

NAME = "MANIFEST.json"
VERSION = 1


class ManifestError(DataError):
    """A manifest that cannot be read or written; the text says why."""


def read(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the entries of a folder's manifest by file name, or None when it has none.

    Raises
    ------
    ManifestError
        when it cannot be read
    """
    path = folder / NAME
    try:
        tree = json.loads(path.read_bytes())
        if tree["version"] != VERSION:
            raise ManifestError(f"{path}: version {tree['version']}; expected {VERSION}")
        return {str(entry["name"]): entry for entry in tree["files"]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path}: no manifest that can be read: {error!r}") from error


def compare(
    entries: Mapping[str, Mapping[str, Any]], files: Iterable[CheckedFile]
) -> Iterator[tuple[str, str]]:
    """Yield name and problem of each file that is not as the manifest has it; new ones are no problem.

    Parameters
    ----------
    entries
        as `read` returns them
    files
        all files of the folder
    """
    there = {file.path.name: file for file in files}
    for name, entry in entries.items():
        file = there.get(name)
        if file is None:
            yield name, f"is missing; the manifest has it with {entry.get('bytes')} bytes"
        elif file.sha256 != entry.get("sha256"):
            yield name, f"is not the file of the manifest: {file.nbytes} bytes, there {entry.get('bytes')}"


def write(folder: Path, files: Iterable[CheckedFile]) -> Path:
    """Write the manifest of a folder, durably, over the one before it, and return its path.

    Raises
    ------
    ManifestError
        when it cannot be written
    """
    entries = [
        {
            "name": file.path.name,
            "bytes": file.nbytes,
            "sha256": file.sha256,
            "exposure": file.exposure_id,
            "images": file.as_tree()["images"],
        }
        for file in sorted(files, key=lambda file: file.path.name)
    ]
    path = folder / NAME
    tree = {"version": VERSION, "night": folder.resolve().name, "files": entries}
    try:
        disk.replace_synced(path, json.dumps(tree, indent=1, allow_nan=False).encode("ascii") + b"\n")
    except OSError as error:
        raise ManifestError(f"{path} cannot be written: {error}") from error
    return path
