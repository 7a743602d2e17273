"""From the pipe to the player: the recorder's files and rows over its own death, and playing with ranges and audit."""

from __future__ import annotations

import asyncio
import os
import re
from array import array
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from careline.calls.model import Event, Kind
from careline.calls.store import Batch
from careline.kernel.clock import SystemClock
from careline.kernel.errors import Unavailable
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.recordings import rows, vault
from careline.recordings.service import RecordingService
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.security.web import COOKIE
from careline.speech.audio import decode_ulaw, encode_ulaw, pcm_bytes, tone
from careline.telephony import recorder as recorder_module
from careline.telephony.recorder import Door, Recorder
from careline.telephony.recorder_door import RecorderClient, socket_path
from careline.testing.floor import Floor
from careline.testing.postgres import Urls
from careline.testing.web import web_app

pytestmark = pytest.mark.integration


def stereo(seconds: float) -> bytes:
    """16-bit stereo as Asterisk writes it: 440 Hz left, 1,000 Hz right."""
    left, right = tone(440, seconds), tone(1000, seconds)
    both = array("h", bytes(4 * len(left)))
    both[::2], both[1::2] = left, right
    return pcm_bytes(both)


def as_heard(sound: bytes) -> bytes:
    """What µ-law leaves of it."""
    return pcm_bytes(decode_ulaw(encode_ulaw(array("h", sound))))


class Studio:
    """A recorder, and Asterisk's part played by hand."""

    def __init__(self, db: Database, tenant: int, home: Path) -> None:
        self.db, self.tenant, self.home = db, tenant, home
        self.keyring = Keyring.load(home / "keys" / "master.key")
        self.folder, self.pipes = home / "recordings", home / "pipes"
        self.floor = Floor(db, tenant, SystemClock().now())
        self.line: UUID | None = None
        self.recorder: Recorder
        self.tending: asyncio.Task[None] | None = None
        self.held: list[int] = []

    async def begin(self, db: Database | None = None) -> None:
        self.recorder = Recorder(db or self.db, self.keyring, SystemClock(), self.folder, self.pipes)
        await self.recorder.start()
        self.tending = asyncio.create_task(self.recorder.tend())

    async def die(self) -> None:
        """As kill -9 does: what was read but not sealed is gone; nothing is said."""
        assert self.tending is not None
        self.tending.cancel()
        await asyncio.wait([self.tending])
        for pipe in self.recorder._active.values():
            pipe._stop()
            os.close(pipe.sealer._fd)

    async def call(self, recording: UUID, kind: Kind = Kind.RECORDING_STARTED) -> UUID:
        """A call whose events say that a recording has begun."""
        self.line = self.line or await self.floor.line()
        call = await self.floor.call(self.line)
        await self.events(call, recording, kind)
        return call

    async def events(self, call: UUID, recording: UUID, kind: Kind = Kind.RECORDING_STARTED) -> None:
        event = Event(call_id=call, kind=kind, at=datetime.now(UTC), body={"recording_id": str(recording)})
        async with self.db.tenant(self.tenant) as tx:
            await rows.begin_with_events(tx, Batch(log=[event]))

    async def write(self, pipe: Path) -> Callable[[bytes], Any]:
        """Open a pipe as MixMonitor does."""
        fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        self.held.append(fd)
        os.set_blocking(fd, True)
        return lambda data: asyncio.to_thread(os.write, fd, data)

    def hang_up(self) -> None:
        os.close(self.held.pop())

    async def row(self, recording: UUID, *, state: str | None = "ready") -> dict[str, Any]:
        """The recording's row, once it has a state."""
        async with asyncio.timeout(20):
            while True:
                async with self.db.tenant(self.tenant) as tx:
                    row = await tx.one("SELECT * FROM recording WHERE id = %s", (recording,))
                if row is not None and row["state"] == state:
                    return row
                await asyncio.sleep(0.05)

    async def sound(self, recording: UUID) -> bytes:
        """What a player gets, without the WAV head."""
        service = RecordingService(self.db, SystemClock(), self.keyring, self.folder)
        floor = self.floor
        actor = floor.actor(await floor.person("Quinn", Role.QUALITY), "Quinn", Role.QUALITY)
        return b"".join((await service.play(actor, recording)).read())[44:]


@pytest.fixture
async def studio(db: Database, tenant: int, tmp_path: Path) -> AsyncIterator[Studio]:
    studio = Studio(db, tenant, tmp_path)
    await studio.begin()
    yield studio
    assert studio.tending is not None
    studio.tending.cancel()
    await asyncio.wait([studio.tending])
    studio.recorder.close()
    for fd in studio.held:
        os.close(fd)


