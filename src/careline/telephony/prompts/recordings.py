"""Recordings of a practice's own, by name, for flows: uploaded, checked, levelled, kept in versions."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.text import plain
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission
from careline.speech.audio import rms
from careline.telephony.prompts.book import BadRecording, PromptBook, read_sound
from careline.telephony.prompts.catalogue import catalogue

_q = queries("careline.telephony.prompts", "recordings.sql")

_NAME = re.compile(r"[a-z][a-z0-9-]{1,59}")
#: Bytes of an upload: two minutes in stereo at 48 kHz, and the form around them.
LARGEST_UPLOAD = 26 * 1024 * 1024
#: Quieter than this below full scale, nobody would hear more than hiss.
QUIETEST = -50.0
#: The share of samples at the limit above which speech is torn.
MOST_CLIPPED = 0.01


class TooQuiet(BadRecording):
    """This recording is nearly silent. Record it again, closer to the microphone."""

    id = "recording-too-quiet"


class Clipped(BadRecording):
    """This recording is too loud: its peaks are cut off. Record it again, a little farther away."""

    id = "recording-clipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRecording:
    """One recording in one language, at its latest version."""

    name: str
    language: str
    version: int
    words: str
    seconds: float
    loudness: float
    made_at: datetime
    made_by: str | None


class OwnRecordings:
    """Use cases of uploaded recordings."""

    def __init__(self, db: Database, clock: Clock, book: PromptBook) -> None:
        self._db = db
        self._clock = clock
        self._book = book

    async def list(self, actor: Actor) -> Sequence[OwnRecording]:
        """Every recording in use, by name and language."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return [OwnRecording(**row) for row in await tx.all(_q["list_recordings"])]

    async def keep(self, actor: Actor, *, name: str, language: str, words: str, wav: bytes) -> int:
        """Store a recording; of a name that is known, its next version, played from the next call on.

        Raises `BadRecording` (no WAV, too long, nearly silent, clipped) and `InvalidInput`; then nothing has changed.
        """
        actor.require(Permission.ORGANIZATION_MANAGE)
        if not _NAME.fullmatch(name):
            raise InvalidInput("A recording's name is small letters, digits and hyphens: flu-clinic.", field="name")
        if language not in catalogue().languages:
            raise InvalidInput("There are no prompts in this language.", field="language")
        words = plain(words, "words")
        samples, rate = await asyncio.to_thread(_read, wav)
        loudness = check(samples)
        async with self._db.tenant(actor.tenant_id) as tx:
            version = await self._next(tx, name, language)
            values: dict[str, Any] = {
                "name": name,
                "language": language,
                "version": version,
                "words": words,
                "loudness": loudness,
                "seconds": len(samples) / rate,
                "sha256": hashlib.sha256(wav).hexdigest(),
                "at": self._clock.now(),
                "by": actor.person_id,
            }
            await tx.run(_q["insert_recording"], values)
            await append(tx, [_event(actor, name, language, "kept", version)])
            detail: dict[str, Any] = {"version": version, "bytes": len(wav)}
            await audit.record(tx, actor, audit.Action.UPDATE, "prompt-recording", f"{language}/{name}", detail=detail)
            # Last: a file that cannot be written takes its row back with it.
            await asyncio.to_thread(self._book.keep, actor.tenant_id, language, name, samples, rate)
        return version

    async def retire(self, actor: Actor, name: str, language: str) -> None:
        """Take a recording out of use: it is no longer offered; flows that play it still do. Raises `NotFound`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            values = {"name": name, "language": language, "at": self._clock.now()}
            if not await tx.run(_q["retire_recording"], values):
                raise NotFound
            await append(tx, [_event(actor, name, language, "retired", 0)])
            await audit.record(tx, actor, audit.Action.DELETE, "prompt-recording", f"{language}/{name}")

    async def _next(self, tx: Tx, name: str, language: str) -> int:
        await tx.run(_q["lock_recording"], {"key": f"{name}/{language}"})
        row = await tx.one(_q["last_version"], {"name": name, "language": language})
        return int(row["version"]) + 1 if row and row["version"] else 1


def _read(wav: bytes) -> tuple[array[int], int]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(wav)
        file.flush()
        return read_sound(Path(file.name))


def check(samples: array[int]) -> float:
    """The loudness of a recording in dB below full scale. Raises `TooQuiet`, `Clipped`. Pure."""
    loudness = 20 * math.log10(max(rms(samples), 1e-9) / 32768)
    if loudness < QUIETEST:
        raise TooQuiet
    if sum(1 for s in samples if abs(s) >= 32_760) > MOST_CLIPPED * len(samples):
        raise Clipped
    return round(loudness, 1)


def _event(actor: Actor, name: str, language: str, kind: str, version: int) -> NewEvent:
    stream_id = uuid5(NAMESPACE_URL, f"careline:recording:{actor.tenant_id}:{language}:{name}")
    body = {"name": name, "language": language, "version": version}
    return NewEvent(stream="prompt", stream_id=stream_id, kind=kind, body=body, person_id=actor.person_id)
