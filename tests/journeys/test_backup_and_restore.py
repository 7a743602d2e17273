"""Disaster and recovery as a user does it: a backup by command while calls are recorded, then a new home from it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from careline.bootstrap import open_services
from careline.platform import postgres
from careline.platform.settings import Settings
from careline.security.chain import anchors_file, verify_all
from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered, running_system

pytestmark = pytest.mark.journeys


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that the service account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="careline-restored-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def careline(home: Path, *words: str) -> tuple[int, str]:
    """Run a command on a home; its exit code and all it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "careline.cli", *words, env={**os.environ, "CARELINE_HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_a_recorded_call_survives_the_loss_of_the_machine(elsewhere: Path) -> None:
    file, key = elsewhere / "backup.careline", elsewhere / "key"
    key.write_bytes(os.urandom(32))
    async with running_system() as system:
        call_id = await _recorded_call(system)
        code, said = await careline(system.home, "backup", str(file), "--key-file", str(key))
        assert code == 0, said
        code, said = await careline(system.home, "restore", str(file), "--key-file", str(key))
        assert code == 1 and "running" in said, said
        actor = await system.person("Quinn Hale", Role.QUALITY)
    assert not system.home.exists()

    home = elsewhere / "home"
    home.mkdir()
    code, said = await careline(home, "restore", str(file), "--key-file", str(key))
    assert code == 0, said
    server = postgres.start(home)
    try:
        async with open_services(Settings.load(home, {})) as services:
            # Quinn came after the backup: nobody of that name is there, which shows that this is not the old database.
            async with services.db.tenant(system.tenant_id) as tx:
                assert await tx.one("SELECT 1 AS x FROM person WHERE id = %s", (actor.person_id,)) is None
                call = await tx.one("SELECT phase, outcome FROM call WHERE id = %s", (call_id,))
                recording = await tx.one("SELECT id, state FROM recording WHERE call_id = %s", (call_id,))
            assert call == {"phase": "ended", "outcome": "handled"}
            assert recording is not None and recording["state"] == "ready"
            # The keys came along: the sound can be opened. The audit log is whole, up to the signed anchors.
            sound = await services.recordings.play(actor, recording["id"])
            with wave.open(BytesIO(b"".join(sound.read()))) as heard:
                assert heard.getnchannels() == 2 and heard.getnframes() > 4000
            chains = await verify_all(services.db, services.security.keyring, anchors_file(home))
            assert chains and all(chain.whole and chain.rows for chain in chains)
    finally:
        server.stop()


async def _recorded_call(system: System) -> object:
    """A call that was answered, recorded and closed."""
    ana = await system.person("Ana Ruiz", Role.AGENT)
    async with SipPeers() as peers:
        user, password = await system.desk_phone(ana)
        name, secret = await system.desk_phone(ana)
        desk = await registered(peers, user, password, system, hz=1000.0)
        caller = await registered(peers, name, secret, system, hz=440.0)
        await system.sign_on(ana, user)
        call = await caller.dial(NUMBER)
        with_ana = await desk.next_call()
        call_id = await system.call_in("talking")
        await call.hears_tone(1000.0)
        await with_ana.hears_tone(440.0)
        await call.hang_up()
        await with_ana.ended.wait()

        async def recorded() -> bool:
            rows = await system.rows("SELECT state FROM recording WHERE call_id = %s", call_id)
            return [row["state"] for row in rows] == ["ready"]

        await until(recorded, 60)
        await system.services.commands.give(ana, "call.wrap_up", {"call_id": str(call_id), "code": "scheduled"})

        async def closed() -> bool:
            return bool((await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "ended")

        await until(closed, 30)
    return call_id