async def test_what_is_written_into_the_pipe_can_be_played(studio: Studio):
    recording = new_id()
    call = await studio.call(recording)
    pipe = await studio.recorder.open(str(recording), studio.tenant)
    assert await studio.recorder.open(str(recording), studio.tenant) == pipe
    write = await studio.write(pipe)
    spoken = stereo(2.5)
    for start in range(0, len(spoken), 30_000):
        await write(spoken[start : start + 30_000])
    studio.hang_up()
    row = await studio.row(recording)
    assert (row["kind"], row["seconds"], row["problem"], row["call_id"]) == ("call", 2.5, None, call)
    path = studio.folder / str(studio.tenant) / f"{recording}.clr"
    assert path.stat().st_size == row["bytes"]
    assert await studio.sound(recording) == as_heard(spoken)
    assert not pipe.exists()
    async with studio.db.tenant(studio.tenant) as tx:
        events = await tx.all("SELECT kind, body FROM event WHERE stream = 'recording'")
    assert [(e["kind"], e["body"]["call_id"]) for e in events] == [("recording_ready", str(call))]


async def test_a_voicemails_transcript_waits_and_a_calls_does_not(studio: Studio):
    for kind, wanted in ((Kind.VOICEMAIL_STARTED, "waiting"), (Kind.RECORDING_STARTED, None)):
        recording = new_id()
        await studio.call(recording, kind)
        await (await studio.write(await studio.recorder.open(str(recording), studio.tenant)))(stereo(0.1))
        studio.hang_up()
        assert (await studio.row(recording))["transcript_state"] == wanted


async def test_a_row_that_is_written_after_the_recording_has_ended_is_finished_too(studio: Studio):
    recording = new_id()
    call = await studio.call(new_id())
    await (await studio.write(await studio.recorder.open(str(recording), studio.tenant)))(stereo(0.2))
    studio.hang_up()
    async with asyncio.timeout(5):
        while studio.recorder.status()["recordings"]:
            await asyncio.sleep(0.02)
    await studio.events(call, recording)
    assert (await studio.row(recording))["seconds"] == pytest.approx(0.2)


async def test_a_killed_recorder_goes_on_where_it_was(studio: Studio):
    recording = new_id()
    await studio.call(recording)
    pipe = await studio.recorder.open(str(recording), studio.tenant)
    holder = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # call control's part
    write = await studio.write(pipe)
    blocks = [stereo(1.024)] * 4  # Asterisk writes 32 kB at once
    await write(blocks[0])
    await write(blocks[1])
    async with asyncio.timeout(5):
        while studio.recorder._active[str(recording)].sealer.chunks < 2:
            await asyncio.sleep(0.02)
    await studio.die()
    await write(blocks[2])
    await studio.begin()
    await write(blocks[3])
    studio.hang_up()
    assert (await studio.row(recording))["seconds"] == pytest.approx(4 * 1.024, abs=0.01)
    assert await studio.sound(recording) == as_heard(b"".join(blocks))
    os.close(holder)


async def test_a_hang_up_while_the_recorder_is_dead_loses_nothing(studio: Studio):
    recording = new_id()
    await studio.call(recording)
    pipe = await studio.recorder.open(str(recording), studio.tenant)
    holder = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write = await studio.write(pipe)
    await write(stereo(1.024))
    async with asyncio.timeout(5):
        while not studio.recorder._active[str(recording)].sealer.chunks:
            await asyncio.sleep(0.02)
    await studio.die()
    await write(stereo(0.5))
    studio.hang_up()
    await studio.begin()
    assert (await studio.row(recording))["seconds"] == pytest.approx(1.52, abs=0.01)
    os.close(holder)


async def test_a_recorder_that_was_away_for_too_long_says_that_there_is_a_gap(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recorder_module, "_GAP_SECONDS", 0.0)
    recording = new_id()
    await studio.call(recording)
    write = await studio.write(await studio.recorder.open(str(recording), studio.tenant))
    await write(stereo(1.024))
    async with asyncio.timeout(5):
        while not studio.recorder._active[str(recording)].sealer.chunks:
            await asyncio.sleep(0.02)
    await studio.die()
    await asyncio.sleep(1.2)
    await studio.begin()
    await write(stereo(0.1))
    async with asyncio.timeout(5):
        while not studio.recorder._active[str(recording)].saw_the_rest:
            await asyncio.sleep(0.02)
    studio.hang_up()
    assert (await studio.row(recording))["problem"] == "gap"


async def test_a_recording_into_which_nobody_writes_ends_as_failed(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recorder_module, "_NO_WRITER_SECONDS", 0.0)
    recording = new_id()
    await studio.call(recording)
    pipe = await studio.recorder.open(str(recording), studio.tenant)
    assert (await studio.row(recording, state="failed"))["problem"] == "no-sound"
    assert not pipe.exists()


async def test_a_row_of_which_nothing_is_left_ends_as_lost(studio: Studio):
    recording = new_id()
    await studio.call(recording)
    async with studio.db.tenant(studio.tenant) as tx:
        long_ago = datetime.now(UTC) - timedelta(minutes=11)
        await tx.run("UPDATE recording SET started_at = %s WHERE id = %s", (long_ago, recording))
    await studio.die()
    await studio.begin()
    assert (await studio.row(recording, state="failed"))["problem"] == "lost"


