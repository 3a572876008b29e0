"""The record database as data: read from ``db/*.yaml``, turned into records and dictionaries."""

from .definition import (
    AlarmLimit,
    ApplyDef,
    ArgumentDef,
    CarDef,
    CombinerDef,
    CommandDef,
    Definition,
    ParameterDef,
    SetpointDef,
    StatusDef,
)
from .load import NIFS, load
from .source import DefinitionError

__all__ = [
    "NIFS",
    "AlarmLimit",
    "ApplyDef",
    "ArgumentDef",
    "CarDef",
    "CombinerDef",
    "CommandDef",
    "Definition",
    "DefinitionError",
    "ParameterDef",
    "SetpointDef",
    "StatusDef",
    "load",
]
