"""What the control tasks must know of a kind of camera; everything else about it is behind the tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nifsdc.control.checks import Check
from nifsdc.control.states import Rule
from nifsdc.dictionary import StatusDictionary
from nifsdc.timing.plan import Request

Scalar = int | float | str
Parameters = Mapping[str, Scalar]
Ordinals = Mapping[str, int]
"""of every parameter that is a choice"""


@dataclass(frozen=True)
class CameraKind:
    """One kind of camera."""

    rules: Mapping[str, Rule]
    """the states in which each command can be taken"""
    checks: Mapping[str, tuple[Check, ...]]
    """what a command's parameters must hold together, by command"""
    request: Callable[[str, Parameters, Ordinals], Request]
    """what is asked of the camera, by the parameters beginning with ``obs`` or ``view``; raises ValueError"""
    show: Callable[[StatusDictionary, Parameters, Ordinals], None]
    """shows the exposure parameters as they are now"""
    configuring: tuple[str, ...]
    """commands that only set parameters"""
    controller_commands: frozenset[str] = frozenset({"test", "testPat", "DSPDirectCmd", "testSDSU"})
    """commands that the Slave carries out on the controller while nothing else happens there"""
    beside: Callable[[Parameters], int] = lambda parameters: 0
    """bytes of what an observation with these parameters stores beside its image"""
