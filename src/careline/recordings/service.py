"""Playing recordings: only to those who may, each play in the audit log."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, Forbidden, NotFound
from careline.platform.db import Database, Row, Tx, queries
from careline.recordings.vault import CHANNELS, RATE, Opener, kek_context, read_header, unwrap
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.keys import Keyring
from careline.security.permissions import Permission
from careline.speech.audio import decode_ulaw, pcm_bytes

_q = queries("careline.recordings")

_HEAD = 44
_SAMPLE = 2
#: Reading on in what was begun (a player that seeks) is the same play for so long.
_ONE_PLAY = timedelta(minutes=15)


class NotReady(Conflict):
    """This recording cannot be played: it is still being made, or it failed."""

    id = "recording-not-ready"


class SoundMissing(NotFound):
    """The recording's file is not where it should be."""

    id = "recording-file-missing"


class Sound:
    """A recording as a 16-bit stereo WAV file, decrypted as it is read. Left: the caller; right: what is heard."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._data = opener.size // CHANNELS * CHANNELS * _SAMPLE
        #: Bytes of the whole WAV file.
        self.size = _HEAD + self._data
        self.seconds = opener.size / CHANNELS / RATE
        self.whole = opener.whole

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The WAV file's bytes from `start` up to `end`. Raises `DamagedRecording`."""
        end = self.size if end is None else min(end, self.size)
        if start < _HEAD:
            yield self._head()[start:end]
        first, last = max(start, _HEAD) - _HEAD, end - _HEAD
        skip = first % _SAMPLE
        left = last - first
        for sound in self._opener.read(first // _SAMPLE, -(-max(last, 0) // _SAMPLE)):
            piece = pcm_bytes(decode_ulaw(sound))[skip:][: max(left, 0)]
            skip = 0
            left -= len(piece)
            if piece:
                yield piece

    def _head(self) -> bytes:
        block = CHANNELS * _SAMPLE
        return (
            struct.pack("<4sI4s4sI", b"RIFF", self.size - 8, b"WAVE", b"fmt ", 16)
            + struct.pack("<HHIIHH", 1, CHANNELS, RATE, RATE * block, block, 8 * _SAMPLE)
            + struct.pack("<4sI", b"data", self._data)
        )


@dataclass(frozen=True, slots=True)
class _Play:
    person: UUID | None
    recording: UUID


class RecordingService:
    """Recordings of the calls of a tenant."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, folder: Path) -> None:
        """`folder` holds a folder a tenant with the encrypted files."""
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._folder = folder
        self._playing: dict[_Play, datetime] = {}

    async def play(self, actor: Actor, recording_id: UUID, *, seek: bool = False) -> Sound:
        """A recording to listen to. Audited, except for `seek` within what the person has just begun to play.

        Raises `Forbidden`, `NotFound`, `NotReady`, `SoundMissing`.
        """
        actor.require(Permission.RECORDING_PLAY, Permission.RECORDING_PLAY_OWN, Permission.MESSAGE_READ)
        async with self._db.tenant(actor.tenant_id) as tx:
            row = await self._row(tx, actor, recording_id)
            if row["state"] != "ready":
                raise NotReady(state=row["state"])
            sound = await self._open(tx, recording_id)
            if not (seek and self._goes_on(actor, recording_id)):
                patients = [r["patient_id"] for r in await tx.all(_q["list_patients_of_call"], row)]
                await audit.record(
                    tx, actor, Action.LISTEN, "recording", recording_id, contact_id=row["call_id"], patients=patients
                )
        self._playing[_Play(actor.person_id, recording_id)] = self._clock.now()
        return sound

    async def read_for_transcript(self, actor: Actor, recording_id: UUID) -> Sound:
        """A voicemail for the transcriber; the machine's reading is audited like a person's. Raises like `play`."""
        return await self.play(actor, recording_id)

    async def _row(self, tx: Tx, actor: Actor, recording_id: UUID) -> Row:
        row = await tx.one(_q["find_recording"], {"id": recording_id, "person_id": actor.person_id})
        if row is None:
            raise NotFound
        own = row["mine"] and actor.may(Permission.RECORDING_PLAY_OWN)
        left_for_me = row["for_me"] and actor.may(Permission.MESSAGE_READ)
        if not (actor.may(Permission.RECORDING_PLAY) or own or left_for_me):
            raise Forbidden("You may play recordings of calls that you handled yourself.")
        return row

    async def _open(self, tx: Tx, recording_id: UUID) -> Sound:
        path = file_of(self._folder, tx.tenant_id or 0, str(recording_id))
        try:
            with path.open("rb") as file:
                header = read_header(file)
        except FileNotFoundError:
            raise SoundMissing from None
        if header.tenant != tx.tenant_id or header.recording != str(recording_id):
            raise SoundMissing
        secret = await self._keyring.open(tx, header.sealed_wrapping_key, kek_context(header.kek))
        return Sound(Opener(path, unwrap(header, secret)))

    def _goes_on(self, actor: Actor, recording_id: UUID) -> bool:
        now = self._clock.now()
        self._playing = {play: at for play, at in self._playing.items() if now - at < _ONE_PLAY}
        return actor.kind == "person" and _Play(actor.person_id, recording_id) in self._playing


def recordings_folder(home: Path) -> Path:
    """The folder of every tenant's recordings in a state folder."""
    return home / "recordings"


def file_of(folder: Path, tenant_id: int, recording: str) -> Path:
    """Where a finished recording lies."""
    return folder / str(tenant_id) / f"{recording}.clr"
