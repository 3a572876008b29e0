"""Access rules: the file's language, who may do what, and what clients see of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nifsdc.cli.access import guard
from nifsdc.database.locate import share
from nifsdc.records.ca_access import AccessRules, Peer, access_level, everyone, local_writes
from nifsdc.records.ca_acf import Access, AccessFileError, parse
from nifsdc.records.ca_putlog import PutLog
from nifsdc.records.ca_server import CaServer
from nifsdc.records.ca_service import Write
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef

N, R, W = Access.NONE, Access.READ, Access.WRITE

RULES = """
UAG(ops) {ann, bob}
UAG(eng) {eve}
HAG(here) {localhost}
HAG(room) {192.0.2.3, "192.0.2.4"}
ASG(DEFAULT) {
    RULE(1, READ)
    RULE(0, WRITE) { UAG(ops) HAG(room) }
    RULE(1, WRITE, TRAPWRITE) { UAG(eng) HAG(room, here) }
}
ASG(closed)
ASG(users) {
    RULE(1, NONE)
    RULE(1, READ) { UAG(ops, eng) }
    RULE(2, WRITE, NOTRAPWRITE) { UAG(eng) }
}
ASG(order) {
    RULE(1, WRITE) { HAG(here) }
    RULE(1, READ)
    RULE(0, NONE) { UAG(ops) }
}
"""
DECISIONS_OF_BASE = {
    "": ([W, R, N], [R, R, N], [W, W, N], [W, W, N], [R, R, N]),
    "nosuch": ([W, R, N], [R, R, N], [W, W, N], [W, W, N], [R, R, N]),
    "closed": ([N, N, N], [N, N, N], [N, N, N], [N, N, N], [N, N, N]),
    "users": ([R, R, N], [R, R, N], [W, W, W], [W, W, W], [N, N, N]),
    "order": ([R, R, N], [R, R, N], [W, W, N], [R, R, N], [W, W, N]),
}
"""what asLib of EPICS base 7.0.10 (asCheckClientIP = 1) decides by these rules, for levels 0, 1 and 2"""
WHO = (
    ("ann", "192.0.2.3"),
    ("ann", "192.0.2.9"),
    ("eve", "127.0.0.1"),
    ("eve", "192.0.2.4"),
    ("zed", "127.0.0.1"),
)


def names(host: str) -> list[str]:
    if host != "localhost":
        raise OSError("no such host")
    return ["127.0.0.1"]


def rules(text: str = RULES) -> AccessRules:
    return AccessRules(parse(text, "rules"), names)


def database() -> Database:
    made = Database(
        [
            RecordDef("ao", "t:a", {"VAL": "1.5", "PREC": "2", "HIHI": "4"}),
            RecordDef("mbbo", "t:m", {"ZRST": "zero", "ONST": "one"}),
            RecordDef("ao", "t:guarded", {"ASG": "lock"}),
            RecordDef("longout", "t:busy", {"VAL": "0", "PINI": "YES"}),
            RecordDef("stringout", "t:text"),
        ]
    )
    made.init()
    return made


@pytest.mark.parametrize("group", DECISIONS_OF_BASE)
def test_decisions_are_those_of_epics_base(group: str) -> None:
    decided = tuple([rules().decide(group, level, *who) for level in range(3)] for who in WHO)
    assert decided == DECISIONS_OF_BASE[group]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("UAG(a) {x}\nHAG(b) {y}\nASG(c) {RULE(1, WROTE)}", 3, "NONE, READ or WRITE"),
        ("ASG(c) {\n  RULE(1, READ) {\n    UAG(ops)\n  }\n}", 3, "not defined"),
        ("ASG(c) { RULE(READ) }", 1, "RULE\\(level"),
        ("\n\nUGA(a) {x}", 3, "expected UAG, HAG or ASG"),
        ("UAG(a) {x}\nUAG(a) {y}", 2, "twice"),
        ("ASG(c) {\nRULE(1, READ, LOGIT)\n}", 2, "TRAPWRITE or NOTRAPWRITE"),
        ("ASG(c) {\nRULE(1, WRITE) { METHOD(x509) }\n}", 2, "UAG, HAG or CALC"),
        ('ASG(c) {\nRULE(1, WRITE) {\nCALC("A=") }\n}', 3, "CALC"),
        ("ASG(c) {\nINPZ(x)\n}", 2, "INPA to INPL"),
        ("ASG(c) {\nRULE(1, READ)\n", 2, "closing"),
        ("UAG(a) {x y}", 1, "expected }"),
        ('UAG(a) {x}\nUAG(b) {"y}\n', 2, "quote"),
        ("ASG(c) { RULE(1, WRITE) } $(MACRO)", 1, r"'\$'"),
        ("UAG(a) {,}", 1, "a user name"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, expected: str) -> None:
    with pytest.raises(AccessFileError, match=f"rules, line {line}: .*{expected}"):
        parse(text, "rules")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessFileError, match="cannot be read"):
        AccessRules.load(tmp_path / "none.acf")


def test_the_example_can_be_used() -> None:
    example = AccessRules.load(share("ioc") / "access.example.acf")
    assert example.decide("", 1, "root", "127.0.0.1") is W
    assert example.decide("", 0, "visitor", "192.0.2.3") is W
    assert example.decide("", 1, "visitor", "192.0.2.3") is R
    assert example.decide("", 0, "visitor", "198.51.100.1") is R


def test_networks_and_unknown_hosts(caplog: pytest.LogCaptureFixture) -> None:
    made = rules("HAG(net) {192.0.2.0/28, nowhere}\nASG(DEFAULT) { RULE(1, WRITE) { HAG(net) } }")
    assert made.decide("", 1, "x", "192.0.2.15") is W
    assert made.decide("", 1, "x", "192.0.2.16") is N
    assert "host nowhere of HAG(net) is not known" in caplog.text


def test_without_rules_the_loopback_writes_and_others_read() -> None:
    field = database().find("t:a")
    assert field is not None
    assert local_writes(Peer("127.0.0.1", 1), field) is W
    assert local_writes(Peer("127.3.2.1", 1), field) is W
    assert local_writes(Peer("192.0.2.1", 1, "localhost", "root"), field) is R
    assert everyone(Peer("192.0.2.1", 1), field) is W


def test_levels_of_fields() -> None:
    made = database()
    found = [made.find(name) for name in ("t:a", "t:a.HIHI", "t:a.ASG", "t:a.PROC")]
    assert [access_level(field) for field in found if field] == [0, 1, 1, 1]


LOCK = """ASG(lock) {
INPA(t:busy)
RULE(1, READ)
RULE(1, WRITE) { CALC("A=0") }
}
ASG(DEFAULT) { RULE(1, WRITE) }
"""


def test_an_expression_follows_its_channel() -> None:
    made, policy = database(), rules(LOCK)
    guarded, other = made.find("t:guarded"), made.find("t:a")
    assert guarded is not None
    assert other is not None
    peer = Peer("127.0.0.1", 1, "here", "me")
    changes: list[Access] = []
    assert policy(peer, guarded) is R  # nothing is known of the input
    end = policy.follow(made, lambda: changes.append(policy(peer, guarded)))
    assert policy(peer, guarded) is W
    made.set("t:busy", 2)
    made.set("t:busy", 0)
    assert policy(peer, other) is W
    end()
    made.set("t:busy", 2)
    assert changes == [R, W]


@pytest.mark.parametrize(("source", "problem"), [("t:none", "is not in this database"), ("t:text", "number")])
def test_an_input_that_cannot_be_followed(source: str, problem: str) -> None:
    text = LOCK.replace("t:busy", source)
    with pytest.raises(AccessFileError, match=f"line 2: INPA\\({source}\\) .*{problem}"):
        rules(text).follow(database(), lambda: None)


def test_names_without_end_fill_no_memory() -> None:
    policy, field = rules(), database().find("t:a")
    assert field is not None
    for n in range(25_000):
        policy(Peer("127.0.0.1", 1, "", f"user{n}"), field)
    assert len(policy._decided) <= 10_000


def test_put_log(caplog: pytest.LogCaptureFixture) -> None:
    made, log = database(), PutLog()
    peer = Peer("192.0.2.7", 4711, "console", 'o"brien')
    with caplog.at_level(logging.INFO, "nifsdc.putlog"):
        for name, before, value, refused in (
            ("t:a", 1.5, 2, ""),
            ("t:m", 0, 1, ""),
            ("t:m", 0, b"two\0\0", "no such choice"),
            ("t:a.DESC", "", "line\nbreak", ""),
        ):
            field = made.find(name)
            assert field is not None
            log(Write(peer, field, before, value, refused))
    lines = [record.getMessage() for record in caplog.records]
    assert not any("\n" in line for line in lines)
    entries = [json.loads(line) for line in lines]
    assert [(each["pv"], each["old"], each["new"]) for each in entries] == [
        ("t:a.VAL", "1.50", "2.00"),
        ("t:m.VAL", "zero", "one"),
        ("t:m.VAL", "zero", "two"),
        ("t:a.DESC", "", "line\nbreak"),
    ]
    assert entries[0]["user"] == 'o"brien'
    assert entries[0]["address"] == "192.0.2.7:4711"
    assert [each.get("refused") for each in entries] == [None, None, "no such choice", None]


def test_rules_are_read_again_on_sighup_and_a_wrong_file_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, made = tmp_path / "access.acf", database()
    path.write_text("ASG(DEFAULT) { RULE(1, READ) }")
    field, peer = made.find("t:a"), Peer("127.0.0.1", 1, "here", "me")
    assert field is not None
    server = CaServer(made, interfaces=["127.0.0.1"], port=0, beacons=())
    assert server.access(peer, field) is W

    async def until(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "waited 60 s for SIGHUP to be heard"
            await asyncio.sleep(0.005)

    async def play() -> None:
        end = guard(server, path, put_log=True)
        try:
            assert isinstance(server.put_log, PutLog)
            assert server.access(peer, field) is R
            path.write_text("ASG(DEFAULT) {\n  RULE(1, WRITE }")
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: "line 2" in caplog.text)
            assert server.access(peer, field) is R
            path.write_text("ASG(DEFAULT) { RULE(1, WRITE) }")
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: server.access(peer, field) is W)
        finally:
            end()

    asyncio.run(play())


def test_a_wrong_file_is_told_before_anything_is_served(tmp_path: Path) -> None:
    path = tmp_path / "access.acf"
    path.write_text("ASG(DEFAULT) { INPA(nowhere) }")
    with pytest.raises(AccessFileError, match="line 1: INPA"):
        asyncio.run(_guarded(path))


async def _guarded(path: Path) -> None:
    guard(CaServer(database()), path, put_log=False)
