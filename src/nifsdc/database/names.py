"""Full record names from the short ones of the definition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Puts prefixes before names and into link texts.

    Parameters
    ----------
    top
        prefix of every record, ``nifs:`` at the telescope
    """

    top: str

    def dc(self, name: str) -> str:
        """Return the full name of a record of the detector controller."""
        return f"{self.top}dc:{name}"

    def sad(self, name: str) -> str:
        """Return the full name of a status record."""
        return f"{self.top}sad:dc:{name}"

    def sad_alias(self, name: str) -> str:
        """Return the other name of a status record, as SDN 11.03 writes it: ``nifsSad:dc:timeLeft``."""
        return f"{self.top.removesuffix(':')}Sad:dc:{name}"

    def link(self, text: str) -> str:
        """Return a text with ``$(dc)`` and ``$(sad)`` filled in."""
        return text.replace("$(dc)", self.dc("")).replace("$(sad)", self.sad(""))
