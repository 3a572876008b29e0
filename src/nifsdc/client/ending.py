"""How a command of a client ends at a shell: its exit status, and what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from nifsdc.client.camera import CONNECT_SECONDS, Camera
from nifsdc.client.errors import CommandFailed, CommandRefused, NotConnected
from nifsdc.client.observation import Observation, Outcome


class ExitStatus(IntEnum):
    """How the command ended, for scripts."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    NO_ANSWER = 3
    STOPPED = 4
    ABORTED = 5


_ENDED = {
    Outcome.DONE: ExitStatus.DONE,
    Outcome.STOPPED: ExitStatus.STOPPED,
    Outcome.ABORTED: ExitStatus.ABORTED,
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: ExitStatus
    message: str = ""
    paths: tuple[str, ...] = ()
    """files that were written"""


def of_observation(taken: Observation) -> Ended:
    """Return how a command ended that took an observation."""
    return Ended(_ENDED[taken.outcome], taken.message, taken.paths)


def with_camera(top: str, attempt: Callable[[Camera], Ended], *, timeout: float = CONNECT_SECONDS) -> Ended:
    """Do something with the camera whose records begin with ``top``; say how it ended.

    Parameters
    ----------
    top, timeout
        as in `Camera`
    attempt
        what is done
    """
    try:
        with Camera(top, timeout) as camera:
            return attempt(camera)
    except CommandRefused as error:
        return Ended(ExitStatus.REFUSED, f"refused: {error}")
    except CommandFailed as error:
        return Ended(ExitStatus.FAILED, f"failed: {error}")
    except (NotConnected, TimeoutError) as error:
        return Ended(ExitStatus.NO_ANSWER, str(error))


def report(program: str, ended: Ended, *, as_json: bool = False) -> int:
    """Print how a command of a program ended and return its exit status."""
    if as_json:
        last = ended.paths[-1] if ended.paths else ""
        outcome = {"status": int(ended.status), "outcome": ended.message, "file": last, "files": ended.paths}
        print(json.dumps(outcome), flush=True)
    elif ended.paths:
        print("\n".join(f"FILE {path}" for path in ended.paths), flush=True)
    elif ended.message:
        print(f"{program}: {ended.message}", file=sys.stderr, flush=True)
    return int(ended.status)
