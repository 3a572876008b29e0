"""Effects of a detector model, switched on by name and amount: ``cosmic-rays`` or ``cosmic-rays=0.2``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BOUNDLESS = 1e9
"""electrons that no well ever holds"""
Model = TypeVar("Model", bound="DataclassInstance")


@dataclass(frozen=True)
class Effect:
    """An amount that can be set by name."""

    name: str
    field: str
    """of the model"""
    typical: float
    """amount where none is given"""
    meaning: str
    """what the amount is, with its unit"""
    most: float = math.inf


def with_effects(
    model: Model,
    effects: Mapping[str, Effect],
    wishes: Iterable[str],
    beginnings: Mapping[str, Callable[[], Model]],
) -> Model:
    """Return a model with effects set.

    Parameters
    ----------
    model
        a frozen dataclass
    effects
        what can be set, by name
    wishes
        names, each with ``=`` and an amount if wanted; the first may be a beginning's name
    beginnings
        models that a first wish can ask for instead of the one given

    Raises
    ------
    ValueError
        if there is no such effect, or the amount is not a number of 0 or more that it can take
    """
    changes: dict[str, Any] = {}
    wishes = tuple(wishes)
    if wishes and wishes[0] in beginnings:
        model, wishes = beginnings[wishes[0]](), wishes[1:]
    for wish in wishes:
        name, given, amount = wish.partition("=")
        if name not in effects:
            known = ", ".join((*beginnings, *sorted(effects)))
            raise ValueError(f"there is no effect {name!r}: expected one of {known}")
        effect = effects[name]
        try:
            value = float(amount) if given else effect.typical
        except ValueError:
            value = math.nan
        present = getattr(model, effect.field)
        whole = isinstance(present, int)
        if not (math.isfinite(value) and 0.0 <= value <= effect.most) or (whole and not value.is_integer()):
            kind = "a whole number" if whole else "a number"
            limit = "" if math.isinf(effect.most) else f" up to {effect.most:g}"
            raise ValueError(f"{name} is {amount!r}, expected {kind} of 0 or more{limit}: {effect.meaning}")
        changes[effect.field] = type(present)(value)
    return replace(model, **changes)


def amounts(model: Any, effects: Mapping[str, Effect]) -> dict[str, float]:
    """Return the amount of each effect in a model, by its name."""
    return {name: float(getattr(model, effect.field)) for name, effect in effects.items()}
