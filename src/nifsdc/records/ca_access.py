"""Who may read and write which channel: a policy, asked once for each channel a client opens.

Channel Access has no authentication: a client says who its user is, and only its address is certain. Rules
keep operators and scripts from mistakes; what keeps strangers out is the network (docs/access-rules.md).
"""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from .ca_acf import DEFAULT_GROUP, Access, AccessFile, AccessFileError, Group, Rule
from .database import Database
from .expression import LETTERS, compile_expression
from .fields import Field
from .types import Severity

log = logging.getLogger("nifsdc.ca")

OPERATION_LEVEL, SETUP_LEVEL = 0, 1
"""access levels of fields (ASL0, ASL1)"""
CACHED_DECISIONS = 10_000
_LETTERS = "ABCDEFGHIJKLMNOPQRSTU"
_OPERATION_FIELDS: Mapping[str, frozenset[str]] = {
    "cad": frozenset({"VAL", "DIR", "MARK", *_LETTERS, *(f"VAL{letter}" for letter in _LETTERS)}),
    "apply": frozenset({"VAL", "DIR"}),
    "car": frozenset({"VAL", "IVAL", "IMSS", "IERR"}),
    "sir": frozenset({"VAL", "IMSS"}),
    "genSub": frozenset(
        {"VAL", *_LETTERS, *(f"VAL{letter}" for letter in _LETTERS), *(f"OVL{letter}" for letter in _LETTERS)}
    ),
}
_VAL_ONLY = frozenset({"VAL"})
_INPUT = re.compile(r"\b[A-L]\b")


@dataclass(frozen=True)
class Peer:
    """Who is at the other end."""

    address: str
    """internet address"""
    port: int
    host: str = ""
    """host name as the client gave it"""
    user: str = ""
    """user name as the client gave it"""

    def __str__(self) -> str:
        return f"{self.user or '?'}@{self.host or self.address} ({self.address}:{self.port})"


AccessPolicy = Callable[[Peer, Field], Access]
"""What a client may do with a field (beyond what the record forbids everybody)."""


def everyone(peer: Peer, field: Field) -> Access:
    """Policy that lets every client write."""
    return Access.WRITE


@lru_cache(4096)
def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback if address else False


def local_writes(peer: Peer, field: Field) -> Access:
    """Policy when there is no rules file: clients on the loopback write, all others read."""
    return Access.WRITE if _is_loopback(peer.address) else Access.READ


def access_level(field: Field) -> int:
    """Level of a field: 0 for those of operation (ASL0), 1 for the others.

    EPICS base gives level 0 to VAL, and to inputs and outputs of aSub, which here is genSub. Of Gemini's
    records, whose definitions are not public, the fields of the command handshake have it.
    """
    fields = _OPERATION_FIELDS.get(field.record.rtyp, _VAL_ONLY)
    return OPERATION_LEVEL if field.name in fields else SETUP_LEVEL


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str], Iterable[str]]


def resolve(host: str) -> list[str]:
    """Addresses of a host name.

    Raises:
        OSError: the name is not known.
    """
    return sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})


class AccessRules:
    """The policy of a rules file.

    Hosts are known by their addresses, not by what the client says its name is (as EPICS base does with
    ``asCheckClientIP``): names in a HAG are looked up when the rules are loaded.

    Args:
        file: the rules.
        resolver: looks host names up.
    """

    def __init__(self, file: AccessFile, resolver: Resolver = resolve) -> None:
        self.file = file
        self._networks = {name: _networks(file, name, hosts, resolver) for name, hosts in file.hosts.items()}
        self._values: dict[tuple[str, str], float] = {}
        self._decided: dict[tuple[str, int, str, str], Access] = {}

    @classmethod
    def load(cls, path: Path) -> AccessRules:
        """Read a file. Raises AccessFileError."""
        return cls(AccessFile.load(path))

    def __call__(self, peer: Peer, field: Field) -> Access:
        """Return what a client may do with a field."""
        group = str(field.record.v["ASG"])
        key = (group, access_level(field), peer.user, peer.address)
        access = self._decided.get(key)
        if access is None:
            if len(self._decided) >= CACHED_DECISIONS:
                self._decided.clear()  # a client that calls itself something new each time fills no memory
            access = self._decided[key] = self.decide(*key)
        return access

    def decide(self, group: str, level: int, user: str, address: str) -> Access:
        """Return the most that a rule of the group grants (``asComputePvt`` of EPICS base)."""
        name = group if group in self.file.groups else DEFAULT_GROUP
        granted = Access.NONE
        for rule in self.file.groups[name].rules:
            if rule.access > granted and level <= rule.level and self._holds(name, rule, user, address):
                granted = rule.access
        return granted

    def _holds(self, group: str, rule: Rule, user: str, address: str) -> bool:
        if rule.users and not any(user in self.file.users[name] for name in rule.users):
            return False
        if rule.hosts:
            known = ipaddress.ip_address(address)
            if not any(known in network for name in rule.hosts for network in self._networks[name]):
                return False
        return not rule.calc or self._is_one(group, rule.calc)

    def _is_one(self, group: str, calc: str) -> bool:
        inputs = [self._values.get((group, letter), math.nan) for letter in LETTERS] + [0.0]
        if any(math.isnan(inputs[LETTERS.index(letter)]) for letter in _INPUT.findall(calc.upper())):
            return False  # an input that is not known or not valid grants nothing
        try:
            return 0.99 < compile_expression(calc)(inputs) < 1.01
        except (ArithmeticError, ValueError):
            return False

    # --- inputs of expressions

    def follow(self, database: Database, changed: Callable[[], None]) -> Callable[[], None]:
        """Follow the channels whose values decide about rules.

        Args:
            database: where they are.
            changed: called after each of their changes.

        Returns:
            A function that ends it.

        Raises:
            AccessFileError: a channel is not in the database or no number; nothing is followed.
        """
        ends: list[Callable[[], None]] = []
        found = [
            (name, letter, self._input(database, group, letter))
            for name, group in self.file.groups.items()
            for letter in group.inputs
        ]

        def take(key: tuple[str, str], field: Field, _: object = None) -> None:
            valid = field.sevr < Severity.INVALID
            self._values[key] = float(field.value) if valid else math.nan  # type: ignore[arg-type]  # a number: _input
            self._decided.clear()

        def taken(key: tuple[str, str], field: Field, value: object) -> None:
            take(key, field)
            changed()

        for name, letter, field in found:
            take((name, letter), field)
            ends.append(database.watch(field.pvname, partial(taken, (name, letter), field)))

        def end() -> None:
            for each in ends:
                each()

        return end

    def _input(self, database: Database, group: Group, letter: str) -> Field:
        source = group.inputs[letter]
        field = database.find(source.pvname)
        if field is None or field.count > 1 or isinstance(field.value, str):
            problem = "is not in this database" if field is None else "is not a single number"
            raise AccessFileError(
                f"{self.file.name}, line {source.line}: INP{letter}({source.pvname}) {problem}"
            )
        return field


def _networks(file: AccessFile, group: str, hosts: frozenset[str], resolver: Resolver) -> tuple[Network, ...]:
    """Addresses of the hosts of a group; a name that is not known is said and grants nothing."""
    found: list[Network] = []
    for host in sorted(hosts):
        try:
            found.append(ipaddress.ip_network(host))
        except ValueError:
            try:
                found += [ipaddress.ip_network(address) for address in resolver(host)]
            except OSError as problem:
                log.warning(
                    "%s: host %s of HAG(%s) is not known (%s); it gets nothing by that group until the "
                    "rules are loaded again",
                    *(file.name, host, group, problem),
                )
    return tuple(found)
