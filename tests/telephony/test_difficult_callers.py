"""Callers who press nothing, press wrong keys, hang up anywhere, or leave a message: each has a defined end."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator
from random import Random
from uuid import UUID

import pytest

from careline.calls.model import Call, Phase
from careline.demo.caller import Outcome, SyntheticCaller
from careline.demo.personas import personas
from careline.demo.phone import Phone
from careline.kernel.clock import SystemClock
from careline.platform.db import Database
from careline.recordings.rows import begin_with_events
from careline.recordings.service import RecordingService, recordings_folder
from careline.recordings.transcripts import VoicemailTranscriber
from careline.security.actor import system_actor
from careline.security.keys import Keyring
from careline.speech.asr import SpeechExtraMissing, find_transcriber
from careline.speech.audio import encode_ulaw, from_pcm_bytes
from careline.speech.listening import Kind, segments
from careline.telephony.process import AsteriskProcess
from careline.testing.asterisk import RecorderProcess, recorder_process
from careline.testing.callcenter import NUMBER, TRUNK, CallCenter, call_center, until
from careline.testing.postgres import Urls

pytestmark = pytest.mark.telephony


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    made = Phone(TRUNK)
    await made.start()
    yield made
    await made.stop()


def live(center: CallCenter, caller: str) -> Call | None:
    return next((call for call in center.control.floor.calls.values() if call.caller == caller), None)


def at(center: CallCenter, caller: str, node: str) -> bool:
    """Whether a caller is at a node of the flow, or in a phase of that name."""
    call = live(center, caller)
    return call is not None and (call.phase == node or (call.cursor is not None and call.cursor.node == node))


async def test_silence_wrong_keys_and_hang_ups_at_every_step_have_an_end(center: CallCenter, phone: Phone) -> None:
    async def silent() -> None:
        call = await phone.call(NUMBER, center.sip, caller="+15555550141")
        await until(lambda: at(center, "+15555550141", Phase.WAITING), 150)
        call.hang_up()

    async def wrong() -> None:
        call = await phone.call(NUMBER, center.sip, caller="+15555550142")
        async with asyncio.timeout(150):
            while not at(center, "+15555550142", Phase.WAITING):
                assert await call.wait(3.0), "the caller must not be thrown out for wrong keys"
                call.media.press("7")
        call.hang_up()

    async def leaves(step: str, caller: str) -> None:
        call = await phone.call(NUMBER, center.sip, caller=caller)
        for node, key in (("greeting", ""), ("language", "2"), ("menu", "1"), (Phase.WAITING, "")):
            await until(lambda node=node: at(center, caller, node), 60)  # type: ignore[misc]
            if node == step:
                break
            call.media.press(key)
        call.hang_up()

    steps = ("greeting", "language", "menu", Phase.WAITING)
    callers = {step: f"+1555555015{n}" for n, step in enumerate(steps)}
    await asyncio.gather(silent(), wrong(), *(leaves(step, caller) for step, caller in callers.items()))
    await until(lambda: not center.control.floor.calls)
    await center.control.writer.drained()
    ends = {row["caller"]: row for row in await center.rows("SELECT caller, phase, outcome, language FROM call")}
    assert {row["phase"] for row in ends.values()} == {"ended"}
    assert ends["+15555550141"]["outcome"] == ends["+15555550142"]["outcome"] == "abandoned"
    assert [ends[callers[step]]["outcome"] for step in steps] == ["left-menu", "left-menu", "left-menu", "abandoned"]
    assert ends[callers["menu"]]["language"] == "es"
    assert not (await center.switch.snapshot()).channels


@pytest.fixture
async def recorder(asterisk: AsteriskProcess, pg_urls: Urls) -> AsyncIterator[RecorderProcess]:
    async with recorder_process(asterisk, pg_urls.app, pg_urls.relay) as running:
        yield running


async def test_a_spoken_message_is_kept_and_written_down_or_said_not_to_be(
    db: Database, pg_urls: Urls, tenant: int, asterisk: AsteriskProcess, recorder: RecorderProcess, phone: Phone
) -> None:
    prompts = asterisk.home / "prompts"
    async with call_center(
        db, pg_urls.app, tenant, asterisk, prompts, recorder=recorder.client, companions=(begin_with_events,)
    ) as center:
        person = personas()["messenger"]
        caller = SyntheticCaller(
            person, phone, number=NUMBER, sip=center.sip, caller="+15555550143", dice=Random(2)
        )  # fmt: skip
        assert await asyncio.wait_for(caller.call(), 200) is Outcome.MESSAGE
        await until(lambda: not center.control.floor.calls)
        await center.control.writer.drained()
        await recorder.idle()
        (row,) = await center.rows("SELECT id, kind, state, seconds, transcript_state FROM recording")
        assert (row["kind"], row["state"], row["transcript_state"]) == ("voicemail", "ready", "waiting")
        (call,) = await center.rows("SELECT outcome FROM call")
        assert call["outcome"] == "voicemail"
    recordings = RecordingService(
        db, SystemClock(), Keyring.load(recorder.home / "keys" / "master.key"), recordings_folder(recorder.home)
    )
    left = await callers_side(recordings, tenant, row["id"])
    spoken = [s for s in segments(encode_ulaw(left)) if s.kind is Kind.SPEECH]
    assert sum(s.seconds for s in spoken) > 5
    writer = VoicemailTranscriber(db, recordings, lambda: find_transcriber(recorder.home / "models"))
    assert await writer.work_off() == 1
    async with db.tenant(tenant) as tx:
        (written,) = await tx.all("SELECT transcript_state, transcript FROM recording")
    try:
        find_transcriber(recorder.home)
    except SpeechExtraMissing:
        assert written == {"transcript_state": "no-speech-extra", "transcript": None}
    else:
        assert written["transcript_state"] == "done" and "medicine" in written["transcript"].lower()


async def callers_side(recordings: RecordingService, tenant: int, recording: UUID) -> array[int]:
    sound = await recordings.read_for_transcript(system_actor(tenant), recording)
    return from_pcm_bytes(b"".join(sound.read(44)))[::2]
