"""Idle mode: views one after the other while nothing else is asked (SDN 11.03 sections 4.2 and 4.8).

The array is kept reset by the clocks' idle mode, and each view takes it out of that for as long as it lasts.
A view ends at once, and is discarded, when anything is asked of the Slave task.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from nifsdc.camera.sdsu import SdsuCamera
from nifsdc.dictionary import StatusDictionary
from nifsdc.sdsu.errors import ControllerError
from nifsdc.tasks.exposure import Exposure, Phase
from nifsdc.tasks.messages import ObservationSettings, Request
from nifsdc.tasks.observing import ObservingTask

LOOK_SECONDS = 0.05
"""real seconds between two looks whether the view has ended; a message ends it without this delay"""
END_SECONDS = 20.0
"""real seconds that the Readout task has to let go of an exposure that was given up; a command that is under
way then, such as a preflash, may take 15 s (INS-DAS-18, "Transactions")"""

DISABLED = 1
"""of ``viewEnabled``"""

_log = logging.getLogger("nifsdc.slave")


class IdleViews:
    """Takes views for the Slave's thread.

    Parameters
    ----------
    camera, readout, status
        as in `SlaveTask`
    """

    def __init__(
        self, camera: SdsuCamera[Any, Any], readout: ObservingTask, status: StatusDictionary
    ) -> None:
        self._camera = camera
        self._readout = readout
        self._status = status
        self.wanted: ObservationSettings | None = None
        """what each view is to be; None for none"""

    def take(
        self,
        next_message: Callable[[float], Request | None],
        keep: Callable[[Request], None],
        ending: threading.Event,
    ) -> None:
        """Take one view, or as much of it as there is time for.

        Parameters
        ----------
        next_message
            waits some real seconds for a message to the Slave
        keep
            takes the message that ended the view
        ending
            set when the Slave is to end

        Raises
        ------
        ControllerError
            when the controller failed and needs an init
        """
        if self.wanted is None:
            return
        settings = dataclasses.replace(self.wanted, exposure_id=uuid.uuid4().hex)
        try:
            plan = self._camera.plan(settings.request)
        except ValueError as error:
            self._give_up(error)
            return
        self._camera.prepare(plan)
        if ending.is_set():
            return
        exposure = Exposure(settings, plan, self._camera.read_size(plan), self._camera.now)
        self._readout.post(exposure)
        while self._readout.is_alive() and not exposure.finished.is_set():
            message = next_message(LOOK_SECONDS)
            if message is not None:
                keep(message)
            if message is not None or ending.is_set():
                self._end(exposure)
                break
        self._conclude(exposure)

    def _end(self, exposure: Exposure) -> None:
        # In this order: an exposure that is closing has nothing to abort, and the next one is not begun.
        exposure.cancel.set()
        if exposure.phase is not Phase.CLOSING:
            try:
                self._camera.abort()
            except ControllerError as error:
                _log.warning("abort: %s", error)
        deadline = time.monotonic() + END_SECONDS
        while not exposure.finished.wait(LOOK_SECONDS):
            if time.monotonic() > deadline or not self._readout.is_alive():
                raise ControllerError("Readout did not let go of a view while idle; reboot")

    def _conclude(self, exposure: Exposure) -> None:
        if exposure.frame_number is not None:
            self._status.set("idleViews", int(self._status.get("idleViews")) + 1)
        if isinstance(exposure.error, ControllerError):
            raise exposure.error
        if exposure.frame_number is None:
            self._camera.abort()  # again: the first may have come before the readout that it was meant for
            self._camera.idle()
        if exposure.error is not None:
            self._give_up(exposure.error)

    def _give_up(self, error: Exception) -> None:
        """Take no more views: what failed for a reason of ours would fail again at once."""
        _log.error("no more views while idle: %s", error, exc_info=error)
        self.wanted = None
        self._status.set("viewEnabled", DISABLED)
