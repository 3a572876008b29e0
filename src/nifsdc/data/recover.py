"""After a process was killed: its frames out of the ring into the spool, and what has none is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ledger import Begun, Ledger
from nifsdc.data.ring import FrameRing, Policy, RingError, refuse_if_written
from nifsdc.data.spool import Spool

LOG = logging.getLogger("nifsdc.recover")

NOT_STORED = frozenset({FrameKind.VIEW, FrameKind.PREVIEW, FrameKind.IDLE})
"""kinds of frames that are for displays only"""


@dataclass(frozen=True)
class Recovery:
    """What was found of exposures that a process left when it ended."""

    kept: tuple[Begun, ...] = ()
    """those with data, which are in the spool now"""
    interrupted: tuple[Begun, ...] = ()
    """those of which there is nothing"""


def recover(ring: str, spool: Spool, ledger: Ledger, others: Iterable[str] = ()) -> Recovery:
    """Save what a process that is no more has left of its exposures.

    Parameters
    ----------
    ring
        name of its frame ring
    spool
        where frames go that are found there
    ledger
        the exposures that it had begun
    others
        names of its other rings with frames to be stored: that of single reads

    Raises
    ------
    SpoolError
        when a frame was found and the spool does not take it: nothing is forgotten then
    RingError
        when the process is still there
    """
    refuse_if_written(ring)
    left = ledger.left()
    if not left:
        return Recovery()
    wanted = {begun.exposure_id for begun in left}
    # The image last: the server counts what there is beside it.
    for frame in chain.from_iterable(map(_frames, (*others, ring))):
        if frame.header.exposure_id in wanted and frame.header.kind not in NOT_STORED:
            spool.put(frame)
            LOG.info("%s was in the ring and is in the spool now", frame.header.key)
    recovery = Recovery(
        tuple(begun for begun in left if spool.holds(begun.exposure_id)),
        tuple(begun for begun in left if not spool.holds(begun.exposure_id)),
    )
    for begun in recovery.interrupted:
        LOG.error(
            "%s %r of %s was interrupted: no frame of it was left (EXPID %s)",
            *(begun.command, begun.label, begun.started, begun.exposure_id),
        )
    return recovery


def _frames(ring: str) -> Iterator[Frame]:
    """Yield what a ring holds, oldest first; nothing when there is none."""
    try:
        with FrameRing.attach(ring, Policy.ALL) as reader:
            reader.rewind()
            while (frame := reader.next(0.0)) is not None:
                yield frame
    except RingError as error:
        LOG.info("no frames to be recovered: %s", error)
