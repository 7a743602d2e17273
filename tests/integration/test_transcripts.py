"""Voicemails are written down by the worker: once, with the caller's side only, and with a plain word when not."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from careline.kernel.clock import SystemClock
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.recordings.service import SoundMissing
from careline.recordings.transcripts import VoicemailTranscriber
from careline.speech.asr import Passage, SpeechExtraMissing, Transcript
from careline.speech.audio import RATE, pcm_bytes, tone
from careline.speech.listening import dominant
from careline.testing import builders

pytestmark = pytest.mark.integration


class Sound:
    """Left 440 Hz, right 1,000 Hz, as WAV bytes."""

    def __init__(self) -> None:
        both = array("h", [0, 0] * RATE)
        both[::2], both[1::2] = tone(440, 1.0), tone(1000, 1.0)
        self.data = b"h" * 44 + pcm_bytes(both)
        self.size = len(self.data)

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self.data[start:end][:1001]
        yield self.data[start:end][1001:]


class Recordings:
    def __init__(self) -> None:
        self.read: list[UUID] = []
        self.missing = False

    async def read_for_transcript(self, actor: Any, recording: UUID) -> Sound:
        assert actor.kind == "system"
        self.read.append(recording)
        if self.missing:
            raise SoundMissing
        return Sound()


class Writer:
    """Writes down what it is told to have heard."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked: list[tuple[int | None, str | None, Sequence[str]]] = []
        self.wait = asyncio.Event()
        self.wait.set()

    async def transcribe(
        self, samples: array[int], rate: int, language: str | None = None, hints: Sequence[str] = ()
    ) -> Transcript:
        await self.wait.wait()
        self.asked.append((dominant(samples), language, hints))
        return Transcript(language or "", tuple(Passage(0, 1, text, -0.2, 0.0) for text in self.texts))


async def voicemail(db: Database, tenant: int, *, language: str = "en", state: str = "waiting") -> UUID:
    number = f"+1555555{next(_NUMBERS):04d}"
    practice = await builders.make_practice(db, tenant, SystemClock(), number=number, name=f"Clinic {number}")
    call = await builders.make_call(db, tenant, practice, caller="+15555550142", language=language)
    recording = new_id()
    async with db.tenant(tenant) as tx:
        await tx.run(
            "INSERT INTO recording (id, call_id, kind, state, started_at, seconds, bytes, sha256, transcript_state)"
            " VALUES (%s, %s, 'voicemail', 'ready', %s, 1, 1, 'x', %s)",
            (recording, call, datetime.now(UTC), state),
        )
    return recording


_NUMBERS = iter(range(100, 200))


async def read(db: Database, tenant: int, recording: UUID) -> tuple[str, str | None]:
    async with db.tenant(tenant) as tx:
        row = await tx.one("SELECT transcript_state, transcript FROM recording WHERE id = %s", (recording,))
    assert row is not None
    return row["transcript_state"], row["transcript"]


def transcriber(db: Database, recordings: Recordings, writer: Writer, **more: Any) -> VoicemailTranscriber:
    return VoicemailTranscriber(db, recordings, lambda: writer, **more)  # type: ignore[arg-type]


async def test_the_callers_side_is_written_down_in_the_calls_language(db: Database, tenant: int) -> None:
    recordings, writer = Recordings(), Writer("Necesito una cita.", "Gracias.")

    async def hints(_: int) -> list[str]:
        return ["Osei"]

    recording = await voicemail(db, tenant, language="es")
    work = transcriber(db, recordings, writer, hints=hints)
    assert await work.work_off() == 1
    assert await read(db, tenant, recording) == ("done", "Necesito una cita. Gracias.")
    assert writer.asked == [(440, "es", ["Osei"])]
    assert await work.work_off() == 0
    assert recordings.read == [recording]
    async with db.tenant(tenant) as tx:
        (event,) = await tx.all("SELECT body, kind FROM event WHERE stream = 'recording'")
    assert event["kind"] == "voicemail_transcribed" and event["body"]["state"] == "done"
    assert "cita" not in str(event["body"])


async def test_without_the_extra_it_says_so_and_no_recording_is_opened(db: Database, tenant: int) -> None:
    recordings = Recordings()

    def none() -> Any:
        raise SpeechExtraMissing

    recording = await voicemail(db, tenant)
    assert await VoicemailTranscriber(db, recordings, none).work_off() == 1  # type: ignore[arg-type]
    assert await read(db, tenant, recording) == ("no-speech-extra", None)
    assert recordings.read == []


async def test_silence_and_failure_have_their_own_words(db: Database, tenant: int) -> None:
    silent = await voicemail(db, tenant)
    await transcriber(db, Recordings(), Writer()).work_off()
    assert await read(db, tenant, silent) == ("no-speech", None)
    lost = await voicemail(db, tenant)
    broken = Recordings()
    broken.missing = True
    await transcriber(db, broken, Writer("x")).work_off()
    assert await read(db, tenant, lost) == ("failed", None)


async def test_two_workers_never_write_the_same_one_and_a_killed_one_gives_it_back(db: Database, tenant: int) -> None:
    recording = await voicemail(db, tenant)
    slow, quick = Writer("first"), Writer("second")
    slow.wait.clear()
    held = asyncio.create_task(transcriber(db, Recordings(), slow).work_off())
    other = transcriber(db, Recordings(), quick)
    async with asyncio.timeout(10):
        while await _claimed(db, tenant) == 0:
            await asyncio.sleep(0.02)
    assert await other.work_off() == 0
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    assert await other.work_off() == 1
    assert await read(db, tenant, recording) == ("done", "second")


async def _claimed(db: Database, tenant: int) -> int:
    """How many waiting voicemails another transaction holds."""
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT id FROM recording WHERE transcript_state = 'waiting' FOR UPDATE SKIP LOCKED")
    return 1 - len(rows)
