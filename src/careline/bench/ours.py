"""Careline's side: its real processes (Asterisk, call control, PostgreSQL on disk), agents at desk phones."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from careline import bootstrap
from careline.bench.load import AGENT_HOST, CALLER_HOST, Load
from careline.bench.register import register
from careline.kernel.clock import SystemClock
from careline.kernel.errors import CarelineError
from careline.organization.model import LineConfig
from careline.platform import postgres
from careline.platform.migrate import migrate
from careline.platform.settings import Settings
from careline.queues.views import QueueRules
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Role
from careline.telephony.installation import switch_home, switch_process
from careline.telephony.instance import Ports
from careline.telephony.process import AsteriskProcess
from careline.testing import builders

#: The line whose queue has the agents, and one whose queue has nobody.
NUMBER, WAITING = "+15555550100", "+15555550101"


@dataclass
class Ours:
    """A running Careline of the bench's own, in a folder of its own."""

    folder: Path
    settings: Settings
    environment: dict[str, str]
    server: postgres.Server | None = None
    asterisk: AsteriskProcess | None = None
    control: subprocess.Popen[bytes] | None = None
    agents: list[tuple[Actor, str, str]] = field(default_factory=list)

    @classmethod
    def prepare(cls, folder: Path) -> Ours:
        """Choose ports that are free."""
        ports = Ports.free(rtp=4000)
        environment = {
            "CARELINE_HOME": str(folder),
            "CARELINE_TRUNK_SOURCES": CALLER_HOST,
            "CARELINE_SIP_PORT": str(ports.sip),
            "CARELINE_SIP_TLS_PORT": str(ports.sips),
            "CARELINE_ASTERISK_HTTP_PORT": str(ports.http),
            "CARELINE_ASTERISK_MANAGER_PORT": str(ports.ami),
            "CARELINE_RTP_FIRST_PORT": str(ports.rtp_first),
            "CARELINE_RTP_LAST_PORT": str(ports.rtp_last),
            # The peer listens to nobody either; what listening costs is measured apart.
            "CARELINE_LISTENING_CALLERS": "0",
            "CARELINE_LOG_LEVEL": "warning",
        }
        return cls(folder, Settings.load(folder, {**os.environ, **environment}), environment)

    @property
    def pids(self) -> list[int]:
        """Asterisk alone: what is compared with the peer's Asterisk."""
        pid = self.asterisk.pid() if self.asterisk else None
        return [pid] if pid else []

    @property
    def control_pids(self) -> list[int]:
        """Call control: what keeping the queue outside costs besides."""
        return [self.control.pid] if self.control else []

    async def start(self, load: Load) -> None:
        """Start everything and sign the agents on."""
        self.server = await asyncio.to_thread(postgres.start, self.folder)
        await asyncio.to_thread(migrate, self.server.admin_url)
        self.asterisk = switch_process(self.settings)
        if self.asterisk is None:
            raise RuntimeError("the telephone engine is missing: ./careline install")
        await self.asterisk.ensure()
        async with bootstrap.open_services(self.settings) as services:
            await self._furnish(services, load.agents)
        self._start_control()
        async with bootstrap.open_services(self.settings) as services:
            await self._until_control(services)
            await asyncio.to_thread(self._register, load)
            for actor, username, _ in self.agents:
                await services.commands.give(actor, "agent.phone", {"endpoint": username})
            await self._sign_on(services)

    async def stop(self) -> None:
        """End everything."""
        if self.control is not None:
            self.control.terminate()
            await asyncio.to_thread(self.control.wait)
        if self.asterisk is not None:
            await self.asterisk.stop()
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    async def _furnish(self, services: bootstrap.Services, agents: int) -> None:
        tenant_id = await builders.make_tenant(services.db, "bench", name="Bench")
        system = system_actor(tenant_id)
        people = [await builders.make_person(services.db, tenant_id, Role.AGENT) for _ in range(agents)]
        queue = await services.queues.create(system, QueueRules(name="Bench", wrap_up_seconds=0, match_language=False))
        empty = await services.queues.create(system, QueueRules(name="Waiting", wrap_up_seconds=0))
        for person in people:
            assert person.person_id is not None
            await services.queues.set_profile(system, person.person_id, skills={}, languages=["en"], queues=[queue.id])
            phone = await services.queues.add_phone(system, person.person_id, "Bench")
            self.agents.append((person, phone.username, phone.password))
        practice = await builders.make_practice(services.db, tenant_id, SystemClock(), number=NUMBER)
        other = await builders.make_practice(services.db, tenant_id, SystemClock(), number=WAITING, name="Waiting")
        for line, queue_id in ((practice.line_id, queue.id), (other.line_id, empty.id)):
            config = LineConfig(queue_id=queue_id, direct=True, record=False, announce_recording=False)
            await services.organization.configure_line(system, line, config)

    def _start_control(self) -> None:
        log = self.folder / "callcontrol.log"
        with log.open("ab") as out:
            self.control = subprocess.Popen(
                [sys.executable, "-m", "careline.cli", "callcontrol"],
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=out,
            )

    async def _until_control(self, services: bootstrap.Services) -> None:
        deadline = time.monotonic() + 30
        held = "SELECT 1 AS ok FROM component_state WHERE name = 'switch' AND state = 'up'"
        while True:
            async with services.db.system() as tx:
                if await tx.one(held):
                    return
            if time.monotonic() > deadline or (self.control and self.control.poll() is not None):
                raise RuntimeError(f"call control does not start, see {self.folder}/callcontrol.log")
            await asyncio.sleep(0.1)

    def _register(self, load: Load) -> None:
        for _, username, password in self.agents:
            register(username, password, (AGENT_HOST, load.agent_port), ("127.0.0.1", self.settings.sip_port))

    async def _sign_on(self, services: bootstrap.Services) -> None:
        waiting = list(self.agents)
        deadline = time.monotonic() + 30
        while waiting:
            actor, _, _ = waiting[-1]
            try:
                await services.commands.give(actor, "agent.status", {"status": "available"})
            except CarelineError:
                # Its registration has not been heard of yet.
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                waiting.pop()

    @property
    def home(self) -> Path:
        """Asterisk's folder."""
        return switch_home(self.folder)
