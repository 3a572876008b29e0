"""The task that has the controller while an observation runs (SDN 11.03 section 5.1.3)."""

from __future__ import annotations

import abc

from nifsdc.sdsu.pixels import Cancelled
from nifsdc.tasks.exposure import Exposure
from nifsdc.tasks.messages import Reporter
from nifsdc.tasks.task import Task


class ObservingTask(Task[Exposure], abc.ABC):
    """The Readout task, whatever it makes of the pixels: runs one observation at a time.

    Parameters
    ----------
    report
        where `ReadOut` goes; how an observation failed stands in its `Exposure`
    """

    def __init__(self, report: Reporter) -> None:
        super().__init__("Readout", report)

    def handle(self, message: Exposure) -> None:
        """Run one observation to its end; every outcome is left in the `Exposure`."""
        exposure = message
        try:
            self.take(exposure)
        except Cancelled:
            self.log.info("exposure %s was given up", exposure.settings.exposure_id)
        except Exception as error:
            # Whatever it was, the Slave waits for the outcome and reports it.
            exposure.error = error
        finally:
            exposure.finished.set()

    @abc.abstractmethod
    def take(self, exposure: Exposure) -> None:
        """Run an observation; raises Cancelled when it was given up, or what it failed by."""
