"""Transcripts of voicemails: a background job of the worker, one recording at a time.

Needs the speech extra. Without it every waiting voicemail is marked so at once, and the page says it plainly.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from careline.kernel.errors import CarelineError
from careline.platform import events
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent
from careline.recordings.rows import tenants
from careline.recordings.service import RecordingService
from careline.recordings.vault import CHANNELS, RATE
from careline.security.actor import system_actor
from careline.speech.asr import SpeechExtraMissing, Transcriber
from careline.speech.audio import from_pcm_bytes
from careline.speech.redflags import scan

log = logging.getLogger(__name__)
_q = queries("careline.recordings", "transcripts.sql")

_HEAD = 44
#: Longer voicemails are written down up to here (ten minutes).
_LONGEST = 600 * RATE

State = Literal["done", "no-speech-extra", "no-speech", "failed"]
#: Words to expect in a tenant's voicemails: names of its clinicians.
Hints = Callable[[int], Awaitable[Sequence[str]]]


class Dangerous(Protocol):
    """Who is told that a voicemail may be about an emergency."""

    async def __call__(self, tx: Tx, call_id: UUID, rule: str, *, emergency: bool) -> None:
        """`rule`: of the red-flag list; `emergency`: not only urgent."""
        ...


async def _no_hints(_tenant: int) -> Sequence[str]:
    return ()


class VoicemailTranscriber:
    """Writes voicemails down as they become ready."""

    def __init__(
        self,
        db: Database,
        recordings: RecordingService,
        find: Callable[[], Transcriber],
        hints: Hints = _no_hints,
        dangerous: Dangerous | None = None,
    ) -> None:
        """`find` gives the machine's transcriber or raises `SpeechExtraMissing`; `dangerous` is told, in the same
        transaction, of a transcript with words that may mean danger."""
        self._db = db
        self._recordings = recordings
        self._find = find
        self._hints = hints
        self._dangerous = dangerous

    async def run(self, *, every: float = 3.0) -> None:
        """Work until cancelled; what goes wrong is tried again."""
        while True:
            try:
                while await self.work_off():
                    pass
            except (CarelineError, psycopg.Error, PoolTimeout, OSError) as error:
                log.warning("voicemails could not be written down", extra={"error": type(error).__name__})
            await asyncio.sleep(every)

    async def work_off(self) -> int:
        """Deal with one waiting voicemail of each tenant; returns how many were found."""
        found = 0
        for tenant in await tenants(self._db):
            async with self._db.tenant(tenant) as tx:
                # The row's lock is the claim: another worker skips it, and a killed one lets it go.
                row = await tx.one(_q["claim_waiting"])
                if row is not None:
                    found += 1
                    state, text = await self._transcribe(tenant, row)
                    await _settle(tx, row["id"], state, text)
                    await self._warn(tx, row["call_id"], text)
        return found

    async def _transcribe(self, tenant: int, row: Row) -> tuple[State, str | None]:
        try:
            transcriber = self._find()
        except SpeechExtraMissing:
            return "no-speech-extra", None
        try:
            samples = await self._callers_side(tenant, row["id"])
            made = await transcriber.transcribe(samples, RATE, row["language"], await self._hints(tenant))
        except (CarelineError, OSError, ValueError, RuntimeError) as error:
            log.warning(
                "a voicemail could not be written down",
                extra={"recording_id": str(row["id"]), "error": type(error).__name__},
            )
            return "failed", None
        return ("done", made.text) if made.text else ("no-speech", None)

    async def _warn(self, tx: Tx, call_id: UUID, text: str | None) -> None:
        """Words of every language of the list count: callers mix them, and a language may have been chosen wrongly."""
        hits = scan(text) if text and self._dangerous else []
        if hits and self._dangerous:
            gravest = min(hits, key=lambda hit: hit.severity != "emergency")
            emergency = gravest.severity == "emergency"
            await self._dangerous(tx, call_id, gravest.rule_id, emergency=emergency)

    async def _callers_side(self, tenant: int, recording: UUID) -> array[int]:
        """What the caller said: the left side."""
        sound = await self._recordings.read_for_transcript(system_actor(tenant), recording)
        end = _HEAD + min(sound.size - _HEAD, _LONGEST * CHANNELS * 2)
        wav = await asyncio.to_thread(lambda: b"".join(sound.read(_HEAD, end)))
        return from_pcm_bytes(wav)[::CHANNELS]


async def _settle(tx: Tx, recording: UUID, state: State, text: str | None) -> None:
    row = await tx.one(_q["write_transcript"], {"id": recording, "state": state, "transcript": text})
    if row is not None:
        # The event says that there is one, never what it says.
        body = {"recording_id": str(recording), "call_id": str(row["call_id"]), "state": state}
        await events.append(
            tx, [NewEvent(stream="recording", stream_id=recording, kind="voicemail_transcribed", body=body)]
        )
