"""How long the clocks of frame-transfer CCDs take: F, R, W, LS and LD of a run, before it is started."""

from __future__ import annotations

from dataclasses import dataclass

from nifsdc.sdsu.windows import CcdGeometry, WindowError, WindowPlan, WindowTable
from nifsdc.sdsu.windows.table import TableRow
from nifsdc.timing.frame_plan import FrameRequest
from nifsdc.timing.frame_transfer import Clear, Drift, FrameMode, FrameTiming, NoClear

NS = 1e-9


@dataclass(frozen=True)
class FrameClocks:
    """What the timing board says of its clocks."""

    masked_rows: int
    transfer_ns: int
    """of a row that is transferred, shifted or dumped"""
    row_ns: int
    """of a row that is read"""
    skip_ns: int
    """of a pixel that is not sampled"""
    wipe_us: int
    pixel_rate: dict[bool, int]
    """samples of an output a second, by whether the speed is high"""

    def read_ns(self, readout: WindowPlan, geometry: CcdGeometry, fast: bool) -> float:
        """Return R in nanoseconds."""
        xbin, ybin = readout.xbin, readout.ybin
        table = readout.table
        if table is None:
            full = (geometry.columns // xbin,)
            table = WindowTable((TableRow(0, geometry.rows // ybin, tuple((0, count) for count in full)),))
        sample = 1 / (self.pixel_rate[fast] * NS) + (xbin - 1) * self.skip_ns
        total = 0.0
        for row in table.rows:
            serial = sum(skip * self.skip_ns + count * sample for skip, count in row.serial)
            total += row.pskip * self.row_ns + row.pread * (ybin * self.row_ns + serial)
        return total


@dataclass(frozen=True)
class DriftRows:
    """How windows travel through the masked area."""

    shift: int
    """rows of a line shift"""
    dump: int
    """rows dumped before the readout"""
    late_dump: int
    """rows dumped after it"""

    @classmethod
    def of(cls, first: int, height: int, masked_rows: int, ndrift: int) -> DriftRows:
        """Return the rows that bring a window to the register when ``ndrift - 1`` others have followed it.

        After the line shift the window lies at the far end of the masked area. Each frame moves it by the
        line shift, the dumps and the rows read; what is left to move is shared between both dumps.

        Parameters
        ----------
        first, height
            row next to the masked area, from 0, and rows of the window; unbinned
        masked_rows
            rows of the masked area
        ndrift
            windows that it holds

        Raises
        ------
        WindowError
            when so many windows do not fit
        """
        shift = first + height
        late = -cls._left(first, height, masked_rows, ndrift) % ndrift
        left = cls._left(first, height, masked_rows, ndrift) - (ndrift - 1) * late
        if left < 0:
            most = max(
                (n for n in range(1, ndrift) if cls._fits(first, height, masked_rows, n)),
                default=0,
            )
            raise WindowError(f"ndrift {ndrift}: at most {most} windows fit")
        return cls(shift, left // ndrift, late)

    @staticmethod
    def _left(first: int, height: int, masked_rows: int, ndrift: int) -> int:
        return masked_rows - height - (ndrift - 1) * (first + 2 * height)

    @classmethod
    def _fits(cls, first: int, height: int, masked_rows: int, ndrift: int) -> bool:
        left = cls._left(first, height, masked_rows, ndrift)
        return left - (ndrift - 1) * (-left % ndrift) >= 0


@dataclass(frozen=True)
class FrameReadout:
    """How the frames of a run are read."""

    windows: WindowPlan
    """where the windows are in the imaging area: what becomes of the pixels"""
    table: WindowTable | None
    """what the timing board is told: rows count in the masked area"""
    drift: DriftRows | None
    read_ns: float

    @classmethod
    def of(
        cls, windows: WindowPlan, geometry: CcdGeometry, clocks: FrameClocks, request: FrameRequest
    ) -> FrameReadout:
        """Return how a request is read; raises WindowError for drift windows that cannot be."""
        table = windows.table
        drift = None
        if request.mode is FrameMode.DRIFT:
            if table is None or len(table.rows) != 1:
                raise WindowError("drift mode: set one pair of windows")
            (row,) = table.rows
            height = row.pread * windows.ybin
            drift = DriftRows.of(row.pskip, height, clocks.masked_rows, request.ndrift)
            table = WindowTable((TableRow(0, row.pread, row.serial),))
        moved = WindowPlan(table, windows.xbin, windows.ybin, windows.pixels, windows.shapes, windows.blocks)
        return cls(windows, table, drift, clocks.read_ns(moved, geometry, request.fast))

    def timing(self, clocks: FrameClocks, request: FrameRequest, nskip: int) -> FrameTiming:
        """Return the timing model of a CCD.

        Parameters
        ----------
        clocks
            of the timing board
        request
            what is asked for
        nskip
            of the CCD
        """
        read, transfer = self.read_ns * NS, clocks.masked_rows * clocks.transfer_ns * NS
        delay = request.delay
        match request.mode:
            case FrameMode.NO_CLEAR:
                return NoClear(delay, read, transfer, nskip)
            case FrameMode.CLEAR:
                return Clear(delay, read, transfer, clocks.wipe_us * 1e-6, nskip)
            case FrameMode.DRIFT:
                assert self.drift is not None
                row = clocks.transfer_ns * NS
                dump = (self.drift.dump + self.drift.late_dump) * row
                return Drift(delay, read, dump, self.drift.shift * row, request.ndrift)
