"""Access rights as clients see them, and as they change while clients are connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import caproto
import pytest

Wait = Callable[..., Any]
OPEN = "ASG(DEFAULT) { RULE(1, WRITE) }\n"
READ_ONLY = "ASG(DEFAULT) { RULE(1, WRITE) }\nASG(guarded) { RULE(1, READ) }\n"
CLOSED = "ASG(DEFAULT) { RULE(1, WRITE) }\nASG(guarded)\n"
ONE_USER = (
    "UAG(u) {me}\nHAG(h) {127.0.0.1}\nASG(DEFAULT) { RULE(1, READ) RULE(1, WRITE) { UAG(u) HAG(h) } }\n"
)


def status(reply: Any) -> int:
    """Number of a reply's status, which caproto gives as it is or as an object."""
    return int(getattr(reply.status, "code_with_severity", reply.status))


@pytest.fixture(autouse=True)
def _rules_end_with_the_test(ioc: Any) -> Iterator[None]:
    yield
    ioc.ask(access="")


def test_libca_is_told_of_its_rights_and_of_their_changes(ioc: Any, pv: Any, wait: Wait) -> None:
    channel, other = pv("guarded"), pv("m40")
    assert channel.access == "read/write"
    ioc.ask(access=READ_ONLY)
    wait(lambda: channel.access == "read-only", "the right to write to go")
    assert other.access == "read/write"
    ioc.ask(access=CLOSED)
    wait(lambda: channel.access == "no access", "the right to read to go")
    ioc.ask(access="")
    wait(lambda: channel.access == "read/write", "the rights to come back")
    assert channel.put(3.0, wait=True) == 1


def test_the_group_of_a_record_can_be_changed(ioc: Any, pv: Any, wait: Wait) -> None:
    ioc.ask(access=READ_ONLY)
    channel, group = pv("m41"), pv("m41.ASG")
    assert channel.access == "read/write"
    group.put("guarded", wait=True)
    wait(lambda: channel.access == "read-only", "the new group's rules")
    ioc.set(("m41.ASG", ""))
    wait(lambda: channel.access == "read/write", "the old group's rules")


def test_refusals_have_the_status_of_a_c_server(ioc: Any, raw: Any) -> None:
    ioc.ask(access=CLOSED)
    client = raw()
    channel = client.channel("guarded")
    client.send(channel.write((1.0,), notify=True))
    assert status(client.receive(lambda c: isinstance(c, caproto.WriteNotifyResponse))) == 376
    client.send(channel.write((1.0,), notify=False))
    refusal = client.receive(lambda c: isinstance(c, caproto.ErrorResponse))
    assert status(refusal) == 376
    assert b"read-only for me@here" in bytes(refusal.error_message)
    client.send(channel.read())
    assert status(client.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))) == 368


def test_a_monitor_falls_silent_and_speaks_again(ioc: Any, raw: Any) -> None:
    client = raw()
    channel = client.channel("guarded")
    ioc.set(("guarded", 1.0))
    client.send(channel.subscribe())
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and c.data[0] == 1.0)
    client.received.clear()
    ioc.ask(access=CLOSED)
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and status(c) == 368)
    ioc.set(("guarded", 2.0))
    ioc.ask(access=OPEN)
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and status(c) == 1)
    rights = [c.access_rights for c in client.received if isinstance(c, caproto.AccessRightsResponse)]
    values = [
        c.data[0] for c in client.received if isinstance(c, caproto.EventAddResponse) and status(c) == 1
    ]
    assert (rights, values) == ([0, 3], [2.0])


def test_a_monitor_of_what_may_not_be_read_waits_for_the_right(ioc: Any, raw: Any) -> None:
    ioc.ask(access=CLOSED)
    before = ioc.statistics["monitors"]
    client = raw()
    channel = client.channel("guarded")
    client.send(channel.subscribe())
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and status(c) == 368)
    assert ioc.statistics["monitors"] == before
    ioc.ask(access=READ_ONLY)
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and status(c) == 1)
    assert ioc.statistics["monitors"] == before + 1


def test_user_and_address_decide_and_a_later_name_does_not(ioc: Any, raw: Any) -> None:
    ioc.ask(access=ONE_USER)
    client = raw()  # says it is me
    channel = client.channel("m42")
    assert client.receive(lambda c: isinstance(c, caproto.AccessRightsResponse)).access_rights == 3
    client.send(caproto.ClientNameRequest("you"))
    client.send(channel.write((1.0,), notify=True))
    assert status(client.receive(lambda c: isinstance(c, caproto.WriteNotifyResponse))) == 1
    stranger = raw(user="you")
    stranger.channel("m42")
    assert stranger.receive(lambda c: isinstance(c, caproto.AccessRightsResponse)).access_rights == 1
    elsewhere = raw(source="127.0.0.9")
    elsewhere.channel("m42")
    assert elsewhere.receive(lambda c: isinstance(c, caproto.AccessRightsResponse)).access_rights == 1
