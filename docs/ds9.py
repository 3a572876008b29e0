"""Shows an observation in DS9 under a virtual screen, and keeps what the screen shows.

Run as ``python docs/ds9.py PICTURE``; needs DS9 and Xvfb (Debian: ``apt-get install saods9 xvfb``) and the
package with its extra ``dev``. It starts a simulated system, a SAMP hub and DS9, takes an observation, has
`nifsdc quicklook ds9` show it, asks DS9 what it shows, compares that with the file, and writes the picture.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from PIL import Image
from pyvo.samp import SAMPHubServer, SAMPIntegratedClient

TOP = "ds9:"
SECONDS = 120.0
SCREEN = (1200, 900)
COLOURS = 64
SAMPLE = (1001, 701, 8, 4)
"""pixels that DS9 is asked for: column and row of the first, from 1, then how many of each"""


def free_port() -> str:
    """Return a port that nobody listens at just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def wait_for(what: str, found: Callable[[], Any]) -> Any:
    """Wait until something is found, and return it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise SystemExit(f"{what}: did not come about within {SECONDS:g} s")


def screen_picture(dump: Path) -> Image.Image:
    """Return what a screen of 24 bits shows, from the file that Xvfb keeps it in (X window dump)."""
    content = dump.read_bytes()
    words = struct.unpack(">25I", content[:100])
    header, width, height, line, colours = words[0], words[4], words[5], words[12], words[19]
    pixels = np.frombuffer(content, np.uint8, offset=header + 12 * colours)[: line * height]
    blue_green_red = pixels.reshape(height, line // 4, 4)[:, :width, :3]
    return Image.fromarray(np.ascontiguousarray(blue_green_red[:, :, ::-1]))


class Machine:
    """The processes, each ended with this one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a process."""
        log = self._stack.enter_context((self._folder / f"{Path(command[0]).name}.log").open("w"))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    def screen(self) -> Path:
        """Start a screen, make it the one for windows, and return where its pixels are."""
        read, write = os.pipe()
        self._stack.callback(os.close, read)
        size = f"{SCREEN[0]}x{SCREEN[1]}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-fbdir", str(self._folder)]
        process = subprocess.Popen(
            [*command, "-nolisten", "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL
        )
        self._stack.callback(self._end, process)
        os.close(write)
        os.environ["DISPLAY"] = ":" + os.read(read, 16).decode().strip()
        return self._folder / "Xvfb_screen0"


def main(out: Path) -> int:
    """Make the picture; 1 when DS9 shows something else than the file has."""
    missing = [program for program in ("ds9", "Xvfb") if shutil.which(program) is None]
    if missing:
        print(f"{' and '.join(missing)} not found: apt-get install saods9 xvfb", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ds9-")))
        machine = Machine(folder, stack)
        environment(folder)
        screen = machine.screen()
        hub = SAMPHubServer(web_profile=False, lockfile=str(folder / "samp"), addr="127.0.0.1")
        hub.start()
        stack.callback(hub.stop)
        machine.start("ds9", "-geometry", f"{SCREEN[0]}x{SCREEN[1]}+0+0", "-scale", "asinh")
        client = SAMPIntegratedClient(name="asks", addr="127.0.0.1")
        client.connect(hub=hub)
        stack.callback(client.disconnect)
        ds9 = wait_for("DS9", lambda: client.get_subscribed_clients("ds9.get"))
        file = observed(machine, folder)
        run("quicklook", "ds9", "--top", TOP, "--timeout", "60")
        (identifier,) = ds9
        ask(client, identifier, "ds9.set", "zoom to fit")
        shown = ask(client, identifier, "ds9.get", "data image {} {} {} {} no".format(*SAMPLE))
        pixels = [tuple(map(float, numbers)) for numbers in re.findall(r"(\S+),(\S+) *= *(\S+)", shown)]
        stored = fits.getdata(file, "SCI")
        wrong = [one for one in pixels if not np.isclose(one[2], stored[int(one[1]) - 1, int(one[0]) - 1])]
        if len(pixels) != SAMPLE[2] * SAMPLE[3] or wrong:
            print(f"DS9 shows {shown}; wrong for {file.name}: {wrong or 'how many'}", file=sys.stderr)
            return 1
        screen_picture(screen).quantize(COLOURS).save(out, optimize=True)
    print(f"{out}: DS9 shows what {file.name} has")
    return 0


def environment(folder: Path) -> None:
    """Keep the system to this host and to ports of its own."""
    ports = ("CA_SERVER", "CA_REPEATER", "PVA_BROADCAST")
    os.environ |= {f"EPICS_{name}_PORT": free_port() for name in ports}
    os.environ |= {
        "EPICS_CAS_SERVER_PORT": os.environ["EPICS_CA_SERVER_PORT"],
        "EPICS_PVAS_BROADCAST_PORT": os.environ["EPICS_PVA_BROADCAST_PORT"],
        "EPICS_PVAS_SERVER_PORT": "0",
        "SAMP_HUB": f"std-lockurl:{(folder / 'samp').as_uri()}",
        "HOME": str(folder),
    }
    for kind in ("CA", "PVA"):
        os.environ |= {
            f"EPICS_{kind}_ADDR_LIST": "127.0.0.1",
            f"EPICS_{kind}_AUTO_ADDR_LIST": "NO",
            f"EPICS_{kind}S_INTF_ADDR_LIST": "127.0.0.1",
        }


def observed(machine: Machine, folder: Path) -> Path:
    """Take an observation of stars and return its file."""
    nifsdc = str(Path(sys.executable).with_name("nifsdc"))
    options = ("--top", TOP, "--speed", "fast", "--data-dir", str(folder / "data"))
    system = machine.start(nifsdc, "up", *options)
    assert system.stdout is not None
    if not system.stdout.readline().startswith("READY"):
        raise SystemExit("nifsdc up was not ready")
    said = run("observe", "--top", TOP, "--exposure", "600", "--read-mode", "FOWLER", "--nfowler", "8")
    return Path(said.rpartition("FILE ")[2].strip())


def run(*arguments: str) -> str:
    """Run a command of ours and return what it prints."""
    nifsdc = str(Path(sys.executable).with_name("nifsdc"))
    return subprocess.run([nifsdc, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def ask(client: SAMPIntegratedClient, identifier: str, kind: str, command: str) -> str:
    """Have DS9 carry out a command, and return what it answers."""
    message = {"samp.mtype": kind, "samp.params": {"cmd": command}}
    answer = client.call_and_wait(identifier, message, "60")
    if answer["samp.status"] != "samp.ok":
        raise SystemExit(f"DS9: {command}: {answer}")
    result = answer["samp.result"]
    if "url" in result:
        return Path(result["url"].removeprefix("file://localhost").removeprefix("file://")).read_text()
    return str(result.get("value", ""))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
