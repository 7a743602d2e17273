"""Callbacks on real telephones: a caller who is rung first and proves to be a person, and a machine that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from careline.calls.callback_model import Callback, Stage
from careline.calls.model import Phase
from careline.platform.db import Database
from careline.speech.audio import RATE, encode_ulaw, tone
from careline.telephony.process import AsteriskProcess
from careline.testing.asterisk import private_asterisk
from careline.testing.callcenter import NUMBER, CallCenter, call_center, until
from careline.testing.postgres import Urls
from careline.testing.sip_peer import SipPeers
from careline.testing.trunk_peer import TrunkPeer, hears_tone, hum

pytestmark = pytest.mark.telephony

CALLER = "+15555550123"


def _recorded(name: str, seconds: float | None = None) -> bytes:
    """A bundled recording in English, or its beginning."""
    sound = files("careline.telephony.prompts").joinpath(f"en/{name}.ulaw").read_bytes()
    return sound if seconds is None else sound[: int(seconds * RATE)]


#: What a machine says: ten seconds without a pause, a short one, and its beep. And what a person says: "Hello."
MACHINE = _recorded("voicemail.instructions") + b"\xff" * (RATE // 2) + bytes(encode_ulaw(tone(1000.0, 0.5)))
PERSON = _recorded("callback.machine", 0.55)


@pytest.fixture(scope="module")
def network() -> TrunkPeer:
    """The telephone network, at a port that the switch is told of."""
    return TrunkPeer()


@pytest.fixture(scope="module")
def trunked(network: TrunkPeer) -> Iterator[AsteriskProcess]:
    """An Asterisk whose trunk leads there."""
    with private_asterisk(trunk_outbound=network.address) as process:
        yield process


@pytest.fixture
async def center(
    db: Database, pg_urls: Urls, tenant: int, trunked: AsteriskProcess, network: TrunkPeer
) -> AsyncIterator[CallCenter]:
    """A call center whose queue offers to ring the caller first, at an hour when people may be rung."""
    async with call_center(db, pg_urls.app, tenant, trunked, trunked.home / "prompts", direct=True) as running:
        ahead = datetime.now(UTC).hour - 12
        rules = {"callback": {"offered": True, "mode": "caller-first", "retries": 1}}
        async with db.tenant(tenant) as tx:
            await tx.run("UPDATE location SET zone = %s", (f"Etc/GMT{ahead:+d}" if ahead else "Etc/GMT",))
            await tx.run("UPDATE queue SET rules = %s", (Jsonb(rules),))
        await running.control.refresh()
        await network.start()
        yield running
        await network.stop()


async def change_rules(center: CallCenter, **rules: object) -> None:
    """Other rules for the callbacks of the one queue."""
    made = {"callback": {"offered": True, "mode": "caller-first", "retries": 1, **rules}}
    async with center.db.tenant(center.tenant_id) as tx:
        await tx.run("UPDATE queue SET rules = %s", (Jsonb(made),))
    await center.control.refresh()


async def hang_up_and_wait(center: CallCenter, network: TrunkPeer) -> None:
    """A caller asks to be called back."""
    floor = center.control.floor
    call = await network.call(NUMBER, center.sip, caller=CALLER)
    await until(lambda: any(c.phase is Phase.WAITING for c in floor.calls.values()), 30)
    call.media.press("2")
    await until(lambda: any(c.arranging for c in floor.calls.values()), 20)
    call.media.press("1")
    await asyncio.wait_for(call.ended.wait(), 60)
    await until(lambda: all(c.callback and c.callback.stage is Stage.WAITING for c in floor.calls.values()), 20)


async def test_o11_customer_first_on_real_telephones(center: CallCenter, network: TrunkPeer):
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    place = center.control.floor.calls[call_id].place_at
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        assert ringing.number == CALLER
        await ringing.answer()
        await until(lambda: center.control.floor.calls[call_id].callback.stage is Stage.ASKING, 20)
        assert not desk.calls, "no agent waits for a telephone that may not be picked up"
        ringing.media.press("1")
        with_agent = await desk.next_call(20)
        await until(lambda: center.control.floor.calls[call_id].handling is not None, 20)
        hum(ringing.media, 440.0, 8)
        with_agent.forget()
        await with_agent.hears_tone(440.0)
        await hears_tone(ringing.media, 1000.0)
        assert center.control.floor.calls[call_id].place_at == place
        ringing.hang_up()
        await with_agent.ended.wait()
    kinds = await center.events(call_id)
    assert kinds.index("callback_answered") < kinds.index("offered") < kinds.index("connected")


async def test_o11_phi_free_voicemail_a_machine_presses_no_key(center: CallCenter, network: TrunkPeer):
    await change_rules(center, answer_seconds=6)
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        await ringing.answer()
        await asyncio.wait_for(ringing.ended.wait(), 60)
        await until(lambda: center.control.floor.calls[call_id].callback.attempts == 1, 20)
        assert not desk.calls
    callback = center.control.floor.calls[call_id].callback
    assert callback is not None
    assert callback.next_at is not None
    kinds = await center.events(call_id)
    assert kinds.index("callback_answered") < kinds.index("callback_message") < kinds.index("callback_missed")


async def test_o11_a_machine_is_told_by_its_greeting_and_the_message_comes_after_its_beep(
    center: CallCenter, network: TrunkPeer
):
    """Six seconds of rendered speech, a pause, a beep: asked in silence, then the message, and nobody was bothered."""
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        await ringing.answer()
        ringing.media.say(MACHINE)
        await until(lambda: _callback(center, call_id).ear is not None and _callback(center, call_id).ear.machine, 30)
        await until(lambda: _callback(center, call_id).stage is Stage.BEEP, 60)
        await asyncio.wait_for(ringing.ended.wait(), 60)
        await until(lambda: _callback(center, call_id).attempts == 1, 20)
        assert not desk.calls
    told = await bodies(center, call_id)
    asked = [at for kind, at, body in told if kind == "callback_answered" and body["stage"] == "asking"]
    (spoken,) = [at for kind, at, body in told if kind == "callback_message" and body["speaks"]]
    sounds = [(at, body["on"]) for kind, at, body in told if kind == "callback_voice" and body.get("on") is not None]
    assert sounds[0][1]
    first = (next(at for at, on in sounds if not on) - sounds[0][0]).total_seconds()
    assert first > 3.7, "the first stretch is the whole greeting, or a long part of it"
    assert asked
    assert max(at for at, on in sounds if at <= spoken) < spoken
    assert not [at for at, on in sounds if on and at > asked[-1] and at > spoken], "nothing sounds under the message"
    assert [body["reason"] for kind, _, body in told if kind == "callback_missed"] == ["machine"]


async def test_o11_a_person_who_says_hello_is_heard_out_and_asked_at_once(center: CallCenter, network: TrunkPeer):
    await hang_up_and_wait(center, network)
    call_id = center.only_call()
    ana = await center.agent("Ana Ruiz")
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=1000.0)
        await center.sign_on(ana, user)
        ringing = await asyncio.wait_for(network.rung.get(), 60)
        await ringing.answer()
        ringing.media.say(PERSON)
        await until(lambda: _callback(center, call_id).stage is Stage.ASKING, 20)
        assert not _callback(center, call_id).ear.machine
        ringing.media.press("1")
        with_agent = await desk.next_call(20)
        ringing.hang_up()
        await with_agent.ended.wait()
    told = await bodies(center, call_id)
    spoke = [(at, body["on"]) for kind, at, body in told if kind == "callback_voice" and body.get("on") is not None]
    (begun, ended) = [at for at, _ in spoke[:2]]
    assert (ended - begun).total_seconds() < 3
    (asked,) = [at for kind, at, body in told if kind == "callback_answered" and body["stage"] == "asking"]
    assert (asked - ended).total_seconds() < 2, "16 CFR 310.4(b)(4)(iii): two seconds after the greeting"


def _callback(center: CallCenter, call_id: UUID) -> Callback:
    found = center.control.floor.calls[call_id].callback
    assert found is not None
    return found


async def bodies(center: CallCenter, call_id: UUID) -> list[tuple[str, datetime, dict[str, Any]]]:
    """Every event of a call: kind, moment, body."""
    await center.control.drained()
    async with center.db.tenant(center.tenant_id) as tx:
        rows = await tx.all(
            "SELECT kind, at, body FROM event WHERE stream = 'call' AND stream_id = %s ORDER BY id", (call_id,)
        )
    return [(row["kind"], row["at"], row["body"]) for row in rows]
