"""Voice agents over HTTP: who may reach them, and what an agent may ask with the token of its one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from careline.kernel.ids import new_id
from careline.security.actor import system_actor
from careline.security.permissions import Role
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


@pytest.fixture
def outside(app: WebApp) -> Iterator[httpx.Client]:
    """The agent's own client: no person's sign-in."""
    with httpx.Client(base_url=app.url, timeout=30) as client:
        yield client


def begun(app: WebApp, tenant: int, seconds: float = 300) -> tuple[UUID, str, str]:
    """A conversation in progress: its call, its ask and its token."""
    call, ask = new_id(), f"{new_id()}.1"

    async def begin(services: Any) -> str:
        until = services.clock.now() + timedelta(seconds=seconds)
        return str(await services.voice_agents.begin(system_actor(tenant), ask, call, until))

    return call, ask, app.run(begin)


def decision(app: WebApp, tenant: int, ask: str) -> Any:
    async def read(services: Any) -> Any:
        return await services.voice_agents.decision(system_actor(tenant), ask)

    return app.run(read)


def test_v5_an_agent_asks_for_the_next_step_once_over_http(app: WebApp, outside: httpx.Client) -> None:
    tenant = app.make_tenant()
    call, ask, token = begun(app, tenant)
    body = {"token": token, "exit": "person", "values": {"intent": "billing"}}
    path = f"/api/v1/voice-agents/{call}/next"
    assert outside.post(path, json={**body, "token": token + "x"}).status_code == 401
    assert outside.post(f"/api/v1/voice-agents/{uuid4()}/next", json=body).status_code == 401
    assert outside.post(path, json={**body, "exit": "everything"}).status_code == 400
    assert outside.post(path, json={**body, "values": {"note": "x" * 300}}).status_code == 400
    assert decision(app, tenant, ask) is None
    answer = outside.post(path, json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    found = decision(app, tenant, ask)
    assert (found.exit, found.values) == ("person", {"intent": "billing"})
    assert outside.post(path, json={**body, "exit": "hangup"}).status_code == 401
    assert decision(app, tenant, ask).exit == "person"


@pytest.mark.parametrize("token", ["", "va_1_x", "va_999999999_abc", "va__", "va_-1_a", "bearer", "va_1_" + "a" * 4000])
def test_v5_no_other_token_opens_anything(app: WebApp, outside: httpx.Client, token: str) -> None:
    tenant = app.make_tenant()
    call, ask, _ = begun(app, tenant)
    answer = outside.post(f"/api/v1/voice-agents/{call}/next", json={"token": token, "exit": "next"})
    assert answer.status_code == 401
    assert decision(app, tenant, ask) is None


def test_v5_a_conversation_that_is_over_takes_nothing(app: WebApp, outside: httpx.Client) -> None:
    tenant = app.make_tenant()
    call, ask, token = begun(app, tenant, seconds=-1)
    path = f"/api/v1/voice-agents/{call}/next"
    assert outside.post(path, json={"token": token, "exit": "next"}).status_code == 401
    call, ask, token = begun(app, tenant)

    async def end(services: Any) -> None:
        await services.voice_agents.end(system_actor(tenant), ask)

    app.run(end)
    path = f"/api/v1/voice-agents/{call}/next"
    assert outside.post(path, json={"token": token, "exit": "next"}).status_code == 401


def test_hosts_secrets_and_switches_are_an_administrators(app: WebApp) -> None:
    tenant = app.make_tenant()
    boss = app.make_person(tenant, "admin@example.org", Role.ADMINISTRATOR, name="Hal Ames")
    assert boss

    async def use(services: Any) -> list[Any]:
        actor = system_actor(tenant)
        agents = services.voice_agents
        await agents.allow(actor, "Agents.Example.org")
        made = await agents.add(actor, name="triage", url="wss://agents.example.org/x", secret="hush", baa_signed=True)
        seen = [(await agents.find(actor, "triage"))[0].problem]
        await agents.switch(actor, made, enabled=False)
        seen.append((await agents.find(actor, "triage"))[0].problem)
        await agents.switch(actor, made, enabled=True)
        await agents.allow(actor, "agents.example.org", allowed=False)
        seen.append((await agents.find(actor, "triage"))[0].problem)
        for _ in range(25):
            await agents.failed(actor, made, None, "unreachable")
        seen.append(len((await agents.failures(actor))[made]))
        async with services.db.tenant(tenant) as tx:
            audited = await tx.all("SELECT object_type, action, detail::text AS said FROM audit_log")
        assert not any("hush" in str(row) for row in audited)
        kinds = [row["object_type"] for row in audited]
        seen.append((kinds.count("voice-agent-host"), kinds.count("voice-agent")))
        return seen

    assert app.run(use) == [None, "switched-off", "host-not-allowed", 20, (2, 3)]
