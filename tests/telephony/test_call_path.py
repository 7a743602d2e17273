"""A real call, through the API alone: a SIP caller nobody here wrote, Asterisk, the menu, the queue, a desk phone."""

from __future__ import annotations

import pytest

from careline.testing.callcenter import NUMBER, CallCenter, until
from careline.testing.sip_peer import SipPeers

pytestmark = pytest.mark.telephony


async def test_a_call_is_answered_routed_heard_and_recorded(center: CallCenter):
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        await center.switch.grant_softphone("d-lobby", "test-lobby-phone", kind="desk")
        caller = await peers.phone("d-lobby", "test-lobby-phone", center.sip, hz=440.0)
        call = await caller.dial(NUMBER)
        await call.hears(lambda found: found is not None)
        await until(lambda: center.control.floor.calls)
        call_id = center.only_call()
        floor = center.control.floor
        await until(lambda: floor.calls[call_id].cursor and floor.calls[call_id].cursor.node == "language", 40)
        await call.press("1")
        await until(lambda: floor.calls[call_id].cursor.node == "menu", 20)
        await call.press("1")
        ringing = await desk.next_call()
        await until(lambda: floor.calls[call_id].handling is not None)
        ringing.forget()
        call.forget()
        await ringing.hears_tone(440.0)
        await call.hears_tone(1000.0)
        await center.commands.give(ana, "call.hold", {"call_id": str(call_id)})
        await call.hears(lambda found: found is not None and abs(found - 1000) > 50)
        await center.commands.give(ana, "call.resume", {"call_id": str(call_id)})
        await call.hears_tone(1000.0)
        await call.hang_up()
        await ringing.ended.wait()
        await center.commands.give(ana, "call.wrap_up", {"call_id": str(call_id), "code": "scheduled"})
    kinds = await center.events(call_id)
    assert kinds[0] == "arrived"
    for kind in ("answered", "language_chosen", "menu_chosen", "queued", "offered", "connected", "held", "resumed"):
        assert kind in kinds
    assert kinds[-1] == "wrapped_up"
    (row,) = await center.rows("SELECT * FROM call WHERE id = %s", call_id)
    assert row["phase"] == "ended"
    assert row["outcome"] == "handled"
    assert row["source"] == "phone"
    (handling,) = await center.rows("SELECT * FROM call_handling WHERE call_id = %s", call_id)
    assert handling["person_id"] == ana.person_id
    assert handling["wrap_up_code"] == "scheduled"
