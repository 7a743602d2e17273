"""A whole call center in one process for tests: real PostgreSQL, real Asterisk, real call control; pages on request.

The line is `NUMBER`; its callers come from the trunk's address, its agents sit at desk phones or browsers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from careline.calls.asks import Asker
from careline.calls.commands import CallCommands
from careline.calls.control import CallControl
from careline.calls.lines import LineBook
from careline.calls.runner import obey
from careline.calls.writer import Companion
from careline.flows.shelf import Shelves
from careline.kernel.clock import SystemClock
from careline.organization.model import LineConfig, MenuChoice
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Role
from careline.telephony.process import AsteriskProcess
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.media import SpokenMenu, media_from
from careline.telephony.recordings import RecorderDoor
from careline.telephony.switch import AsteriskSwitch
from careline.telephony.voice_door import VoiceLine
from careline.testing import builders
from careline.testing.floor import Floor

#: The practice's number; 555-01xx is reserved for fiction.
NUMBER = "+15555550100"
#: Where the trunk's callers come from; never the proxy's address.
TRUNK = "127.0.0.2"


@dataclass(slots=True)
class CallCenter:
    """A running call center and what tests need of it."""

    db: Database
    tenant_id: int
    asterisk: AsteriskProcess
    switch: AsteriskSwitch
    control: CallControl
    commands: CallCommands
    practice: builders.Practice
    queue_id: UUID
    sip: tuple[str, int]
    phones: dict[UUID, str] = field(default_factory=dict)

    async def agent(self, name: str, *, languages: tuple[str, ...] = ("en", "es")) -> Actor:
        """A person who serves the queue."""
        rows = Floor(self.db, self.tenant_id, SystemClock().now())
        person = await rows.person(name, Role.AGENT)
        await rows.insert("queue_member", queue_id=self.queue_id, person_id=person)
        for language in languages:
            await rows.insert("person_language", person_id=person, language=language)
        await self.control.refresh()
        return rows.actor(person, name, Role.AGENT)

    async def grant_desk_phone(self, actor: Actor) -> tuple[str, str]:
        """A desk phone for an agent: user name and password to register with."""
        assert actor.person_id is not None
        username, password = f"d-{actor.person_id.hex[-8:]}", "test-" + actor.person_id.hex[:12]
        await self.switch.grant_softphone(username, password, kind="desk")
        self.phones[actor.person_id] = username
        return username, password

    async def sign_on(self, actor: Actor, endpoint: str) -> None:
        """Use a telephone and become available as soon as it is reachable."""
        assert actor.person_id is not None
        await self.commands.give(actor, "agent.phone", {"endpoint": endpoint})
        await until(lambda: self.control.floor.agents[_id(actor)].phone_online)
        await self.commands.give(actor, "agent.status", {"status": "available"})

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows as the tenant sees them."""
        async with self.db.tenant(self.tenant_id) as tx:
            return await tx.all(query, values)

    async def events(self, call_id: UUID) -> list[str]:
        """The kinds of a call's events, in order."""
        await self.control.writer.drained()
        query = "SELECT kind FROM event WHERE stream = 'call' AND stream_id = %s ORDER BY id"
        return [row["kind"] for row in await self.rows(query, call_id)]

    def only_call(self) -> UUID:
        """The one live call."""
        (call,) = self.control.floor.calls.values()
        return call.id


def _id(actor: Actor) -> UUID:
    assert actor.person_id is not None
    return actor.person_id


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait until a condition (plain or coroutine function) holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


async def furnish(db: Database, tenant_id: int, *, direct: bool = False) -> tuple[builders.Practice, UUID]:
    """A practice with a line at `NUMBER`, always open, and its queue."""
    rows = Floor(db, tenant_id, SystemClock().now())
    queue_id = await rows.queue("Front desk", ring_seconds=15, wrap_up_seconds=600)
    practice = await builders.make_practice(db, tenant_id, SystemClock(), number=NUMBER)
    config = LineConfig(
        languages=("en", "es"),
        queue_id=queue_id,
        menu=(
            MenuChoice(key="1", reason="appointments", queue_id=queue_id, labels={"en": "appointments", "es": "citas"}),
        ),
        voicemail_department_id=practice.department_id,
        direct=direct,
    )
    await OrganizationService(db, SystemClock()).configure_line(system_actor(tenant_id), practice.line_id, config)
    for code in ("scheduled", "message-taken"):
        await rows.insert("wrap_up_code", code=code, label_en=code, label_es=code)
    return practice, queue_id


@contextlib.asynccontextmanager
async def call_center(
    db: Database,
    app_url: str,
    tenant_id: int,
    asterisk: AsteriskProcess,
    prompts: Path,
    *,
    recorder: RecorderDoor | None = None,
    companions: tuple[Companion, ...] = (),
    direct: bool = False,
    askers: Mapping[str, Asker] | None = None,
    voice: VoiceLine | None = None,
) -> AsyncIterator[CallCenter]:
    """Call control on a running Asterisk."""
    practice, queue_id = await furnish(db, tenant_id, direct=direct)
    clock = SystemClock()
    book = PromptBook(prompts)
    book.install()
    switch = AsteriskSwitch(asterisk.access(), recorder, clock, voice)
    control = CallControl(
        db=db,
        switch=switch,
        lines=LineBook(OrganizationService(db, clock), SpokenMenu(), Shelves(db)),
        media=media_from(book),
        clock=clock,
        companions=companions,
        askers=askers,
    )
    tasks = [asyncio.create_task(control.run()), asyncio.create_task(obey(control, db, app_url))]
    try:
        async with asyncio.timeout(30):
            await control.ready.wait()
        access = asterisk.access()
        yield CallCenter(
            db=db,
            tenant_id=tenant_id,
            asterisk=asterisk,
            switch=switch,
            control=control,
            commands=CallCommands(db),
            practice=practice,
            queue_id=queue_id,
            sip=(access.bind, access.sip_port),
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await switch.close()
