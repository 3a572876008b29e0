"""What values a parameter can take: bounds, lengths, choices, mnemonics (SDN 11.03 section 5.1.5).

Each kind of validity turns what comes from a command record - text, or a number - into the parameter's own
type, or says what it expected instead. None of them keeps anything.
"""

from __future__ import annotations

import math
import numbers
import re
from dataclasses import dataclass

Scalar = int | float | str
"""a value as a dictionary keeps it"""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}(\.0*)?")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")


class Refused(Exception):
    """The value given is none of those that can be taken; the parameter's name is added by its dictionary."""

    def __init__(self, expected: str, brief: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.brief = brief


@dataclass(frozen=True)
class Bounds:
    """A number from ``low`` to ``high``, both included.

    Whole numbers are asked for where the parameter's default is one.
    """

    low: float
    high: float
    hexadecimal: bool = False
    """whether ``0x1F`` is taken too"""

    def __post_init__(self) -> None:
        if not self.low <= self.high or math.isinf(self.low) or math.isinf(self.high):
            raise ValueError(f"bounds {self.low} to {self.high}: the lower must not be above the upper")

    def convert(self, given: object, default: Scalar) -> Scalar:
        """Return the number given, of the default's type. Raises Refused."""
        number = self._integer(given) if isinstance(default, int) else self._real(given)
        if number is None or not self.low <= number <= self.high:
            kind = "a whole number" if isinstance(default, int) else "a number"
            brief = f"{self.low:.10g} to {self.high:.10g}"
            raise Refused(f"{kind} from {brief}", brief)
        return number

    def _integer(self, given: object) -> int | None:
        if isinstance(given, bool):
            return None
        if isinstance(given, numbers.Integral):
            return int(given)
        if isinstance(given, numbers.Real):
            number = float(given)
            return int(number) if number.is_integer() else None
        text = str(given).strip()
        if self.hexadecimal and _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        return int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else None

    def _real(self, given: object) -> float | None:
        if isinstance(given, bool):
            return None
        if isinstance(given, numbers.Real):
            return _finite(float(given))
        text = str(given).strip()
        return _finite(float(text)) if _REAL.fullmatch(text) else None

    def ordinal(self, value: Scalar) -> int:
        """Bounds have no ordinals. Raises TypeError."""
        raise TypeError(f"{value!r} is a number, not a choice: it has no ordinal")


@dataclass(frozen=True)
class MaxLength:
    """Text of at most ``characters`` printable ASCII characters; it may be empty."""

    characters: int

    def __post_init__(self) -> None:
        if self.characters < 1:
            raise ValueError(f"a length of at most {self.characters} leaves no room: at least 1")

    def convert(self, given: object, default: Scalar) -> Scalar:
        """Return the text given, without the blanks around it. Raises Refused."""
        text = str(given).strip()
        if len(text) > self.characters:
            raise Refused(
                f"at most {self.characters} characters, not {len(text)}",
                f"{len(text)} > {self.characters} characters",
            )
        if not all(" " <= letter <= "~" for letter in text):
            raise Refused("letters, digits and signs of ASCII only", "ASCII only")
        return text

    def ordinal(self, value: Scalar) -> int:
        """Text has no ordinals. Raises TypeError."""
        raise TypeError(f"{value!r} is free text, not a choice: it has no ordinal")


@dataclass(frozen=True)
class Choices:
    """One of some labels; also taken in another case, or as the ordinal of the label (``"1"``)."""

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        folded = [label.casefold() for label in self.labels]
        if not self.labels or "" in folded or len(set(folded)) != len(folded):
            raise ValueError(f"choices {self.labels}: at least one, none empty, none twice")

    def convert(self, given: object, default: Scalar) -> Scalar:
        """Return the label given. Raises Refused."""
        text = str(given).strip()
        folded = text.casefold()
        for label in self.labels:
            if label.casefold() == folded:
                return label
        index = -1 if isinstance(given, bool) or not _INTEGER.fullmatch(text) else int(text.partition(".")[0])
        if 0 <= index < len(self.labels):
            return self.labels[index]
        raise Refused(
            f"one of {', '.join(self.labels)}, or its number from 0 to {len(self.labels) - 1}",
            " ".join(self.labels),
        )

    def ordinal(self, value: Scalar) -> int:
        """Return the number of a label. Raises ValueError for one that is none of them."""
        return self.labels.index(str(value))


@dataclass(frozen=True)
class Mnemonic:
    """A controller command of three capital letters, or the 24-bit word that their ASCII codes make."""

    def convert(self, given: object, default: Scalar) -> Scalar:
        """Return the letters. Raises Refused."""
        text = str(given).strip().upper()
        if _INTEGER.fullmatch(text):
            number = int(text.partition(".")[0])
            text = number.to_bytes(3, "big").decode("latin-1") if 0 <= number < 1 << 24 else ""
        if re.fullmatch("[A-Z]{3}", text):
            return text
        raise Refused("a command of three letters, such as TDL", "three letters")

    def ordinal(self, value: Scalar) -> int:
        """Return the 24-bit word: ``TDL`` is 0x54444C."""
        return int.from_bytes(str(value).encode("ascii"), "big")


Validity = Bounds | MaxLength | Choices | Mnemonic


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
