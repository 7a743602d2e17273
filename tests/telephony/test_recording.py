"""Stereo recordings of real calls: sides apart, encrypted on disk, whole over the recorder's death."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from careline.calls.model import Event, Kind
from careline.calls.store import Batch
from careline.calls.switch_commands import Answer, Bridge, DropBridge, Hangup, Ring, StartRecording, StopRecording
from careline.calls.switch_events import Arrived, LegAnswered, LegEnded
from careline.demo.phone import Phone, PhoneCall
from careline.kernel.clock import SystemClock
from careline.kernel.errors import Forbidden
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.recordings.rows import begin_with_events
from careline.recordings.service import RecordingService, recordings_folder
from careline.security.actor import Actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.speech.audio import decode_ulaw, encode_ulaw, tone
from careline.speech.listening import dominant
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.asterisk import RecorderProcess, recorder_process
from careline.testing.floor import Floor
from careline.testing.postgres import Urls
from careline.testing.sip_peer import SipPeers
from careline.testing.switch import Listener

pytestmark = pytest.mark.telephony


#: A caller (440 Hz) on a bridge with an agent (1,000 Hz), and the caller's channel.
Talk = tuple[PhoneCall, str]


@pytest.fixture
async def recorder(
    asterisk: AsteriskProcess, pg_urls: Urls, db: Database, tenant: int
) -> AsyncIterator[RecorderProcess]:
    async with recorder_process(asterisk, pg_urls.app, pg_urls.relay) as running:
        yield running


@pytest.fixture
async def switch(asterisk: AsteriskProcess, recorder: RecorderProcess) -> AsyncIterator[AsteriskSwitch]:
    switch = AsteriskSwitch(asterisk.access(), recorder.client)
    yield switch
    await switch.close()


@pytest.fixture
async def call_id(db: Database, tenant: int) -> UUID:
    floor = Floor(db, tenant, SystemClock().now())
    return await floor.call(await floor.line())


async def hears(call: PhoneCall, hz: float) -> None:
    """Wait until the caller hears a tone."""
    async with asyncio.timeout(30):
        while abs((dominant(decode_ulaw(call.media.tail(0.5))) or 0) - hz) > 15:
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def talking(switch: AsteriskSwitch, asterisk: AsteriskProcess) -> AsyncIterator[Talk]:
    sip = (asterisk.config.bind, asterisk.config.ports.sip)
    caller = Phone()
    await caller.start()
    async with Listener(switch) as listener, SipPeers() as peers:
        await switch.grant_softphone("d-desk", "secret-desk", kind="desk")
        desk = await peers.phone("d-desk", "secret-desk", sip, hz=1000.0)
        call = await caller.call("+15555550100", sip, caller="+15555550123")
        channel = (await listener.next(Arrived)).channel
        leg, bridge = f"leg-{new_id()}", f"bridge-{new_id()}"
        ring = Ring(
            channel=leg, endpoint="d-desk", caller_id=None, caller_name=None, seconds=10, call="c", bridge=bridge
        )
        await switch.run([Answer(channel=channel), ring])
        call.media.say(encode_ulaw(tone(440, 60)))
        await listener.next(LegAnswered, channel=leg)
        await switch.run([Bridge(bridge=bridge, channels=(channel, leg))])
        await (await desk.next_call()).hears_tone(440.0)
        await hears(call, 1000.0)
        yield call, channel
        call.hang_up()
        await listener.next(LegEnded, channel=channel)
        await switch.run([Hangup(channel=leg), DropBridge(bridge=bridge)])
    await caller.stop()


async def begin(db: Database, tenant: int, call_id: UUID, recording: UUID) -> None:
    body = {"recording_id": str(recording)}
    started = Event(call_id=call_id, kind=Kind.RECORDING_STARTED, at=datetime.now(UTC), body=body)
    async with db.tenant(tenant) as tx:
        await begin_with_events(tx, Batch(log=[started]))


def tones(wav: bytes) -> tuple[float, float]:
    """The strongest frequency on the left and on the right, and nothing else above a tenth of it."""
    sides = np.frombuffer(wav[44:], "<i2").reshape(-1, 2)
    found = []
    for side in (0, 1):
        power = np.abs(np.fft.rfft(sides[:, side] * np.hanning(len(sides))))
        hz = np.fft.rfftfreq(len(sides), 1 / 8000)
        peak = float(hz[power.argmax()])
        other = power[np.abs(hz - peak) > 60].max()
        assert other < power.max() / 10, "one side is heard on the other"
        found.append(peak)
    return found[0], found[1]


async def person(db: Database, tenant: int, name: str, role: Role) -> Actor:
    floor = Floor(db, tenant, SystemClock().now())
    return floor.actor(await floor.person(name, role), name, role)


def service(db: Database, home: Path) -> RecordingService:
    return RecordingService(db, SystemClock(), Keyring.load(home / "keys" / "master.key"), recordings_folder(home))


async def test_a_call_is_recorded_sides_apart_encrypted_and_played_only_by_those_who_may(
    asterisk: AsteriskProcess,
    switch: AsteriskSwitch,
    recorder: RecorderProcess,
    db: Database,
    tenant: int,
    call_id: UUID,
):
    recording = new_id()
    async with talking(switch, asterisk) as (_, channel):
        await begin(db, tenant, call_id, recording)
        await switch.run([StartRecording(channel=channel, recording=str(recording), tenant=tenant)])
        await asyncio.sleep(3)
        await switch.run([StopRecording(channel=channel, recording=str(recording))])
        await recorder.idle()
    supervisor = await person(db, tenant, "Sam", Role.SUPERVISOR)
    recordings = service(db, recorder.home)
    sound = await recordings.play(supervisor, recording)
    wav = b"".join(sound.read())
    assert len(wav) == sound.size
    assert 2.5 < sound.seconds < 4
    left, right = tones(wav)
    assert abs(left - 440) < 10
    assert abs(right - 1000) < 10
    assert b"".join(sound.read(30, 5001)) == wav[30:5001]
    assert b"".join(sound.read(40001, 40007)) == wav[40001:40007]
    stranger = await person(db, tenant, "Ana", Role.AGENT)
    with pytest.raises(Forbidden):
        await recordings.play(stranger, recording)
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT action, object_id, actor_name FROM audit_log WHERE action = 'listen'")
    assert [(row["object_id"], row["actor_name"]) for row in rows] == [(str(recording), "Sam")]
    on_disk = [path for path in recorder.home.rglob("*") if path.is_file() and not path.is_symlink()]
    sound_files = [path for path in on_disk if "recordings" in path.parts]
    assert sound_files == [recorder.home / "recordings" / str(tenant) / f"{recording}.clr"]
    data = np.frombuffer(sound_files[0].read_bytes()[-40_000:], np.uint8)
    assert len(np.unique(data)) == 256
    assert np.bincount(data).max() < 2 * np.bincount(data).mean(), "the file does not look encrypted"
    assert not list((asterisk.home / "run/rec").iterdir()), "pipes are left behind"
    assert not [path for path in (asterisk.home / "spool").rglob("*") if path.is_file()]


async def test_killing_the_recorder_in_mid_call_loses_no_second(
    asterisk: AsteriskProcess,
    switch: AsteriskSwitch,
    recorder: RecorderProcess,
    db: Database,
    tenant: int,
    call_id: UUID,
):
    recording = new_id()
    clock = asyncio.get_running_loop()
    async with talking(switch, asterisk) as (call, channel):
        await begin(db, tenant, call_id, recording)
        await switch.run([StartRecording(channel=channel, recording=str(recording), tenant=tenant)])
        began = clock.time()
        await asyncio.sleep(2.5)
        recorder.kill()
        await asyncio.sleep(1.5)
        await hears(call, 1000.0)
        await recorder.start()
        await asyncio.sleep(2)
        spoken = clock.time() - began
    await recorder.idle()
    async with db.tenant(tenant) as tx:
        row = await tx.one("SELECT * FROM recording WHERE id = %s", (recording,))
    assert row is not None
    assert row["state"] == "ready"
    assert abs(row["seconds"] - spoken) < 1, (row["seconds"], spoken)
    reviewer = await person(db, tenant, "Quinn", Role.QUALITY)
    sound = await service(db, recorder.home).play(reviewer, recording)
    assert sound.whole
    left, right = tones(b"".join(sound.read()))
    assert (round(left / 10), round(right / 10)) == (44, 100)
