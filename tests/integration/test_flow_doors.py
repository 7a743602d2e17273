"""Flows through their doors: the JSON API, the published schema, and the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from careline.flows.schema import schema
from careline.flows.service import FlowService
from careline.kernel.errors import InvalidInput, NotFound
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.security.permissions import Permission, Role
from careline.setup import flows as command
from careline.testing.clock import ManualClock
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration

FLOW = """\
careline: flow/1
name: Front line
languages: [en, es]
start: menu
nodes:
  menu:
    kind: menu
    prompts: [menu.intro]
    options: {"1": message}
    exits: {no_input: message, no_match: bye}
  message: {kind: voicemail}
  bye: {kind: end}
tests:
  - name: Wrong keys end it
    steps: [press: 5, press: 5, press: 5]
    expect: {ended: closed}
"""


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


@pytest.fixture
def client(app: WebApp) -> Iterator[httpx.Client]:
    app.make_person(app.make_tenant(), "admin@example.org", Role.ADMINISTRATOR)
    secret = app.cookie_for("admin@example.org")

    async def make(services: Any) -> str:
        session = await services.security.sessions.read(secret)
        scopes = [Permission.FLOW_EDIT, Permission.FLOW_PUBLISH, Permission.TABLE_EDIT]
        _, made = await services.security.tokens.create(session.actor, name="t", scopes=scopes, life=timedelta(days=1))
        return str(made)

    with httpx.Client(base_url=app.url, headers={"Authorization": f"Bearer {app.run(make)}"}) as found:
        yield found


def test_q3_a_program_writes_publishes_stages_and_goes_back(client: httpx.Client) -> None:
    assert client.get("/schemas/flow-1.json").json() == schema()
    checked = client.post("/api/v1/flows/check", json={"text": FLOW.replace("no_match: bye", "no_match: gone")})
    assert [(p["node"], p["field"], p["code"]) for p in checked.json()["problems"]] == [
        ("menu", "exits.no_match", "exit-dangling"),
        ("bye", "", "unreachable"),
    ]
    tried = client.post("/api/v1/flows/test", json={"text": FLOW}).json()
    assert [(t["name"], t["ok"]) for t in tried["tests"]] == [("Wrong keys end it", True)]
    made = client.post("/api/v1/flows", json={"name": "Front line", "text": FLOW}, headers={"Idempotency-Key": "a"})
    again = client.post("/api/v1/flows", json={"name": "Front line", "text": FLOW}, headers={"Idempotency-Key": "a"})
    assert (made.status_code, again.json()["id"]) == (201, made.json()["id"])
    at = f"/api/v1/flows/{made.json()['id']}"
    assert client.post(f"{at}/publish", json={}).json()["live"][0]["share"] == 100
    saved = client.put(f"{at}/draft", json={"text": FLOW.replace('"1"', '"2"'), "based_on": 0})
    assert saved.json()["revision"] == 1
    stale = client.put(f"{at}/draft", json={"text": FLOW, "based_on": 0})
    assert (stale.status_code, stale.json()["id"]) == (409, "stale-draft")
    staged = client.post(f"{at}/publish", json={"share": 25, "note": "try"}).json()
    assert [(s["number"], s["share"]) for s in staged["live"]] == [(2, 25), (1, 75)]
    told = client.get(f"{at}/diff/1/2").json()
    assert told["changes"][0]["text"] == "key 1 is gone (it led to “message”)"
    back = client.post(f"{at}/roll-back").json()
    assert [(s["number"], s["share"]) for s in back["live"]] == [(1, 100)]
    assert [v["state"] for v in client.get(f"{at}/versions").json()] == ["retired", "published"]
    played = client.post("/api/v1/flows/play", json={"text": FLOW}).json()
    pressed = client.post(
        "/api/v1/flows/play", json={"text": FLOW, "state": played["state"], "act": {"do": "press", "value": "1"}}
    )
    assert pressed.json()["phase"] == "voicemail"


def test_q5_a_program_keeps_a_table(client: httpx.Client) -> None:
    columns = [{"name": "plan", "type": "text"}, {"name": "accepted", "type": "boolean"}]
    made = client.post("/api/v1/flow-tables", json={"name": "plans", "columns": columns, "rows": [["123", True]]})
    at = f"/api/v1/flow-tables/{made.json()['id']}"
    assert client.put(at, json={"rows": [["123", False]], "based_on": 1}).json()["version"] == 2
    stale = client.put(at, json={"rows": [], "based_on": 1})
    assert (stale.status_code, stale.json()["id"]) == (409, "stale-draft")
    assert client.get(f"{at}/csv").text == "plan,accepted\r\n123,no\r\n"
    assert client.get(f"{at}/history").json()[0]["changes"][0]["code"] == "changed"


@dataclass
class Services:
    """What the command line needs."""

    db: Database
    flows: FlowService


async def test_the_command_line_carries_and_publishes_flows(
    db: Database, tenant: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services: Any = Services(db, FlowService(db, ManualClock()))
    actor = system_actor(tenant)
    file = tmp_path / "front.yaml"
    file.write_text(FLOW)

    async def do(action: str, *target: str, **more: Any) -> int:
        options = argparse.Namespace(action=action, target=list(target), name=None, note="", share=100, **more)
        return await command._act(services, actor, options)

    assert await do("import", str(file)) == 0
    assert await do("test", "Front line") == 0
    assert await do("publish", "Front line") == 0
    file.write_text(FLOW.replace('"1"', '"3"'))
    assert await do("import", str(file)) == 0
    capsys.readouterr()
    assert await do("list") == 0
    assert capsys.readouterr().out == "Front line: version 1 100 %; draft 2\n"
    assert await do("diff", "Front line", "1", "2") == 0
    assert "key 3 leads to “message” (new)" in capsys.readouterr().out
    assert await do("publish", "Front line") == 0
    assert await do("rollback", "Front line") == 0
    capsys.readouterr()
    assert await do("export", "Front line") == 0
    assert capsys.readouterr().out == file.read_text()
    with pytest.raises(NotFound):
        await do("publish", "Back line")
    with pytest.raises(InvalidInput):
        await do("diff", "Front line")
    assert (await command._actor(services, None)).tenant_id == tenant
    with pytest.raises(InvalidInput):
        await command._actor(services, "elsewhere")
    (view,) = await services.flows.list(actor)
    assert isinstance(view.id, UUID)
