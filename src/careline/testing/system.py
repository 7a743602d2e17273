"""A whole Careline for tests, as a user runs it: `careline up` with all its processes, in a folder of its own.

Its processes can be killed for real. The line is `NUMBER`, with one queue; agents and telephones are added as needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from careline.bootstrap import Services, open_services
from careline.kernel.clock import SystemClock
from careline.platform.settings import Settings
from careline.platform.supervisor import tail
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.setup.system import read_running
from careline.telephony.installation import switch_process
from careline.telephony.instance import Ports
from careline.telephony.process import AsteriskProcess
from careline.testing.builders import Practice, make_lakeside
from careline.testing.callcenter import furnish, until
from careline.testing.floor import Floor
from careline.testing.sip_peer import SipPeers, SipPhone

#: The password of everybody whom a test creates.
PASSWORD = "correct horse battery staple"  # noqa: S105


@dataclass(slots=True)
class System:
    """A running Careline."""

    home: Path
    settings: Settings
    services: Services
    tenant_id: int
    practice: Practice
    queue_id: UUID

    @property
    def sip(self) -> tuple[str, int]:
        """Where telephones call."""
        return self.settings.sip_host, self.settings.sip_port

    def pid(self, process: str) -> int:
        """The process id of `callcontrol`, `web`, `worker` or `recorder`. Raises FileNotFoundError."""
        return int((self.home / "run" / f"{process}.pid").read_text().split()[0])

    def kill(self, process: str) -> int:
        """kill -9. The supervisor starts it again. Returns the pid that is gone."""
        pid = self.pid(process)
        os.kill(pid, signal.SIGKILL)
        return pid

    async def restarted(self, process: str, old: int, seconds: float = 30) -> None:
        """Wait until another process has taken the killed one's place."""
        await until(lambda: self._new_pid(process) not in (None, old), seconds)

    def _new_pid(self, process: str) -> int | None:
        try:
            return self.pid(process)
        except (OSError, ValueError, IndexError):
            return None

    @property
    def asterisk(self) -> AsteriskProcess:
        """The telephone engine's process."""
        process = switch_process(self.settings)
        assert process is not None
        return process

    async def person(self, name: str, *roles: Role, languages: tuple[str, ...] = ("en", "es")) -> Actor:
        """A person with a password; agents serve the queue."""
        rows = Floor(self.services.db, self.tenant_id, SystemClock().now())
        person = await rows.person(name, *roles)
        if Role.AGENT in roles:
            await rows.insert("queue_member", queue_id=self.queue_id, person_id=person)
            for language in languages:
                await rows.insert("person_language", person_id=person, language=language)
        return rows.actor(person, name, *roles)

    async def desk_phone(self, actor: Actor) -> tuple[str, str]:
        """A desk phone: user name and password to register with."""
        assert actor.person_id is not None
        manager = Actor(
            tenant_id=self.tenant_id,
            kind="person",
            person_id=actor.person_id,
            name="Set-up",
            roles=frozenset({Role.ADMINISTRATOR}),
        )
        phone = await self.services.queues.add_phone(manager, actor.person_id, "Desk")
        return phone.username, phone.password

    async def sign_on(self, actor: Actor, endpoint: str) -> None:
        """Use a registered telephone and become available."""
        give = self.services.commands.give
        await give(actor, "agent.phone", {"endpoint": endpoint})

        async def reachable() -> bool:
            found = await self.rows("SELECT phone_online FROM agent_state WHERE person_id = %s", actor.person_id)
            return bool(found and found[0]["phone_online"])

        await until(reachable)
        await give(actor, "agent.status", {"status": "available"})

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows as the tenant sees them."""
        async with self.services.db.tenant(self.tenant_id) as tx:
            return await tx.all(query, values)

    async def row(self, query: str, *values: Any) -> dict[str, Any]:
        """The one row of a query."""
        (found,) = await self.rows(query, *values)
        return found

    async def call_in(self, phase: str, *, seconds: float = 60, count: int = 1) -> UUID:
        """Wait for calls in a phase; the newest one's id."""

        async def there() -> bool:
            return len(await self.rows("SELECT id FROM call WHERE phase = %s", phase)) >= count

        await until(there, seconds)
        return UUID(str((await self.rows("SELECT id FROM call WHERE phase = %s ORDER BY id DESC", phase))[0]["id"]))

    async def events(self, call_id: UUID) -> list[str]:
        """The kinds of a call's events, in order."""
        query = "SELECT kind FROM event WHERE stream = 'call' AND stream_id = %s ORDER BY id"
        return [row["kind"] for row in await self.rows(query, call_id)]


@contextlib.asynccontextmanager
async def running_system(*, direct: bool = True, **more: str) -> AsyncIterator[System]:
    """Start `careline up`, add a tenant with a line and a queue, and stop everything at the end.

    `more`: settings by their names in the environment.
    """
    top = Path(tempfile.mkdtemp(prefix="careline-sys-"))
    os.chmod(top, 0o755)  # noqa: S103 (Asterisk and PostgreSQL run as another user)
    home = top / "home"
    ports, web = Ports.free(rtp=400), Ports.free(rtp=2)
    environment = {
        **os.environ,
        "CARELINE_HOME": str(home),
        "CARELINE_WEB_PORT": str(web.sip),
        "CARELINE_SIP_PORT": str(ports.sip),
        "CARELINE_SIP_TLS_PORT": str(ports.sips),
        "CARELINE_ASTERISK_HTTP_PORT": str(ports.http),
        "CARELINE_ASTERISK_MANAGER_PORT": str(ports.ami),
        "CARELINE_RTP_FIRST_PORT": str(ports.rtp_first),
        "CARELINE_RTP_LAST_PORT": str(ports.rtp_last),
        "CARELINE_TRUNK_SOURCES": "127.0.0.2",
        **more,
    }
    log = top / "up.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "careline.cli", "up", env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        await until(lambda: process.returncode is not None or _up(home), 180)
        if process.returncode is not None:
            raise RuntimeError(f"careline up ended:\n{tail(log, 30)}")
        state = read_running(home)
        assert state is not None
        settings = Settings.load(home, {**environment, **state.environment})
        async with open_services(settings) as services:
            tenant_id = await make_lakeside(services.db)
            practice, queue_id = await furnish(services.db, tenant_id, direct=direct)
            yield System(
                home=home,
                settings=settings,
                services=services,
                tenant_id=tenant_id,
                practice=practice,
                queue_id=queue_id,
            )
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 60)
            except TimeoutError:
                process.kill()
                await process.wait()
        shutil.rmtree(top, ignore_errors=True)


def _up(home: Path) -> bool:
    return read_running(home) is not None


async def registered(peers: SipPeers, user: str, password: str, system: System, *, hz: float) -> SipPhone:
    """A desk phone, registered as soon as call control has told the switch of it."""
    for _ in range(60):
        with contextlib.suppress(Exception):
            return await peers.phone(user, password, system.sip, hz=hz)
        await asyncio.sleep(0.25)
    return await peers.phone(user, password, system.sip, hz=hz)
