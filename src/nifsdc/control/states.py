"""The three control state machines as tables (SDN 11.03 section 5.1.1, figures 7 to 9).

``dc`` looks after initialisation and the sub-tasks, ``sdsu`` after the controller electronics, ``obs`` after
the observation. Everything that decides a transition stands in these tables, and what each command
needs of the three states stands in `RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class DcState(Enum):
    """States of the detector controller as a whole."""

    DOWN = auto()
    """started, not initialised"""
    INITIALISING = auto()
    READY = auto()
    PARKING = auto()
    PARKED = auto()
    REBOOTING = auto()
    FAULT = auto()
    """initialisation failed or a sub-task died: init or reboot brings it back"""


class DcEvent(Enum):
    """What moves `DcState`."""

    INIT = auto()
    PARK = auto()
    REBOOT = auto()
    DONE = auto()
    FAILED = auto()


class SdsuState(Enum):
    """States of the controller electronics."""

    OFF = auto()
    STARTING = auto()
    READY = auto()
    BUSY = auto()
    """an engineering command is under way"""
    FAULT = auto()
    """the controller failed or lost its programs: init brings it back"""


class SdsuEvent(Enum):
    """What moves `SdsuState`."""

    START = auto()
    COMMAND = auto()
    DONE = auto()
    FAILED = auto()
    LOST = auto()
    SHUT_DOWN = auto()


class ObsState(Enum):
    """States of an observation."""

    IDLE = auto()
    PREPARING = auto()
    EXPOSING = auto()
    """resets, reads and integration: the Readout task has the controller"""
    PAUSED = auto()
    """the shutter is closed and the exposure's clock stands still"""
    STOPPING = auto()
    """ending early, the data are kept"""
    ABORTING = auto()
    """ending at once, the data are discarded"""
    SAVING = auto()
    """all pixels are here, the file is not yet on disk"""


class ObsEvent(Enum):
    """What moves `ObsState`."""

    OBSERVE = auto()
    EXPOSURE_STARTED = auto()
    READ_OUT = auto()
    PAUSE = auto()
    CONTINUE = auto()
    NEXT = auto()
    """stored, and another exposure of the same observation follows"""
    STOP = auto()
    ABORT = auto()
    STORED = auto()
    FAILED = auto()
    ABORTED = auto()


DC_TABLE: Mapping[tuple[DcState, DcEvent], DcState] = {
    (DcState.DOWN, DcEvent.INIT): DcState.INITIALISING,
    (DcState.READY, DcEvent.INIT): DcState.INITIALISING,
    (DcState.PARKED, DcEvent.INIT): DcState.INITIALISING,
    (DcState.FAULT, DcEvent.INIT): DcState.INITIALISING,
    (DcState.INITIALISING, DcEvent.DONE): DcState.READY,
    (DcState.INITIALISING, DcEvent.FAILED): DcState.FAULT,
    (DcState.READY, DcEvent.PARK): DcState.PARKING,
    (DcState.PARKING, DcEvent.DONE): DcState.PARKED,
    (DcState.PARKING, DcEvent.FAILED): DcState.FAULT,
    (DcState.READY, DcEvent.FAILED): DcState.FAULT,
    (DcState.PARKED, DcEvent.FAILED): DcState.FAULT,
    (DcState.REBOOTING, DcEvent.DONE): DcState.READY,
    (DcState.REBOOTING, DcEvent.FAILED): DcState.FAULT,
    **{(state, DcEvent.REBOOT): DcState.REBOOTING for state in DcState},
}

SDSU_TABLE: Mapping[tuple[SdsuState, SdsuEvent], SdsuState] = {
    **{(state, SdsuEvent.START): SdsuState.STARTING for state in SdsuState},
    **{(state, SdsuEvent.LOST): SdsuState.FAULT for state in SdsuState},
    **{(state, SdsuEvent.SHUT_DOWN): SdsuState.OFF for state in SdsuState},
    (SdsuState.STARTING, SdsuEvent.DONE): SdsuState.READY,
    (SdsuState.STARTING, SdsuEvent.FAILED): SdsuState.FAULT,
    (SdsuState.READY, SdsuEvent.COMMAND): SdsuState.BUSY,
    (SdsuState.BUSY, SdsuEvent.DONE): SdsuState.READY,
    (SdsuState.BUSY, SdsuEvent.FAILED): SdsuState.READY,
}

_UNDER_WAY = tuple(state for state in ObsState if state is not ObsState.IDLE)

OBS_TABLE: Mapping[tuple[ObsState, ObsEvent], ObsState] = {
    (ObsState.IDLE, ObsEvent.OBSERVE): ObsState.PREPARING,
    (ObsState.PREPARING, ObsEvent.EXPOSURE_STARTED): ObsState.EXPOSING,
    (ObsState.PREPARING, ObsEvent.STOP): ObsState.STOPPING,
    (ObsState.PREPARING, ObsEvent.ABORT): ObsState.ABORTING,
    (ObsState.EXPOSING, ObsEvent.STOP): ObsState.STOPPING,
    (ObsState.EXPOSING, ObsEvent.ABORT): ObsState.ABORTING,
    (ObsState.EXPOSING, ObsEvent.READ_OUT): ObsState.SAVING,
    (ObsState.EXPOSING, ObsEvent.PAUSE): ObsState.PAUSED,
    (ObsState.PAUSED, ObsEvent.CONTINUE): ObsState.EXPOSING,
    (ObsState.PAUSED, ObsEvent.STOP): ObsState.STOPPING,
    (ObsState.PAUSED, ObsEvent.ABORT): ObsState.ABORTING,
    (ObsState.STOPPING, ObsEvent.EXPOSURE_STARTED): ObsState.STOPPING,
    (ObsState.STOPPING, ObsEvent.ABORT): ObsState.ABORTING,
    (ObsState.STOPPING, ObsEvent.READ_OUT): ObsState.SAVING,
    (ObsState.ABORTING, ObsEvent.EXPOSURE_STARTED): ObsState.ABORTING,
    # The last pixel can be here before the abort: then the data are kept.
    (ObsState.ABORTING, ObsEvent.READ_OUT): ObsState.SAVING,
    (ObsState.SAVING, ObsEvent.STORED): ObsState.IDLE,
    (ObsState.SAVING, ObsEvent.NEXT): ObsState.PREPARING,
    **{(state, ObsEvent.FAILED): ObsState.IDLE for state in _UNDER_WAY},
    **{(state, ObsEvent.ABORTED): ObsState.IDLE for state in _UNDER_WAY},
}

