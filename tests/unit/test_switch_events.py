"""Asterisk's events in call control's words: each end once, with its cause; telephones by their contacts."""

from __future__ import annotations

from typing import Any

import pytest

from careline.calls.switch_events import Arrived, EndpointChanged, HangupCause, LegAnswered, LegEnded, LegRinging
from careline.telephony.translate import Translator, dialled_nonsense, is_inbound

pytestmark = pytest.mark.unit

_SECOND = iter(range(1, 100_000))


def event(kind: str, channel: str = "c-1", /, **more: Any) -> dict[str, Any]:
    number = next(_SECOND)
    return {
        "type": kind,
        "timestamp": f"2026-03-08T12:{number // 1000 % 60:02}:{number % 60:02}.{number % 1000:03}+0000",
        "channel": made(channel, **more.pop("fields", {})),
        **more,
    }


def made(channel: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": channel,
        "name": "PJSIP/trunk-0000000a",
        "state": "Ring",
        "caller": {"number": "+15555550123", "name": ""},
        "dialplan": {"app_name": "Stasis", "context": "from-trunk", "exten": "+15555550100"},
        **fields,
    }


def arrived(channel: str = "c-1", **fields: Any) -> dict[str, Any]:
    return event("StasisStart", channel, args=["arrived"], fields=fields)


def test_an_inbound_call_ends_once_whichever_notice_comes_first():
    for order in (("StasisEnd", "ChannelDestroyed"), ("ChannelDestroyed", "StasisEnd"), ("ChannelDestroyed",) * 2):
        book = Translator()
        assert isinstance(book.read(arrived())[0], Arrived)
        heard = [book.read(event(kind, cause=16)) for kind in order]
        assert [len(told) for told in heard] == [1, 0]
        assert heard[0][0].cause is HangupCause.NORMAL  # type: ignore[union-attr]


def test_a_legs_end_has_the_best_known_cause():
    cases: list[tuple[list[dict[str, Any]], int, HangupCause]] = [
        ([], 17, HangupCause.BUSY),
        ([event("Dial", peer={"id": "leg"}, dialstatus="NOANSWER")], 0, HangupCause.NO_ANSWER),
        ([event("Dial", peer={"id": "leg"}, dialstatus="CHANUNAVAIL")], 0, HangupCause.UNREACHABLE),
        ([], 0, HangupCause.FAILURE),
        ([event("ChannelStateChange", "leg", fields={"state": "Up"})], 0, HangupCause.NORMAL),
        ([], 21, HangupCause.REJECTED),
        ([], 1, HangupCause.UNALLOCATED),
    ]
    for before, code, cause in cases:
        book = Translator()
        book.expect("leg")
        for one in before:
            book.read(one)
        (ended,) = book.read(event("ChannelDestroyed", "leg", cause=code))
        assert ended == LegEnded(channel="leg", cause=cause, at=ended.at)


def test_our_own_reason_wins():
    book = Translator()
    book.expect("leg")
    book.blame("leg", HangupCause.REJECTED)
    assert book.read(event("ChannelDestroyed", "leg", cause=16))[0].cause is HangupCause.REJECTED  # type: ignore[union-attr]


def test_ringing_and_answer_are_told_once_and_only_for_legs():
    book = Translator()
    book.expect("leg")
    book.read(arrived("c-1"))
    told: list[object] = []
    for state in ("Ringing", "Ringing", "Up", "Up", "Ringing"):
        told += book.read(event("ChannelStateChange", "leg", fields={"state": state}))
        told += book.read(event("ChannelStateChange", "c-1", fields={"state": state}))
    assert [type(one) for one in told] == [LegRinging, LegAnswered]


def test_a_channel_came_in_by_a_door_or_is_a_leg_of_ours():
    assert is_inbound(made("1795463325.152"))
    assert not is_inbound(made("a.01a209f4-27d7-7cc1-9bf4-a496626f7307.1"))
    desk = {"app_name": "Stasis", "context": "softphones", "exten": "s"}
    assert not is_inbound(made("1795463325.153", dialplan=desk))


@pytest.mark.parametrize("dialled", ["+15555550100\r\nX: 1", "1a", "", "1,2"])
def test_what_no_telephone_can_dial_is_nobodys_call(dialled: str):
    strange = arrived(dialplan={"app_name": "Stasis", "context": "from-trunk", "exten": dialled})
    assert dialled_nonsense(strange)
    assert Translator().read(strange) == []


@pytest.mark.parametrize(("context", "source"), [("from-trunk", "trunk"), ("from-desk", "phone"), ("from-web", "web")])
def test_the_door_tells_who_calls(context: str, source: str):
    door = {"app_name": "Stasis", "context": context, "exten": "*97"}
    (told,) = Translator().read(arrived(name="PJSIP/d-anna-0000000a", dialplan=door))
    assert isinstance(told, Arrived)
    assert (told.source, told.dialled, told.caller) == (source, "*97", None)
    assert told.endpoint == ("d-anna" if source == "phone" else None)


def test_what_ended_while_nobody_looked_is_not_told_later():
    book = Translator()
    book.read(arrived("gone"))
    book.read(arrived("kept"))
    book.keep_only(["kept"])
    assert book.read(event("ChannelDestroyed", "gone", cause=16)) == []
    assert len(book.read(event("ChannelDestroyed", "kept", cause=16))) == 1


def test_a_channel_seen_in_a_listing_is_known_and_one_in_the_waiting_loop_may_still_arrive():
    book = Translator()
    book.seen(made("ours"))
    book.seen(made("waiting", dialplan={"app_name": "Wait", "context": "from-trunk", "exten": "+15555550100"}))
    assert len(book.read(event("ChannelDestroyed", "ours", cause=16))) == 1
    assert isinstance(book.read(arrived("waiting"))[0], Arrived)
    assert book.read(arrived("waiting")) == []


@pytest.mark.parametrize("number", ["", "anonymous", "Anonymous", "restricted"])
def test_a_withheld_number_is_none(number: str):
    (told,) = Translator().read(arrived(caller={"number": number, "name": ""}))
    assert isinstance(told, Arrived)
    assert told.caller is None


def contact(status: str, uri: str) -> dict[str, Any]:
    return {
        "type": "ContactStatusChange",
        "timestamp": "2026-03-08T12:00:00.000+0000",
        "endpoint": {"resource": "s-1"},
        "contact_info": {"contact_status": status, "uri": uri},
    }


def test_a_page_that_registers_anew_before_the_old_contact_goes_stays_online():
    book = Translator()
    told: list[object] = []
    for status, uri in (
        ("NonQualified", "a"), ("Reachable", "a"), ("NonQualified", "b"), ("Removed", "a"),
        ("Unreachable", "b"), ("Reachable", "b"), ("Removed", "b"),
    ):  # fmt: skip
        told += book.read(contact(status, uri))
    assert [one.online for one in told if isinstance(one, EndpointChanged)] == [True, False, True, False]


def test_a_telephone_known_from_a_listing_goes_when_its_contact_does():
    book = Translator()
    book.online(["s-1"])
    assert book.read(contact("Reachable", "a")) == []
    (gone,) = book.read(contact("Removed", "a"))
    assert isinstance(gone, EndpointChanged)
    assert not gone.online
