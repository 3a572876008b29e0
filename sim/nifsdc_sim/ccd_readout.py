"""A readout of a CCD: clock operations carried out one after another, each at its moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_charge import Charge, ChargeArray
from nifsdc_sim.ccd_clocking import Clock, Clocking, Operation, operations
from nifsdc_sim.ccd_collect import Collector, HotColumns, Smear
from nifsdc_sim.ccd_model import CcdModel, Stage
from nifsdc_sim.ccd_output import Outputs
from nifsdc_sim.detector import Video

LONGEST_CHUNK = 65536
"""samples of one output that are made at a time"""


class Chunk(NamedTuple):
    """What comes of one parallel read, or of a part of one that never ends."""

    pixels: NDArray[np.uint16]
    """ADU in the order of the fibre, one pixel of each output in rotation; may be empty"""
    end_ns: int
    """moment at which the last of them was clocked"""


class Purpose(IntEnum):
    """What random numbers of a readout are for; each has its own, so that one does not change another."""

    EXPOSURE = 0
    CHARGE = 1
    NOISE = 2
    REST = 3


@dataclass(frozen=True)
class Chip:
    """The parts of a CCD that a readout works with."""

    array: ChargeArray
    collector: Collector
    hot_columns: HotColumns
    outputs: Outputs
    model: CcdModel


@dataclass(frozen=True)
class Order:
    """What a readout is to do."""

    clocking: Clocking
    start_ns: int
    sample_ns: float
    """from one sample of an output to its next"""
    video: Video
    stage: Stage


class Readout:
    """Clocks a chip, and ends when it has done so, or when it is told to.

    Parameters
    ----------
    random
        gives the random numbers for a purpose
    lock
        held while charge is moved
    """

    def __init__(
        self,
        chip: Chip,
        order: Order,
        random: Callable[[Purpose], np.random.Generator],
        lock: AbstractContextManager[object],
    ) -> None:
        self._chip = chip
        self._order = order
        self._lock = lock
        self._smear = Smear(chip.collector, chip.model)
        self._charge_random = random(Purpose.CHARGE)
        self._noise_random = random(Purpose.NOISE)
        self._rest_random = random(Purpose.REST)
        self._drift = chip.outputs.drift(self._noise_random)
        self._moment = float(order.start_ns)
        self._row = 0
        self._sent = 0
        self._charge: list[Charge] = []
        self._places: list[NDArray[np.intp]] = []
        self.ended = False

    def chunks(self) -> Iterator[Chunk]:
        """Yield what comes, until everything is done or `end` was called."""
        begun = False
        samples = 0
        for operation, count in _in_pieces(operations(self._order.clocking, self._chip.array.geometry)):
            if begun and (operation is Clock.PARALLEL_READ or samples + count > LONGEST_CHUNK):
                yield self._digitise()
                samples = 0
            with self._lock:
                if self.ended:
                    return
                self._obey(operation, count)
            begun = begun or operation is Clock.PARALLEL_READ
            samples += count if operation is Clock.SERIAL_READ else 0
        if begun:
            yield self._digitise()
        with self._lock:
            self.end()

    def abandon(self) -> None:
        """Do no more, and leave a chip that nobody looks at; the lock must be held."""
        self.ended = True

    def end(self) -> None:
        """Leave the chip as it is now; the lock must be held."""
        if self.ended:
            return
        self.ended = True
        array = self._chip.array
        array.put_down()
        array.image += self._smear.rest(self._rest_random)
        self._chip.collector.begin(round(self._moment))

    def _obey(self, operation: Clock, count: int) -> None:
        array, model = self._chip.array, self._chip.model
        xbin, ybin = self._order.clocking.binning
        match operation:
            case Clock.PARALLEL_SKIP:
                array.parallel_skip(count)
                self._smear.move(count, model.parallel_ns)
                self._moment += count * model.parallel_ns
            case Clock.PARALLEL_READ:
                self._row = array.shifted
                array.parallel_read(ybin, self._smear.next_rows(self._charge_random, ybin))
                columns = array.register[:, array.geometry.prescan :]
                self._chip.hot_columns.add(self._charge_random, columns, self._row, ybin, model.photon_noise)
                self._smear.move(ybin, model.parallel_ns)
                self._moment += ybin * model.parallel_ns
            case Clock.SERIAL_SKIP:
                array.serial_skip(count)
                self._stop(count * model.skip_ns)
            case Clock.SERIAL_READ:
                self._places.append(array.clocked + xbin * np.arange(count))
                self._charge.append(array.serial_read(count, xbin))
                self._stop(count * (self._order.sample_ns + (xbin - 1) * model.skip_ns))

    def _stop(self, ns: float) -> None:
        self._smear.stop(ns)
        self._moment += ns

    def _digitise(self) -> Chunk:
        """Return what has come to the outputs since the last time."""
        outputs, order = self._chip.outputs, self._order
        channels = len(self._drift)
        charge = np.concatenate([np.empty((channels, 0), dtype=np.float32), *self._charge], axis=1).T
        if order.video is Video.DATA:
            places = np.concatenate([np.empty(0, dtype=np.intp), *self._places])
            level = outputs.level(places, self._row) + self._drift
            pixels = outputs.digitise(self._noise_random, charge, level, order.stage)
        else:
            pixels = order.video.test_data(self._sent, charge.size, channels)
        self._sent += charge.size
        self._charge, self._places = [], []
        return Chunk(pixels, round(self._moment))


def _in_pieces(program: Iterator[Operation]) -> Iterator[Operation]:
    """Yield operations with serial reads of a length that can be made at a time."""
    for operation, count in program:
        left = count
        while operation is Clock.SERIAL_READ and left > LONGEST_CHUNK:
            yield operation, LONGEST_CHUNK
            left -= LONGEST_CHUNK
        yield operation, left
