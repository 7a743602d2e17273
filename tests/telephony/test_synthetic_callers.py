"""Synthetic callers at a real call center: what they hear, what they press, and what the record says of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from careline.demo.call import Plan, place_call
from careline.demo.caller import Outcome, SyntheticCaller
from careline.demo.personas import personas
from careline.demo.phone import Phone
from careline.speech.audio import RATE, decode_ulaw, read_wav, rms
from careline.speech.listening import Kind
from careline.telephony.prompts.voices import fetch_voice, open_book
from careline.testing.callcenter import NUMBER, TRUNK, CallCenter, until
from careline.testing.sip_peer import SipPeers

pytestmark = pytest.mark.telephony

CALLER = "+15555550142"


async def test_a_caller_hears_the_menu_presses_keys_and_waits_with_music(center: CallCenter, tmp_path: Path) -> None:
    plan = Plan(keys=("1", "1"), pace=None, wait=22)
    report = await place_call(NUMBER, center.sip, plan, caller=CALLER, ip=TRUNK, save=tmp_path / "heard.wav")
    assert report.answered and report.end == "hung up", str(report)
    assert report.seconds_of(Kind.SPEECH) > 12
    assert report.seconds_of(Kind.MUSIC) > 3
    speech, music = (next(s.start for s in report.segments if s.kind is kind) for kind in (Kind.SPEECH, Kind.MUSIC))
    assert speech < 2 < music
    samples, rate = read_wav(tmp_path / "heard.wav")
    assert rate == RATE and abs(len(samples) / RATE - len(report.heard) / RATE) < 0.1 and rms(samples) > 300
    await until(lambda: not center.control.floor.calls)
    await center.control.writer.drained()
    (row,) = await center.rows("SELECT id, outcome, caller FROM call")
    assert row["caller"] == CALLER and row["outcome"] == "abandoned"
    kinds = await center.events(row["id"])
    assert [k for k in kinds if k in ("language_chosen", "menu_chosen", "queued")] == [
        "language_chosen", "menu_chosen", "queued"
    ]  # fmt: skip


async def test_a_persona_is_served_by_an_agent_who_hears_it(center: CallCenter) -> None:
    ana = await center.agent("Ana Ruiz")
    phone = Phone(TRUNK)
    await phone.start()
    async with SipPeers() as peers:
        user, password = await center.grant_desk_phone(ana)
        desk = await peers.phone(user, password, center.sip, hz=None)
        await center.sign_on(ana, user)
        caller = SyntheticCaller(
            personas()["refill"], phone, number=NUMBER, sip=center.sip, caller=CALLER, dice=Random(6)
        )
        task = asyncio.create_task(caller.call())
        ringing = await desk.next_call(90)
        await until(lambda: caller.doing == "talking", 30)
        ringing.forget()
        await ringing.hears(lambda found: found is not None, 30)
        await ringing.hang_up()
        assert await asyncio.wait_for(task, 30) is Outcome.SERVED
    await phone.stop()
    assert phone.up == 0


async def test_hanging_up_before_the_answer_and_in_the_menu_leaves_nothing_behind(center: CallCenter) -> None:
    phone = Phone(TRUNK)
    await phone.start()
    early = await phone.call(NUMBER, center.sip, caller=CALLER)
    early.hang_up()
    assert early.end == "given up"
    later = await phone.call(NUMBER, center.sip, caller=None)
    async with asyncio.timeout(20):
        await later.answered.wait()
    await later.wait(1.0)
    later.hang_up()
    await until(lambda: not center.control.floor.calls)
    await center.control.writer.drained()
    await phone.stop()
    assert {row["phase"] for row in await center.rows("SELECT phase FROM call")} <= {"ended"}


async def test_a_number_of_nobody_is_not_served(center: CallCenter) -> None:
    report = await place_call("+15555550199", center.sip, Plan(wait=20, ring=20), caller=CALLER, ip=TRUNK)
    assert report.end.startswith("refused") or report.end == "hung up by the other side", str(report)
    assert report.seconds_of(Kind.MUSIC) == 0


async def test_a_caller_who_is_no_trunk_is_refused(center: CallCenter) -> None:
    report = await place_call(NUMBER, center.sip, Plan(wait=5, ring=10), caller=CALLER, ip="127.0.0.3")
    assert not report.answered
    assert report.end.startswith("refused 4") or report.end in ("no reply", "given up"), str(report)
    assert not center.control.floor.calls


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_voice_of_this_machine_speaks_names(tmp_path: Path, language: str) -> None:
    samples = fetch_voice().speak("Lakeside Clinic 24/7 <break> & more", language)
    assert 1.0 < len(samples) / RATE < 8.0 and rms(samples) > 500
    book = open_book(tmp_path)
    (media,) = await book.prepare(language, "Thank you for calling Pine Street Pediatrics.")
    assert rms(decode_ulaw(Path(f"{media}.ulaw").read_bytes())) > 500