async def test_a_call_is_recorded_while_the_database_is_away(studio: Studio, pg_urls: Urls):
    db = await Database.open(pg_urls.app, max_size=1)
    await studio.die()
    await studio.begin(db)
    await db.close()
    recording = new_id()
    await studio.call(recording)
    await (await studio.write(await studio.recorder.open(str(recording), studio.tenant)))(stereo(0.3))
    studio.hang_up()
    async with asyncio.timeout(5):
        while studio.recorder.status()["recordings"]:
            await asyncio.sleep(0.02)
    await studio.die()
    await studio.begin()
    assert (await studio.row(recording))["seconds"] == pytest.approx(0.3)


async def test_a_full_disk_leaves_a_gap_and_the_call_goes_on(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    recording = new_id()
    await studio.call(recording)
    write = await studio.write(await studio.recorder.open(str(recording), studio.tenant))
    real = vault.Sealer.add
    tries: list[int] = []

    def full_once(self: vault.Sealer, sound: bytes, *, last: bool = False) -> None:
        tries.append(len(sound))
        if len(tries) == 2:
            raise OSError(28, "No space left on device")
        real(self, sound, last=last)

    monkeypatch.setattr(vault.Sealer, "add", full_once)
    for _ in range(3):
        await write(stereo(1.024))
    studio.hang_up()
    row = await studio.row(recording)
    assert (row["problem"], row["seconds"]) == ("gap", pytest.approx(2.048, abs=0.01))


async def test_a_file_of_foreign_keys_does_not_keep_the_recorder_from_its_work(studio: Studio):
    stranger = vault.WrappingKey("other", bytes(32), b"\0\0\0\1" + bytes(60))
    header = vault.wrap(stranger, bytes(32), str(new_id()), studio.tenant, "2026-03-08T12:00:00+00:00")
    folder = studio.folder / str(studio.tenant)
    folder.mkdir(parents=True)
    vault.Sealer(folder / f"{header.recording}.part", header, bytes(32)).close()
    (folder / "garbage.part").write_bytes(b"garbage")
    await studio.die()
    await studio.begin()
    assert studio.recorder.status()["recordings"] == 0
    assert await studio.recorder.open(str(new_id()), studio.tenant)


async def test_the_door_takes_questions_and_refuses_nonsense(studio: Studio):
    door = Door(studio.recorder, socket_path(studio.home))
    await door.open()
    client = RecorderClient(studio.home)
    recording = new_id()
    assert (await client.open(str(recording), studio.tenant)).name == f"{recording}.raw"
    assert (await client.status())["recordings"] == 1
    for wrong in ({"do": "open", "recording": "../../etc/passwd", "tenant": 1}, {"do": "dance"}, {}):
        with pytest.raises(Unavailable):
            await client.ask(wrong)
    await door.close()
    with pytest.raises(Unavailable):
        await client.open(str(recording), studio.tenant)


async def test_the_player_seeks_in_ranges_and_each_play_is_audited_once(studio: Studio, pg_urls: Urls):
    recording = new_id()
    call = await studio.call(recording)
    await (await studio.write(await studio.recorder.open(str(recording), studio.tenant)))(stereo(2))
    studio.hang_up()
    await studio.row(recording)
    with web_app(pg_urls, studio.home) as app:
        quinn = app.make_person(studio.tenant, "quinn@example.org", Role.QUALITY, name="Quinn Hale")
        ana = app.make_person(studio.tenant, "ana@example.org", Role.AGENT, name="Ana Ruiz")
        mine = {COOKIE: app.session_of(studio.tenant, quinn)}
        url = f"{app.url}/recordings/{recording}/audio"
        async with aiohttp.ClientSession() as http:
            async with http.get(url, cookies=mine) as answer:
                whole = await answer.read()
                assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/wav")
                assert answer.headers["Content-Length"] == str(len(whole))
                assert "no-store" in answer.headers["Cache-Control"]
            assert whole[:4] == b"RIFF"
            assert whole[44:] == as_heard(stereo(2))
            for asked, start, end in (
                ("bytes=0-99", 0, 100),
                ("bytes=50-", 50, len(whole)),
                ("bytes=1001-2000", 1001, 2001),
                ("bytes=-10", len(whole) - 10, len(whole)),
                (f"bytes=10-{len(whole) * 2}", 10, len(whole)),
            ):
                async with http.get(url, cookies=mine, headers={"Range": asked}) as answer:
                    assert answer.status == 206
                    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
                    assert await answer.read() == whole[start:end]
            async with http.get(url, cookies=mine, headers={"Range": f"bytes={len(whole)}-"}) as answer:
                assert answer.status == 416
            async with http.get(url, allow_redirects=False) as answer:
                assert answer.status in (302, 303, 307, 401)
            async with http.get(url, cookies={COOKIE: app.session_of(studio.tenant, ana)}) as answer:
                assert answer.status == 403
                assert not re.search(rb"RIFF", await answer.read())
            async with http.get(f"{app.url}/recordings/{new_id()}/audio", cookies=mine) as answer:
                assert answer.status == 404
    async with studio.db.tenant(studio.tenant) as tx:
        played = await tx.all("SELECT person_id, contact_id FROM audit_log WHERE action = 'listen'")
    # the whole file, its beginning again, and everything from the middle belongs to one of these
    assert [(row["person_id"], row["contact_id"]) for row in played] == [(quinn, call)] * 2
