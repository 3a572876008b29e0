"""Which command is taken in which state: the table against what the issue and the design note ask."""

from __future__ import annotations

import itertools

import pytest

from nifsdc.control.states import (
    DC_TABLE,
    OBS_TABLE,
    RULES,
    SDSU_TABLE,
    DcEvent,
    DcState,
    ObsEvent,
    ObsState,
    SdsuEvent,
    SdsuState,
    refusal,
)

READY = (DcState.READY, SdsuState.READY, ObsState.IDLE)
OBSERVING = (ObsState.PREPARING, ObsState.EXPOSING, ObsState.STOPPING, ObsState.ABORTING, ObsState.SAVING)
NO_OPS = ("verify", "endVerify", "guide", "endGuide", "endObserve", "pause", "continue", "datum")


@pytest.mark.parametrize("command", [*RULES, *NO_OPS])
def test_a_ready_controller_takes_every_command_but_stop_and_abort(command: str) -> None:
    reason = refusal(command, *READY)
    if command in ("stop", "abort"):
        assert reason == f"{command}: observation is IDLE"
    else:
        assert reason is None


@pytest.mark.parametrize("dc", [DcState.DOWN, DcState.INITIALISING, DcState.PARKED, DcState.FAULT])
def test_observe_before_init_is_refused_with_the_remedy(dc: DcState) -> None:
    reason = refusal("observe", dc, SdsuState.READY, ObsState.IDLE)
    assert reason is not None
    assert dc.name in reason
    assert ("init first" in reason) == (dc is not DcState.INITIALISING)


@pytest.mark.parametrize("obs", OBSERVING)
@pytest.mark.parametrize(
    "command", ["observe", "view", "init", "park", "seqObserve", "dataObs", "initSDSU", "testSDSU"]
)
def test_nothing_that_would_disturb_is_taken_during_an_observation(command: str, obs: ObsState) -> None:
    assert (
        refusal(command, DcState.READY, SdsuState.READY, obs) == f"{command}: observation is {obs.name}"[:39]
    )


@pytest.mark.parametrize("obs", [ObsState.PREPARING, ObsState.EXPOSING])
@pytest.mark.parametrize("command", ["stop", "abort", "reboot", "debug", *NO_OPS])
def test_what_must_be_taken_during_an_observation(command: str, obs: ObsState) -> None:
    assert refusal(command, DcState.READY, SdsuState.READY, obs) is None


def test_a_controller_that_was_lost_sends_the_user_to_init_sdsu() -> None:
    assert refusal("observe", DcState.READY, SdsuState.FAULT, ObsState.IDLE) == (
        "observe: SDSU is FAULT; initSDSU first"
    )


@pytest.mark.parametrize("command", [*RULES])
def test_every_refusal_fits_mess_and_names_the_command(command: str) -> None:
    for dc, sdsu, obs in itertools.product(DcState, SdsuState, ObsState):
        reason = refusal(command, dc, sdsu, obs)
        if reason is not None:
            assert len(reason) <= 39
            assert reason.startswith(f"{command}: ")


@pytest.mark.parametrize(
    ("table", "states", "events"),
    [
        (DC_TABLE, DcState, DcEvent),
        (SDSU_TABLE, SdsuState, SdsuEvent),
        (OBS_TABLE, ObsState, ObsEvent),
    ],
)
def test_no_state_is_a_trap_and_every_state_can_be_reached(table, states, events) -> None:  # type: ignore[no-untyped-def]
    first = next(iter(states))
    reached = {first}
    while True:
        further = {table[key] for key in table if key[0] in reached} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(states)
    assert {state for state, _ in table} == set(states)
    assert {event for _, event in table} == set(events)


@pytest.mark.parametrize("obs", OBSERVING)
def test_an_observation_can_fail_at_any_stage(obs: ObsState) -> None:
    assert OBS_TABLE[obs, ObsEvent.FAILED] is ObsState.IDLE
