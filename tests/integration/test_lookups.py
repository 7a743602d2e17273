"""Systems that flows ask: a real HTTP server that answers, hangs, fails, redirects and talks too much."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from careline.kernel.clock import SystemClock
from careline.lookups.client import LookupClient
from careline.lookups.model import Answer, InvalidEndpoint, NameTaken, Question
from careline.lookups.service import LookupService
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.security.keys import Keyring

pytestmark = pytest.mark.integration

BIRTH = {"birthdate": "1980-02-01"}


class Ehr:
    """A small FHIR-shaped server of one patient, with a mood."""

    def __init__(self) -> None:
        self.mood = "well"
        self.seen: list[tuple[str, str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.release = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, await request.text()))
        self.headers.append(dict(request.headers))
        match self.mood:
            case "hangs":
                await self.release.wait()
            case "fails":
                return web.Response(status=503)
            case "refuses":
                return web.Response(status=400)
            case "redirects away":
                return web.Response(status=302, headers={"Location": "http://localhost:1/secret"})
            case "redirects home" if not request.path.endswith("moved"):
                return web.Response(status=302, headers={"Location": request.path + "/moved"})
            case "talks":
                return web.Response(body=b"[" + b"1," * 200_000 + b"1]")
            case "mumbles":
                return web.Response(text="<html>")
            case "unknown":
                return web.json_response({"resourceType": "Bundle", "type": "searchset", "total": 0})
            case "complains":
                return web.json_response({"resourceType": "OperationOutcome"})
        patient = {"resourceType": "Patient", "id": "p-1", "name": [{"given": ["Ana"]}], "active": True}
        return web.json_response({"resourceType": "Bundle", "total": 1, "entry": [{"resource": patient}]})


@pytest.fixture
async def ehr() -> AsyncIterator[tuple[Ehr, int]]:
    one = Ehr()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", one.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield one, port
    one.release.set()
    await runner.cleanup()


@asynccontextmanager
async def lookups(db: Database, *inside: str) -> AsyncIterator[LookupService]:
    client = LookupClient(inside)
    try:
        yield LookupService(db, SystemClock(), Keyring.ephemeral(), client)
    finally:
        await client.close()


def fhir(**more: object) -> Question:
    into = {"patient": "entry.0.resource.id", "first": "entry.0.resource.name.0.given.0"}
    return Question(endpoint="ehr", kind="fhir", path="Patient", query=BIRTH, into=into, seconds=1.0, **more)  # type: ignore[arg-type]


async def ask(service: LookupService, tenant: int, question: Question) -> Answer:
    return await service.ask(system_actor(tenant), question)


async def test_q1_a_fhir_look_up_finds_and_its_identifiers_stay_out_of_addresses(db, tenant, ehr):
    server, port = ehr
    async with lookups(db, f"127.0.0.1:{port}") as service:
        actor = system_actor(tenant)
        base = f"http://127.0.0.1:{port}/fhir"
        await service.add(actor, name="ehr", kind="fhir", base_url=base, header="Authorization", secret="Bearer s3")
        found = await ask(service, tenant, fhir())
        assert (found.exit, dict(found.values)) == ("next", {"patient": "p-1", "first": "Ana"})
        assert server.seen == [("POST", "/fhir/Patient/_search", "birthdate=1980-02-01")]
        assert server.headers[0]["Authorization"] == "Bearer s3"
        server.mood = "unknown"
        assert (await ask(service, tenant, fhir())).exit == "not_found"
        server.mood = "complains"
        assert (await ask(service, tenant, fhir())).exit == "failed"


async def test_q1_an_http_look_up_reads_simple_paths(db, tenant, ehr):
    server, port = ehr
    async with lookups(db, "127.0.0.1") as service:
        await service.add(system_actor(tenant), name="http", kind="http", base_url=f"http://127.0.0.1:{port}/v1")
        question = Question(endpoint="http", path="orders", query={"id": 7}, into={"n": "total", "gone": "x.y"})
        found = await ask(service, tenant, question)
        assert (found.exit, dict(found.values)) == ("next", {"n": 1, "gone": None})
        assert server.seen[0] == ("POST", "/v1/orders", '{"id": 7}'), "nothing that was asked is in the address"
        open_ = Question(endpoint="http", path="orders", query={"id": 7}, into={"n": "total"}, send="address")
        assert (await ask(service, tenant, open_)).exit == "next"
        assert server.seen[1][:2] == ("GET", "/v1/orders?id=7")
        away = Question(endpoint="http", path="../../etc", into={"n": "total"})
        assert (await ask(service, tenant, away)).exit == "failed"
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("mood", "exit_", "why"),
    [
        ("hangs", "timeout", "timeout"),
        ("fails", "failed", "status"),
        ("refuses", "failed", "status"),
        ("redirects away", "failed", "redirect"),
        ("redirects home", "next", "ok"),
        ("talks", "failed", "too-large"),
        ("mumbles", "failed", "not-json"),
    ],
)
async def test_q1_every_trouble_has_an_exit_and_a_bound(db, tenant, ehr, mood, exit_, why):
    server, port = ehr
    server.mood = mood
    async with lookups(db, f"127.0.0.1:{port}") as service:
        await service.add(system_actor(tenant), name="ehr", kind="http", base_url=f"http://127.0.0.1:{port}/v1")
        question = Question(endpoint="ehr", into={"n": "total"}, seconds=0.4)
        began = time.monotonic()
        found = await ask(service, tenant, question)
        assert (found.exit, found.why) == (exit_, why)
        assert time.monotonic() - began < 10, "never much longer than its seconds"


async def test_q1_a_dead_system_is_left_alone_and_tried_again(db, tenant, ehr):
    server, port = ehr
    server.mood = "hangs"
    async with lookups(db, f"127.0.0.1:{port}") as service:
        await service.add(system_actor(tenant), name="ehr", kind="http", base_url=f"http://127.0.0.1:{port}/v1")
        question = Question(endpoint="ehr", into={"n": "total"}, seconds=0.2)
        exits = [(await ask(service, tenant, question)).why for _ in range(5)]
        assert exits == ["timeout"] * 3 + ["circuit"] * 2, "after three nobody waits for it any more"
        asked = len(server.seen)
        (line,) = service.client._lines.values()
        line.breaker.rest_seconds = 0.0
        server.mood = "well"
        assert (await ask(service, tenant, question)).exit == "next"
        assert len(server.seen) == asked + 1
        assert (await ask(service, tenant, question)).exit == "next"


async def test_addresses_inside_this_network_are_not_asked_without_the_operators_word(db, tenant, ehr):
    server, port = ehr
    async with lookups(db) as service:
        await service.add(system_actor(tenant), name="ehr", kind="http", base_url=f"http://127.0.0.1:{port}/v1")
        await service.add(system_actor(tenant), name="named", kind="http", base_url=f"http://localhost:{port}/v1")
        for name in ("ehr", "named"):
            found = await ask(service, tenant, Question(endpoint=name, into={"n": "total"}))
            assert (found.exit, found.why) == ("failed", "host-not-allowed")
    assert server.seen == []


async def test_secrets_are_kept_encrypted_and_never_follow_to_another_address(db, tenant):
    async with lookups(db) as service:
        actor = system_actor(tenant)
        values = {"name": "ehr", "kind": "fhir", "base_url": "https://ehr.example.org/fhir", "header": "X-Key"}
        one = await service.add(actor, **values, secret="s3cret")
        with pytest.raises(NameTaken):
            await service.add(actor, **values)
        async with db.tenant(tenant) as tx:
            row = await tx.one("SELECT secret FROM lookup_endpoint")
            assert row is not None
            assert b"s3cret" not in row["secret"]
        await service.change(actor, one, base_url="https://ehr.example.org/fhir", header="X-Key", max_seconds=4)
        (kept,) = await service.list(actor)
        assert (kept.has_secret, kept.max_seconds) == (True, 4)
        await service.change(actor, one, base_url="https://elsewhere.example.org/fhir", header="X-Key")
        (moved,) = await service.list(actor)
        assert not moved.has_secret, "the secret was given for the old address"
        await service.retire(actor, one)
        assert await service.list(actor) == []
        assert (await ask(service, tenant, fhir())).why == "unknown-endpoint"


@pytest.mark.parametrize(
    "base_url",
    ["http://ehr.example.org", "ftp://x.example.org", "https://u:p@x.example.org", "https://x.example.org/?a=1", "x"],
)
async def test_addresses_that_would_leak_are_refused(db, tenant, base_url):
    async with lookups(db) as service:
        with pytest.raises(InvalidEndpoint):
            await service.add(system_actor(tenant), name="ehr", kind="http", base_url=base_url)


async def test_nothing_that_was_asked_or_answered_is_logged(db, tenant, ehr, caplog):
    server, port = ehr
    server.mood = "fails"
    caplog.set_level(logging.DEBUG)
    async with lookups(db, f"127.0.0.1:{port}") as service:
        await service.add(system_actor(tenant), name="ehr", kind="fhir", base_url=f"http://127.0.0.1:{port}/v1")
        await ask(service, tenant, fhir())
    ours = [record for record in caplog.records if record.name.startswith(("careline", "aiohttp.client"))]
    assert ours, "the failure itself is told"
    assert not any("1980" in str(vars(record)) for record in ours)
