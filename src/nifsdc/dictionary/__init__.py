"""Parameter and status dictionaries: ``add``, ``set``, ``get`` (SDN 11.03 section 5.1.5)."""

from .errors import InvalidValue, UnknownName
from .parameters import ParameterDictionary
from .status import Publisher, StatusDictionary
from .validity import Bounds, Choices, MaxLength, Mnemonic, Scalar, Validity

__all__ = [
    "Bounds",
    "Choices",
    "InvalidValue",
    "MaxLength",
    "Mnemonic",
    "ParameterDictionary",
    "Publisher",
    "Scalar",
    "StatusDictionary",
    "UnknownName",
    "Validity",
]
