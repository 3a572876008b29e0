"""Whether a command's parameters are ones that it can be taken with, at PRESET and START."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nifsdc.control.checks import first_problem
from nifsdc.control.kinds import CameraKind, Scalar
from nifsdc.dictionary import ParameterDictionary


class Admission:
    """Looks at a command's parameters; its state is looked at elsewhere.

    Parameters
    ----------
    parameters
        the parameter dictionary
    kind
        what is particular to this camera
    link_kind
        ``sim`` or a hardware link: what `simulate` can truthfully be
    store_refusal
        says why an observation that stores so many bytes beside its image cannot be stored now, or None
    """

    def __init__(
        self,
        parameters: ParameterDictionary,
        kind: CameraKind,
        link_kind: str,
        store_refusal: Callable[[int], str | None],
    ) -> None:
        self._parameters = parameters
        self._kind = kind
        self._link_kind = link_kind
        self._store_refusal = store_refusal

    def refusal(self, command: str, checked: Mapping[str, Scalar]) -> str | None:
        """Say why a command cannot be taken with these parameters, which were checked singly, or None."""
        values = {**self._parameters.snapshot(), **checked}
        reason = first_problem(command, values, self._kind.checks)
        if reason is not None:
            return reason
        if command == "simulate":
            return self._simulation_refusal(values)
        if command in ("glance", "promote") or (command == "observe" and _wants_file(values)):
            return self._store_refusal(self._kind.beside(values))
        return None

    def _simulation_refusal(self, values: Mapping[str, Scalar]) -> str | None:
        asked = str(values["simMode"])
        allowed = "FULL" if self._link_kind == "sim" else "NONE"
        return None if asked == allowed else f"simMode {asked}: link is {self._link_kind}, {allowed}"


def _wants_file(values: Mapping[str, Scalar]) -> bool:
    return values["obs_save"] == "Yes" and values["obs_dataDest"] != "NONE"
