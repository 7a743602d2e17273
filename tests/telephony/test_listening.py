"""Real callers who speak: a spoken menu choice, and words that may mean danger, through Asterisk and the voice process.

The words were spoken by a synthesised voice (tests/telephony/spoken).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from careline.demo.phone import Phone, PhoneCall
from careline.platform.db import Database
from careline.telephony.process import AsteriskProcess
from careline.testing.callcenter import NUMBER, CallCenter, call_center, until
from careline.testing.postgres import Urls
from careline.testing.sip_peer import SipPeers
from careline.testing.voice import VoiceProcess, voice_process
from careline.testing.voices import public_network

pytestmark = pytest.mark.telephony
SPOKEN = Path(__file__).parent / "spoken"
#: From the end of the words to the interruption, as docs/listening.md states it; generous for a shared machine.
STATED_SECONDS = 5.0


def spoken(name: str) -> bytes:
    return (SPOKEN / f"{name}.ulaw").read_bytes()


@pytest.fixture
async def ears() -> AsyncIterator[VoiceProcess]:
    async with voice_process() as process:
        yield process


@pytest.fixture
async def listening(
    db: Database, pg_urls: Urls, tenant: int, asterisk: AsteriskProcess, prompts: Path, ears: VoiceProcess
) -> AsyncIterator[CallCenter]:
    async with call_center(db, pg_urls.app, tenant, asterisk, prompts, voice=ears.line) as center:
        await until(lambda: center.switch.listening[0] != "down")
        yield center


@pytest.fixture
async def network() -> AsyncIterator[Phone]:
    async with public_network() as phone:
        yield phone


async def call_in(network: Phone, center: CallCenter) -> PhoneCall:
    call = await network.call(NUMBER, center.sip, caller="+15555550123")
    await until(lambda: center.control.floor.calls)
    return call


def heard(center: CallCenter) -> bool:
    """Whether the caller's sound reaches the voice process."""
    return any(stream.made[1:] for stream in center.switch._listening._streams.values())


async def bodies(center: CallCenter, kind: str) -> list[dict[str, Any]]:
    await center.control.writer.drained()
    return [row["body"] for row in await center.rows("SELECT body FROM event WHERE kind = %s ORDER BY id", kind)]


async def test_v5_words_interrupt_the_greeting(listening: CallCenter, network: Phone):
    call = await call_in(network, listening)
    call_id = listening.only_call()
    await until(lambda: heard(listening))
    call.media.say(spoken("chest-pain"))
    await until(lambda: listening.control.floor.calls[call_id].emergency, STATED_SECONDS + 10)
    call.hang_up()
    await call.ended.wait()
    (raised,) = await bodies(listening, "emergency_raised")
    assert raised["how"] == "words"
    assert (await bodies(listening, "heard"))[0]["rule"] == "chest-pain"
    assert "pain" not in str(await listening.rows("SELECT body FROM event")).replace("chest-pain", "")


async def test_no_channel_of_ours_outlives_its_caller(listening: CallCenter, network: Phone):
    call = await call_in(network, listening)
    await until(lambda: heard(listening))
    call.hang_up()
    await call.ended.wait()

    async def cleared() -> bool:
        found = [*await listening.switch._ari.get("channels"), *await listening.switch._ari.get("bridges")]
        return not found

    await until(cleared)


async def test_a_menu_choice_is_said_read_back_and_confirmed_by_voice(listening: CallCenter, network: Phone):
    call = await call_in(network, listening)
    call_id, floor = listening.only_call(), listening.control.floor
    await until(lambda: floor.calls[call_id].cursor and floor.calls[call_id].cursor.node == "language", 60)
    call.media.press("1")
    await until(lambda: floor.calls[call_id].cursor.node == "menu")
    await until(lambda: heard(listening))
    call.media.say(spoken("appointments"))
    await until(lambda: floor.calls[call_id].unconfirmed == "appointments")
    call.media.say(spoken("yes"))
    await until(lambda: floor.calls[call_id].phase == "waiting")
    call.hang_up()
    await call.ended.wait()
    assert [body["what"] for body in await bodies(listening, "heard")][-1] == "confirmed"
    (chosen,) = await bodies(listening, "menu_chosen")
    assert chosen["reason"] == "appointments"


async def test_v5_words_interrupt_the_queue_and_the_hold(listening: CallCenter, network: Phone):
    ana = await listening.agent("Ana Ruiz")
    floor = listening.control.floor
    call = await call_in(network, listening)
    call_id = listening.only_call()
    await to_queue(call, floor, call_id)
    call.media.say(spoken("cant-breathe"))
    await until(lambda: floor.calls[call_id].emergency)
    assert floor.calls[call_id].phase == "waiting"
    call.hang_up()
    await call.ended.wait()
    async with SipPeers() as peers:
        user, password = await listening.grant_desk_phone(ana)
        desk = await peers.phone(user, password, listening.sip, hz=1000.0)
        await listening.sign_on(ana, user)
        call = await call_in(network, listening)
        call_id = listening.only_call()
        await to_queue(call, floor, call_id)
        await desk.next_call()
        await until(lambda: floor.calls[call_id].handling is not None)
        await until(lambda: not heard(listening))
        await listening.commands.give(ana, "call.hold", {"call_id": str(call_id)})
        await until(lambda: heard(listening))
        call.media.say(spoken("chest-pain"))
        await until(lambda: floor.calls[call_id].emergency)
        assert floor.calls[call_id].emergency_how == "words"
        call.hang_up()
        await call.ended.wait()


async def to_queue(call: PhoneCall, floor: Any, call_id: UUID) -> None:
    await until(lambda: floor.calls[call_id].cursor and floor.calls[call_id].cursor.node == "language", 60)
    call.media.press("1")
    await until(lambda: floor.calls[call_id].cursor.node == "menu")
    call.media.press("1")
    await until(lambda: floor.calls[call_id].phase != "flow")


async def test_a_killed_voice_process_is_said_and_takes_up_its_work_again(
    listening: CallCenter, network: Phone, ears: VoiceProcess
):
    call = await call_in(network, listening)
    call_id = listening.only_call()
    await until(lambda: heard(listening))
    ears.kill()
    await until(lambda: listening.switch.listening[0] == "down")
    assert "not running" in listening.switch.listening[1]
    await ears.start()
    await until(lambda: heard(listening))
    call.media.say(spoken("chest-pain"))
    await until(lambda: listening.control.floor.calls[call_id].emergency)
    call.hang_up()
    await call.ended.wait()
