"""A camera as a device of Bluesky: its RunEngine triggers it and reads the file's path.

Follows Bluesky's protocols (Triggerable, Readable, Configurable, Stoppable) without importing it: what a plan
needs is the methods alone. ``RE(count([CameraDevice("nifs:", name="nifs")]))`` takes an observation with the
set-points as they are.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from nifsdc.client.camera import CONNECT_SECONDS, Camera
from nifsdc.client.errors import CommandRefused
from nifsdc.client.observation import Observation, Progress

Reading = dict[str, str | int | float]
Description = dict[str, object]
_KEYS: Mapping[str, tuple[str, Callable[[Observation], str | int]]] = {
    "path": ("string", lambda taken: taken.path),
    "label": ("string", lambda taken: taken.label),
    "outcome": ("string", lambda taken: taken.outcome.value),
    "reads": ("integer", lambda taken: taken.reads),
    "coadds": ("integer", lambda taken: taken.coadds),
}
"""what is read after an observation: data type, and where it comes from"""


@dataclass(frozen=True)
class TriggerStatus:
    """Whether an observation that was triggered has ended, and how: a Status of Bluesky."""

    future: Future[Observation]

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.future.done()

    @property
    def success(self) -> bool:
        """Whether it has ended without an error."""
        return self.done and self.future.exception() is None

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """Return what it failed with, None for nothing; TimeoutError when it has not ended in time."""
        return self.future.exception(timeout)

    def add_callback(self, callback: Callable[[TriggerStatus], None]) -> None:
        """Have something called when it has ended, or at once if it has."""
        self.future.add_done_callback(lambda _: callback(self))


class CameraDevice:
    """A camera that Bluesky triggers and reads.

    Parameters
    ----------
    top
        prefix of the records
    name
        of the device, with which the names of its readings begin
    timeout
        seconds to wait until a channel is connected
    """

    parent = None

    def __init__(self, top: str = "nifs:", *, name: str = "camera", timeout: float = CONNECT_SECONDS) -> None:
        self.name = name
        self._camera = Camera(top, timeout)
        self._configuration: dict[str, Reading] = {}
        self._latest: tuple[Observation, float] | None = None
        self._ending = threading.Event()
        self._keep = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name} observation")

    def configure(self, setpoints: Mapping[str, object]) -> tuple[dict[str, Reading], dict[str, Reading]]:
        """Write set-points and have them applied, as `Camera.configure` does; not while it observes.

        Returns
        -------
        old, new
            readings of these set-points before and after
        """
        old = {name: self._setpoint(name) for name in setpoints}
        self._camera.configure(**setpoints)
        new = {name: self._setpoint(name) for name in setpoints}
        self._configuration.update(new)
        return old, new

    def read_configuration(self) -> dict[str, Reading]:
        """Return the set-points that `configure` has written."""
        return dict(self._configuration)

    def describe_configuration(self) -> dict[str, Description]:
        """Return what `read_configuration` returns: type and source of each value."""
        return {
            name: {
                "source": f"ca://{self._camera.top}dc:{name}",
                "dtype": "string" if isinstance(reading["value"], str) else "number",
                "shape": [],
            }
            for name, reading in self._configuration.items()
        }

    def trigger(self) -> TriggerStatus:
        """Begin an observation; it is under way until the status that is returned is done."""
        self._ending.clear()
        return TriggerStatus(self._thread.submit(self._observe))

    def stop(self, *, success: bool = False) -> None:
        """End the observation that is under way: with ``success`` its data are kept, else discarded."""
        self._keep = success
        self._ending.set()

    def describe(self) -> dict[str, Description]:
        """Return what `read` returns: type and source of each value."""
        source = f"ca://{self._camera.top}dc:observe"
        return {
            f"{self.name}_{key}": {"source": source, "dtype": kind, "shape": []}
            for key, (kind, _) in _KEYS.items()
        }

    def read(self) -> dict[str, Reading]:
        """Return what the latest observation gave, with the time at which it ended."""
        if self._latest is None:
            raise RuntimeError(f"{self.name} has taken no observation yet: trigger it first")
        taken, ended = self._latest
        return {
            f"{self.name}_{key}": {"value": value(taken), "timestamp": ended}
            for key, (_, value) in _KEYS.items()
        }

    def close(self) -> None:
        """Give the camera's channels back, once nothing is under way."""
        self._thread.shutdown()
        self._camera.close()

    def _observe(self) -> Observation:
        importlib.import_module("epics").ca.use_initial_context()
        taken = self._camera.observe(progress=self._end_if_asked)
        self._latest = taken, time.time()
        return taken

    def _end_if_asked(self, look: Progress) -> None:
        if self._ending.is_set():
            self._ending.clear()
            # It is refused when the observation ends just now by itself.
            with suppress(CommandRefused):
                (self._camera.stop if self._keep else self._camera.abort)()

    def _setpoint(self, name: str) -> Reading:
        value = self._camera.get(f"dc:{name}")
        if isinstance(value, int):
            # A choice is shown as its label; of any other whole number this is its text.
            text = self._camera.get(f"dc:{name}", text=True)
            value = value if text == str(value) else text
        return {"value": value, "timestamp": time.time()}
