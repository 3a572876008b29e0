"""The screens in other programs than ours, against a running system.

``python -m tests.phoebus.run`` fetches what it needs, starts a system of NIFS and one of a CCD, and

- draws every screen in a browser with cs-web-lib, an independent reader of Phoebus' files: all texts are
  there, all channels connected, no macro is left, the browser complains of nothing; screens are reached by
  pressing buttons, and an observation is started by pressing those of the overview and ends in a file;
- connects every channel of every screen with Phoebus' own libraries for PVAccess and Channel Access, and
  compares the image that they get with the file.

What cannot be had is skipped with a line that says so. Exit status: 0 all is well, 1 something is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from nifsdc.database.locate import share
from nifsdc.screens.reading import Use

from . import fetch
from .system import Ports, free_ports, running
from .walk import Shown, groups, pages

CAMERAS = ("nifs", "ccd")
"""those whose observation is one image and ends by itself"""


def main() -> int:
    """Do all that can be done here, and say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.phoebus.run", description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep a picture of every screen here")
    arguments = parser.parse_args()
    begin = time.monotonic()
    skipped: list[str] = []
    java = site = programs = None
    try:
        java = fetch.java_channels()
    except fetch.Missing as error:
        skipped.append(f"Phoebus' libraries: {error}")
    try:
        site, programs = fetch.page(), fetch.browser()
    except fetch.Missing as error:
        skipped.append(f"the screens in a browser, and the observation from them: {error}")
    ports = free_ports()
    _point_clients_at(ports)
    problems: list[str] = []
    if site is not None and programs is not None:
        for camera in CAMERAS:
            problems += _look(camera, ports, site, programs, java, arguments.pictures)
    for problem in problems:
        print(f"WRONG    {problem}")
    for each in skipped:
        print(f"SKIPPED  {each}")
    print(f"{len(problems)} problems, {time.monotonic() - begin:.0f} s")
    return 1 if problems else 0


def _point_clients_at(ports: Ports) -> None:
    os.environ["EPICS_CA_ADDR_LIST"] = "127.0.0.1"
    os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
    os.environ["EPICS_CA_SERVER_PORT"] = str(ports.ca)


def _look(
    camera: str,
    ports: Ports,
    site: Path,
    programs: tuple[str, str],
    java: list[str] | None,
    pictures: Path | None,
) -> list[str]:
    # Their imports start libca, which reads the environment then.
    from . import browser, gateway, libraries

    opi = share("opi")
    first, linked = pages(opi, camera)
    status = groups(opi, camera)
    problems: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix=f"nifsdc-{camera}-") as folder,
        running(camera, ports, Path(folder)) as system,
        gateway.Gateway() as channels,
        browser.served(site, opi, system.folder / "quicklook.png") as address,
    ):
        window = browser.Browser(programs, channels)
        try:
            window.open(address, camera, dict(first.macros))
            problems += window.problems(first)
            file = browser.observe(window, system, f"Screen-{camera}")
            print(f"{camera}: START on the overview made {file.name}", flush=True)
            window.open(address, camera, dict(first.macros))  # with the image
            way = [("", first), *linked.items(), ("Status", linked["Status"]), *status.items()]
            for text, shown in way:
                if text:
                    window.press(text)
                problems += window.problems(shown)
                if pictures is not None:
                    window.picture(pictures / f"{camera}-{shown.path.stem}.png")
        finally:
            window.close()
        screens = {each.path: each for each in (first, *linked.values(), *status.values())}
        print(f"{camera}: {len(screens)} screens drawn, {len(problems)} problems", flush=True)
        if java is not None:
            count, found = libraries.look(java, system, _uses(list(screens.values())), file)
            print(f"{camera}: {count} channels through Phoebus' libraries, {len(found)} wrong", flush=True)
            problems += found
    return problems


def _uses(screens: list[Shown]) -> list[tuple[str, Use]]:
    return [use for shown in screens for use in shown.uses()]


if __name__ == "__main__":
    sys.exit(main())