MESSAGE_LENGTH = 39
"""characters that MESS can show"""

ANY_DC = frozenset(DcState)
ANY_SDSU = frozenset(SdsuState)
IDLE = frozenset({ObsState.IDLE})
ANY_OBS = frozenset(ObsState)
SETTLED_SDSU = frozenset(SdsuState) - {SdsuState.STARTING, SdsuState.BUSY}


@dataclass(frozen=True)
class Rule:
    """The states in which a command can be taken."""

    dc: frozenset[DcState] = field(default=ANY_DC)
    sdsu: frozenset[SdsuState] = field(default=ANY_SDSU)
    obs: frozenset[ObsState] = field(default=IDLE)


_READY = frozenset({DcState.READY})
_SETTLED_DC = frozenset({DcState.DOWN, DcState.READY, DcState.PARKED, DcState.FAULT})
_SDSU_READY = frozenset({SdsuState.READY})
_ENGINEERING = Rule(dc=_READY, sdsu=_SDSU_READY)
_CONFIGURE = Rule()

RULES: Mapping[str, Rule] = {
    "reboot": Rule(dc=ANY_DC - {DcState.REBOOTING}, obs=ANY_OBS),
    "init": Rule(dc=_SETTLED_DC, sdsu=SETTLED_SDSU),
    "park": Rule(dc=_READY, sdsu=SETTLED_SDSU),
    "test": _ENGINEERING,
    "debug": Rule(obs=ANY_OBS),
    "simulate": Rule(),
    "initSDSU": Rule(dc=_READY, sdsu=SETTLED_SDSU),
    "testPat": _ENGINEERING,
    "DSPDirectCmd": _ENGINEERING,
    "cancelSDSU": Rule(obs=ANY_OBS),
    "resetSDSU": Rule(dc=_READY, sdsu=SETTLED_SDSU),
    "debugSDSU": Rule(obs=ANY_OBS),
    "testSDSU": _ENGINEERING,
    "shutdownSDSU": Rule(dc=_READY, sdsu=SETTLED_SDSU),
    "seqObserve": _CONFIGURE,
    "seqView": _CONFIGURE,
    "dataObs": _CONFIGURE,
    "dataView": _CONFIGURE,
    "setDhsInfo": _CONFIGURE,
    "observe": Rule(dc=_READY, sdsu=_SDSU_READY),
    "view": Rule(dc=_READY, sdsu=_SDSU_READY),
    "stop": Rule(obs=frozenset({ObsState.PREPARING, ObsState.EXPOSING, ObsState.PAUSED})),
    "abort": Rule(obs=frozenset({ObsState.PREPARING, ObsState.EXPOSING, ObsState.PAUSED, ObsState.STOPPING})),
}
"""What each command needs; a command that is missing here can always be taken (the sequence no-ops)."""

CCD_RULES: Mapping[str, Rule] = {
    **RULES,
    "glance": RULES["observe"],
    "seqWindows": _CONFIGURE,
    "pause": Rule(obs=frozenset({ObsState.EXPOSING})),
    "continue": Rule(obs=frozenset({ObsState.PAUSED})),
    "retime": Rule(obs=frozenset({ObsState.EXPOSING, ObsState.PAUSED})),
    "clear": _ENGINEERING,
    "shutter": _ENGINEERING,
    "promote": Rule(obs=ANY_OBS),
}
"""The same for a camera with a CCD, which has a shutter: it can pause, and its scratch files become runs."""


FRAME_RULES: Mapping[str, Rule] = {**RULES, "seqWindows": _CONFIGURE}
"""The same for a camera with frame-transfer CCDs, whose runs only begin and end."""


def refusal(
    command: str, dc: DcState, sdsu: SdsuState, obs: ObsState, rules: Mapping[str, Rule] = RULES
) -> str | None:
    """Say why a command cannot be taken in these states, in at most 39 characters, or None if it can."""
    rule = rules.get(command)
    if rule is None:
        return None
    if dc not in rule.dc:
        remedy = "init" if dc in (DcState.DOWN, DcState.PARKED, DcState.FAULT) else "wait"
        return _fitted(command, f"DC is {dc.name}", remedy)
    if obs not in rule.obs:
        return _fitted(command, f"observation is {obs.name}", "")
    if sdsu not in rule.sdsu:
        remedy = "initSDSU" if sdsu in (SdsuState.OFF, SdsuState.FAULT) else "wait"
        return _fitted(command, f"SDSU is {sdsu.name}", remedy)
    return None


def _fitted(command: str, state: str, remedy: str) -> str:
    """Put a refusal together in 39 characters; what does not fit is left out whole, never cut in a word."""
    for text in (
        f"{command}: {state}; {remedy} first",
        f"{command}: {state}; {remedy}",
        f"{command}: {state}",
    ):
        if remedy and len(text) <= MESSAGE_LENGTH:
            return text
    return f"{command}: {state}"[:MESSAGE_LENGTH]
