"""Processes killed, disks full, networks cut: nothing of observations is lost silently, or written twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .campaign import BEFORE_END, befall, campaign, kill
from .faults import FLOOR_MIB, SPEED, faulty
from .report import keep
from .rig import Name, running
from .roads import Fault, Namespace, Road, Wired, namespaces_here

KILLS = 200
OF_EACH_FAULT = 25


@pytest.mark.timeout(900)
def test_some_kills_of_each_process_lose_nothing_silently(tmp_path: Path) -> None:
    with running(tmp_path, SPEED) as rig:
        campaign(rig, [kill(rig, name) for name in [*Name] * 2], seed=1, note=keep)
        # As soon as START is answered: the exposure is known already to whoever comes after.
        assert kill(rig, Name.IOC)("AtOnce", 0.0).kept


@pytest.mark.timeout(900)
def test_some_faults_of_disk_and_network_lose_nothing_silently(tmp_path: Path) -> None:
    with faulty(tmp_path, Wired) as place:
        # A silent network takes the whole deadline of a frame: make soak has it.
        faults = [fault for fault in place.possible if fault is not Fault.SILENT]
        campaign(place.rig, [befall(place, fault) for fault in faults], 1, keep, BEFORE_END)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", list(Name), ids=lambda name: name.name.lower())
def test_two_hundred_kills_lose_nothing_silently(tmp_path: Path, name: Name) -> None:
    with running(tmp_path, SPEED) as rig:
        campaign(rig, [kill(rig, name)] * KILLS, seed=2, note=keep)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("road", "floor_mib"), [(Wired, FLOOR_MIB), (Wired, 0), (Namespace, FLOOR_MIB)])
def test_faults_of_disk_and_network_lose_nothing_silently(
    tmp_path: Path, road: type[Road], floor_mib: int
) -> None:
    if road is Namespace and not namespaces_here():
        print("NETWORK NAMESPACES ARE NOT TO BE HAD HERE: a relay stands for the network")
        road = Wired
    with faulty(tmp_path, road, floor_mib) as place:
        faults = place.possible * OF_EACH_FAULT
        random.Random(3).shuffle(faults)
        campaign(place.rig, [befall(place, fault) for fault in faults], 3, keep, BEFORE_END)
