"""Run as ``python -m tests.data.cube_writers``: writers of files of frames that can be killed.

A line of JSON on the standard input starts a writer, a process of its own; ``PID n`` answers. It says
``n FRAMES`` when so many are announced, ``CLOSING`` before it closes the file, and ``CLOSED`` then. Forking
saves the time of starting up.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from nifsdc.data.cube_file import CubeFile

from .cube_frames import frame


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def write(path: Path, seed: int, frames: int, room: int) -> None:
    """Append frames, a random number of them between two commits, then close."""
    chance = random.Random(seed)
    with CubeFile(path, room=room, durable=chance.random() < 0.5) as file:
        while file.frames < frames:
            for _ in range(min(chance.randint(1, 5), frames - file.frames)):
                file.append(frame(file.written + 1))
            say(f"{file.commit()} FRAMES")
        say("CLOSING")
        file.finish()
        say("CLOSED")


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                write(Path(order["path"]), order["seed"], order["frames"], order["room"])
            finally:
                os._exit(0)
        say(f"PID {child}")
        os.waitpid(child, 0)
        say("ENDED")


if __name__ == "__main__":
    main()
