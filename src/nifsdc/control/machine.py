"""A state machine as a table: every transition that exists is a row, everything else is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)


class IllegalEvent(RuntimeError):
    """An event came that the present state has no row for: a mistake of ours, never of the user."""

    def __init__(self, machine: str, state: Enum, event: Enum) -> None:
        super().__init__(f"{machine}: event {event.name} is not expected in state {state.name}")
        self.machine, self.state, self.event = machine, state, event


class Machine(Generic[S, E]):
    """Holds one state and moves it along its table.

    Parameters
    ----------
    name
        what it is called in messages and status records (``dc``, ``sdsu``, ``obs``)
    table
        ``(state, event) -> next state``; a pair that is missing is illegal
    initial
        the state at start
    on_change
        called with the new state after every transition to another state
    """

    def __init__(
        self,
        name: str,
        table: Mapping[tuple[S, E], S],
        initial: S,
        on_change: Callable[[S], None] = lambda state: None,
    ) -> None:
        self.name = name
        self.state = initial
        self._table = table
        self._on_change = on_change

    def accepts(self, event: E) -> bool:
        """Tell whether the table has a row for this event in the present state."""
        return (self.state, event) in self._table

    def fire(self, event: E) -> S:
        """Take one transition and return the new state.

        Raises
        ------
        IllegalEvent
            if the table has no row for it; the state is unchanged
        """
        following = self._table.get((self.state, event))
        if following is None:
            raise IllegalEvent(self.name, self.state, event)
        if following is not self.state:
            self.state = following
            self._on_change(following)
        return following
