"""Things that happen to a disk or a network while an observation is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .places import filled, short_files, small_disk, unwritable
from .rig import Name, Rig, running
from .roads import NETWORK, Fault, Road

SPEED = "60"
MIB = 1 << 20
DISK_BYTES = 160 * MIB
FLOOR_MIB = 32
HALF_A_FRAME = 8 * MIB
HEADERS = 4096
"""bytes that are left for the headers of a file, which has several of them"""


@dataclass
class Faulty:
    """A rig on a disk and a road that can fail."""

    rig: Rig
    own_disk: bool
    """whether the data are on a disk of their own"""
    floor_mib: int
    """that the data server leaves free of it"""

    @property
    def possible(self) -> list[Fault]:
        """What can happen here; the disk of the machine is not filled up."""
        return [
            fault
            for fault in Fault
            if (fault is not Fault.FLOOR or (self.own_disk and self.floor_mib))
            and (fault in self.rig.road.faults or fault not in NETWORK)
        ]

    def suffer(self, fault: Fault) -> AbstractContextManager[None]:
        """Have a fault happen, for as long as the context lasts."""
        rig, road = self.rig, self.rig.road
        match fault:
            case Fault.FLOOR:
                return filled(rig.data, self.floor_mib * MIB + rig.data_bytes // 2)
            case Fault.FULL if self.own_disk and not self.floor_mib:
                # Room for the pixels, which is what the server asks for, and not for all of the headers.
                return filled(rig.data, rig.data_bytes + HEADERS)
            case Fault.FULL:
                return short_files(rig.process(Name.SERVER), HALF_A_FRAME)
            case Fault.UNWRITABLE:
                (night,) = rig.data.glob("[0-9]*")
                return unwritable(night)
            case Fault.SPOOL:
                return unwritable(rig.spool)
            case _:
                return road.suffer(fault)


@contextmanager
def faulty(folder: Path, road: type[Road], floor_mib: int = FLOOR_MIB) -> Iterator[Faulty]:
    """Start everything with the data on a small disk; arguments as of `running`."""
    options = ("--floor-mib", str(floor_mib))
    with (
        small_disk(folder / "data", DISK_BYTES) as own_disk,
        running(folder, SPEED, road=road, server_options=options) as rig,
    ):
        yield Faulty(rig, own_disk, floor_mib)
