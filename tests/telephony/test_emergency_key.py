"""The emergency key on a real telephone: at the menu, in the queue, while an announcement plays, on hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from careline.calls.desk import DeskService
from careline.calls.model import FIRST_OF_ALL, Phase
from careline.calls.switch_commands import Command, Play, StopPlay
from careline.kernel.clock import SystemClock
from careline.testing.callcenter import NUMBER, CallCenter, until
from careline.testing.sip_peer import PeerCall, SipPeers

pytestmark = pytest.mark.telephony


def listen_in(center: CallCenter) -> list[Command]:
    """Everything that the switch is told from now on, in order."""
    told: list[Command] = []
    run = center.switch.run

    async def telling(commands: Any) -> None:
        told.extend(commands)
        await run(commands)

    center.switch.run = telling  # type: ignore[method-assign]
    return told


def notice_comes_first(told: list[Command], since: int) -> bool:
    """After the key the first thing played is the notice, and what played before was stopped before it."""
    heard = [c for c in told[since:] if isinstance(c, Play | StopPlay)]
    plays = [c for c in heard if isinstance(c, Play)]
    return bool(plays) and plays[0].media[0].endswith("greeting.emergency-notice")


async def raised(center: CallCenter, call_id: UUID) -> list[dict[str, Any]]:
    """What was written from the key on."""
    await center.control.writer.drained()
    rows = await center.rows("SELECT kind, body FROM event WHERE stream_id = %s ORDER BY id", call_id)
    kinds = [row["kind"] for row in rows]
    assert kinds.count("emergency_raised") == 1
    return rows[kinds.index("emergency_raised") :]


async def test_v5_the_key_on_a_telephone_everywhere_before_and_beside_an_agent(center: CallCenter):
    ana = await center.agent("Ana Ruiz")
    floor = center.control.floor
    told = listen_in(center)
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        callers = []
        for name in ("d-lobby", "d-hall", "d-door"):
            await center.switch.grant_softphone(name, f"test-{name}", kind="desk")
            callers.append(await peers.phone(name, f"test-{name}", center.sip, hz=440.0))

        # In the greeting: the caller is first in line, and Ana's telephone rings with the banner.
        first = await callers[0].dial(NUMBER)
        await until(lambda: floor.calls)
        one = center.only_call()
        await first.hears(lambda found: found is not None)
        since = len(told)
        await first.press("*")
        with_ana = await desk.next_call()
        await until(lambda: floor.calls[one].handling is not None)
        assert notice_comes_first(told, since)
        after = await raised(center, one)
        assert [row["kind"] for row in after[:3]] == ["emergency_raised", "queued", "played"]
        snapshot = await DeskService(center.db, SystemClock()).read(ana)
        assert snapshot.contact is not None
        assert snapshot.contact.emergency_how == "key"

        # In the queue with music, and while an announcement plays: others wait, the key makes them first.
        second = await into_queue(center, callers[1])
        two = next(c.id for c in floor.calls.values() if c.phase is Phase.WAITING)
        since = len(told)
        await second.press("*")
        await until(lambda: floor.calls[two].emergency)
        assert floor.calls[two].priority == FIRST_OF_ALL
        await until(lambda: notice_comes_first(told, since))
        await second.press("*")
        third = await into_queue(center, callers[2])
        three = next(c.id for c in floor.calls.values() if c.phase is Phase.WAITING and c.id != two)
        await until(lambda: floor.calls[three].announced_place is not None)
        since = len(told)
        await third.press("*")
        await until(lambda: floor.calls[three].emergency)
        await until(lambda: notice_comes_first(told, since))
        await raised(center, two)
        await second.hang_up()
        await third.hang_up()

        # Beside an agent: on hold the caller hears the notice; the agent's banner stays.
        await center.commands.give(ana, "call.hold", {"call_id": str(one)})
        await first.hang_up()
        await with_ana.ended.wait()
        await center.commands.give(ana, "call.wrap_up", {"call_id": str(one), "code": "scheduled"})
        await center.commands.give(ana, "agent.status", {"status": "available"})
        last = await into_queue(center, callers[0])
        ringing = await desk.next_call()
        await until(lambda: any(c.handling for c in floor.calls.values()))
        four = next(c.id for c in floor.calls.values() if c.handling)
        await center.commands.give(ana, "call.hold", {"call_id": str(four)})
        since = len(told)
        await last.press("*")
        await until(lambda: floor.calls[four].emergency)
        await until(lambda: notice_comes_first(told, since))
        assert floor.calls[four].handling is not None
        await last.hang_up()
        await ringing.ended.wait()


async def into_queue(center: CallCenter, phone: Any) -> PeerCall:
    """A call through language and menu into the queue."""
    floor = center.control.floor
    known = set(floor.calls)
    call: PeerCall = await phone.dial(NUMBER)
    await until(lambda: set(floor.calls) - known)
    (call_id,) = set(floor.calls) - known
    # Typed ahead: the questions need not be heard.
    await call.press("11")
    await until(lambda: floor.calls[call_id].phase is not Phase.FLOW, 40)
    return call
