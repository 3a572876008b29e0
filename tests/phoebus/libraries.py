"""Every channel of every screen through the libraries of Phoebus itself (`Channels.java`)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from astropy.io import fits

from nifsdc.screens.reading import Need, Use

from .system import System

RUN_SECONDS = 600.0
_CAJ = "com.cosylab.epics.caj.CAJContext"
_IMAGE = "pva://"
_NUMBERS = {"DBR_INT", "DBR_SHORT", "DBR_BYTE", "DBR_DOUBLE", "DBR_FLOAT"}
_TEXT = {"DBR_STRING"}
_STATES = {"DBR_ENUM"}
_TYPES = {
    Need.SHOWN: _NUMBERS | _TEXT | _STATES,
    Need.TEXT: _TEXT | {"DBR_BYTE"},
    Need.ENTRY: _NUMBERS | _TEXT,
    Need.STATES: _STATES,
    Need.CHARACTERS: _TEXT,
    Need.NUMBER: _NUMBERS | _STATES,
    Need.WRITE: _NUMBERS | _TEXT | _STATES,
}
_WRITTEN = (Need.ENTRY, Need.STATES, Need.CHARACTERS, Need.WRITE)


def look(
    command: list[str], system: System, uses: Iterable[tuple[str, Use]], file: Path
) -> tuple[int, list[str]]:
    """Connect every channel, and compare the image with the file that it was stored in.

    Returns
    -------
    count, problems
        number of channels, and what is wrong with any
    """
    needs: dict[str, set[Need]] = {}
    for channel, use in uses:
        needs.setdefault(channel, set()).add(use.need)
    requests = [
        f"image {channel.removeprefix(_IMAGE)}" if channel.startswith(_IMAGE) else f"ca {channel}"
        for channel in sorted(needs)
    ]
    # As the buttons of a panel do, with text into a menu.
    stop = f"{system.top}dc:stop.DIR"
    answers = _ask(command, system, [*requests, f"write {stop} MARK", f"write {stop} CLEAR"])
    problems = [
        problem
        for channel, wanted in needs.items()
        for problem in _problems(channel, wanted, answers.get(channel.removeprefix(_IMAGE), []), file)
    ]
    if answers[f"write {stop}"] != ["written", "Normal successful completion"]:
        problems.append(f"{stop} takes no directive: {answers[f'write {stop}']}")
    return len(needs), problems


def _ask(command: list[str], system: System, requests: list[str]) -> dict[str, list[str]]:
    options = {
        f"{_CAJ}.addr_list": "127.0.0.1",
        f"{_CAJ}.auto_addr_list": "false",
        f"{_CAJ}.server_port": str(system.ports.ca),
        f"{_CAJ}.max_array_bytes": "100000000",
    }
    environment = {
        "EPICS_PVA_NAME_SERVERS": f"127.0.0.1:{system.ports.pva}",
        "EPICS_PVA_ADDR_LIST": f"127.0.0.1:{system.ports.pva_search}",
        "EPICS_PVA_AUTO_ADDR_LIST": "NO",
    }
    done = subprocess.run(
        [*command, *(f"-D{name}={value}" for name, value in options.items()), "Channels"],
        input="".join(f"{request}\n" for request in requests),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, *rest = line.split("\t")
        answers[f"write {name}" if rest[0] == "written" else name] = rest
    return answers


def _problems(channel: str, needs: set[Need], answer: list[str], file: Path) -> list[str]:
    if not answer or answer[0] == "failed":
        return [f"{channel} is not connected: {' '.join(answer)}"]
    if Need.IMAGE in needs:
        return _image_problems(channel, answer, file)
    kind, count, rights = answer
    problems = [
        f"{channel} is {kind} of {count}, rights to {rights}; a widget needs {need.value}"
        for need in needs
        if kind not in _TYPES[need]
        or (int(count) != 1 and need is not Need.TEXT)
        or (need in _WRITTEN and rights != "write")
    ]
    return sorted(problems)


def _image_problems(channel: str, answer: list[str], file: Path) -> list[str]:
    with fits.open(file) as hdus:
        pixels = (
            hdus["SCI"].data if "SCI" in hdus else next(each.data for each in hdus if each.data is not None)
        )
    structure, width, height, total = answer
    shape = (int(height), int(width))
    problems = []
    if structure != "epics:nt/NTNDArray:1.0" or shape != pixels.shape:
        problems.append(f"{channel} is {structure} of {shape}; the file has {pixels.shape}")
    elif not np.isclose(float(total), pixels.astype(np.float64).sum(), rtol=1e-9):
        problems.append(f"{channel}: its pixels add up to {total}; those of {file} to {pixels.sum()}")
    return problems
