"""The door of the web application: cookies, tokens, the guard, forged forms, rate limits, idempotency keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.middleware import DefineMiddleware

from careline.kernel.errors import Conflict
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.model import SecurityConfig
from careline.security.permissions import Permission, Role
from careline.security.service import Security
from careline.security.web import COOKIE, PASSIVE, middleware, provide_actor, require_signed_in
from careline.testing.clock import ManualClock
from careline.testing.security import Staff, make_security, make_staff, sign_in
from careline.web.csrf import CsrfMiddleware
from careline.web.errors import answer_error

pytestmark = pytest.mark.integration


class Bench:
    """A tiny application behind the real door, and what it did."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.hold: Callable[[], Awaitable[None]] | None = None
        self.app: Litestar | None = None

    def build(self, db: Database, security: Security, clock: ManualClock) -> Litestar:
        bench = self

        @get("/page", sync_to_thread=False)
        def page(actor: NamedDependency[Actor]) -> str:
            return actor.name

        @get("/public", opt={"public": True}, sync_to_thread=False)
        def public(request: Request[Any, Any, Any]) -> str:
            actor = request.scope["state"]["actor"]
            return actor.name if actor else "nobody"

        @get("/call-bar", opt={"while_locked": True}, sync_to_thread=False)
        def call_bar(actor: NamedDependency[Actor]) -> list[str]:
            return [p.value for p in Permission if actor.may(p)]

        @get("/api/v1/me", sync_to_thread=False)
        def me(actor: NamedDependency[Actor]) -> dict[str, str]:
            return {"kind": actor.kind, "name": actor.name}

        @post("/api/v1/things")
        async def create(request: Request[Any, Any, Any]) -> dict[str, Any]:
            body = await request.json()
            if bench.hold:
                await bench.hold()
            if body.get("fail") == "conflict":
                raise Conflict
            if body.get("fail") == "crash":
                raise ValueError("a bug")
            bench.done.append(body)
            return {"number": len(bench.done), "thing": body}

        services = SimpleNamespace(security=security, db=db, clock=clock)
        self.app = Litestar(
            [page, public, call_bar, me, create],
            dependencies={"actor": Provide(provide_actor)},
            guards=[require_signed_in],
            middleware=[DefineMiddleware(CsrfMiddleware, secure=False), *middleware(services)],
            exception_handlers={Exception: answer_error},
            openapi_config=None,
        )
        return self.app

    @asynccontextmanager
    async def client(self, *, secret: str | None = None, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a session's cookie, or with a token."""
        assert self.app is not None
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        cookies = {COOKIE: secret} if secret is not None else {}
        transport = httpx.ASGITransport(app=self.app, client=("192.0.2.9", 1234))  # type: ignore[arg-type]
        async with httpx.AsyncClient(
            transport=transport, base_url="http://careline.test", headers=headers, cookies=cookies
        ) as client:
            yield client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def security(db: Database, clock: ManualClock, tmp_path: Path) -> Security:
    return make_security(db, clock, tmp_path)


@pytest.fixture
def bench(db: Database, security: Security, clock: ManualClock) -> Bench:
    made = Bench()
    made.build(db, security, clock)
    return made


@pytest.fixture
async def staff(db: Database, clock: ManualClock, tenant: int) -> Staff:
    roles = [Role.AGENT, Role.ADMINISTRATOR]
    return await make_staff(db, clock, tenant, roles, email="a@example.org", name="Robin Park")


async def token_for(security: Security, staff: Staff, *scopes: Permission) -> str:
    _, session = await sign_in(security, staff)
    _, secret = await security.tokens.create(
        session.actor, name="test", scopes=scopes or list(Permission), life=timedelta(days=1)
    )
    return secret


class TestGuard:
    async def test_stranger_is_refused_everywhere_but_at_public_pages(self, bench: Bench, tenant: int) -> None:
        async with bench.client() as client:
            assert (await client.get("/public")).text == "nobody"
            for path in ("/page", "/call-bar", "/api/v1/me"):
                answer = await client.get(path)
                assert answer.status_code == 401
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["id"] == "not-signed-in"
            page = await client.get("/page", headers={"accept": "text/html"})
            assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/page")

    async def test_session_is_known_by_its_cookie(self, bench: Bench, security: Security, staff: Staff) -> None:
        opened, _ = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            assert (await client.get("/page")).text == "Robin Park"
            assert (await client.get("/public")).text == "Robin Park"
        async with bench.client(secret=opened.secret[:-1] + "x") as client:
            assert (await client.get("/page")).status_code == 401

    async def test_locked_screen_keeps_the_call_bar_and_nothing_else(
        self, bench: Bench, security: Security, staff: Staff, clock: ManualClock
    ) -> None:
        opened, _ = await sign_in(security, staff)
        clock.advance(minutes=11)
        async with bench.client(secret=opened.secret) as client:
            assert (await client.get("/page")).json()["id"] == "session-locked"
            assert (await client.get("/api/v1/me")).json()["id"] == "session-locked"
            answer = await client.get("/call-bar")
            assert (answer.status_code, answer.json()) == (200, ["call.handle"])

    async def test_unfinished_sign_in_gets_nowhere(
        self, db: Database, clock: ManualClock, tmp_path: Path, staff: Staff
    ) -> None:
        security = make_security(db, clock, tmp_path, config=SecurityConfig(mfa_required=True))
        bench = Bench()
        bench.build(db, security, clock)
        opened, _ = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            for path in ("/page", "/call-bar", "/api/v1/me"):
                assert (await client.get(path)).json()["id"] == "sign-in-unfinished"
            assert (await client.get("/public")).text == "nobody"

    async def test_polling_does_not_put_the_idle_lock_off(
        self, bench: Bench, security: Security, staff: Staff, clock: ManualClock
    ) -> None:
        opened, _ = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            for _ in range(3):
                clock.advance(minutes=4)
                answer = await client.get("/page", headers={PASSIVE: "1"})
            assert answer.json()["id"] == "session-locked"

    async def test_own_acts_do(self, bench: Bench, security: Security, staff: Staff, clock: ManualClock) -> None:
        opened, _ = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            for _ in range(4):
                clock.advance(minutes=9)
                assert (await client.get("/page")).status_code == 200

    async def test_revoked_session_is_out_with_the_next_request(
        self, bench: Bench, security: Security, staff: Staff
    ) -> None:
        opened, session = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            assert (await client.get("/page")).status_code == 200
            await security.sessions.sign_out(session.actor)
            assert (await client.get("/page")).status_code == 401


class TestTokens:
    async def test_token_is_an_actor_of_its_own_kind(self, bench: Bench, security: Security, staff: Staff) -> None:
        async with bench.client(token=await token_for(security, staff)) as client:
            assert (await client.get("/api/v1/me")).json() == {"kind": "token", "name": "Robin Park (test)"}

    @pytest.mark.parametrize("header", ["Bearer careline_1_nonsense", "Bearer", "Basic YTpi", "careline_1_x", ""])
    async def test_anything_else_is_refused(self, bench: Bench, tenant: int, header: str) -> None:
        async with bench.client() as client:
            answer = await client.get("/api/v1/me", headers={"authorization": header})
        assert answer.status_code == 401
        assert answer.json()["id"] in ("token-refused", "not-signed-in")

    async def test_a_cookie_beside_an_authorization_header_counts_nothing(
        self, bench: Bench, security: Security, staff: Staff
    ) -> None:
        """Such requests need no form token: a cookie that counted would be a forged request waiting to happen."""
        opened, _ = await sign_in(security, staff)
        async with bench.client(secret=opened.secret) as client:
            forged = await client.post("/api/v1/things", json={"a": 1}, headers={"authorization": "Bearer x"})
            assert forged.status_code == 401
            without = await client.post("/api/v1/things", json={"a": 1})
            assert (without.status_code, without.json()["id"]) == (403, "forged-request")
        assert bench.done == []

    async def test_guessing_tokens_is_slowed(self, bench: Bench, tenant: int) -> None:
        async with bench.client(token="careline_1_guess") as client:
            statuses = [(await client.get("/api/v1/me")).status_code for _ in range(70)]
        assert statuses[:60] == [401] * 60
        assert 429 in statuses[60:]


class TestRateLimit:
    async def test_one_token_is_slowed_and_others_are_not(
        self, db: Database, clock: ManualClock, tmp_path: Path, staff: Staff
    ) -> None:
        config = SecurityConfig(mfa_required=False, api_burst=5, api_per_second=0.001)
        security = make_security(db, clock, tmp_path, config=config)
        bench = Bench()
        bench.build(db, security, clock)
        busy, calm = await token_for(security, staff), await token_for(security, staff)
        async with bench.client(token=busy) as client:
            answers = [await client.get("/api/v1/me") for _ in range(7)]
            assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
            problem = answers[-1].json()
            assert (problem["id"], problem["retryable"]) == ("too-many-requests", True)
            assert "retry-after" in answers[-1].headers
        async with bench.client(token=calm) as client:
            assert (await client.get("/api/v1/me")).status_code == 200


class TestIdempotency:
    KEY = "Idempotency-Key"

    @pytest.fixture
    async def client(self, bench: Bench, security: Security, staff: Staff) -> AsyncIterator[httpx.AsyncClient]:
        async with bench.client(token=await token_for(security, staff)) as client:
            yield client

    async def send(self, client: httpx.AsyncClient, key: str, **body: Any) -> httpx.Response:
        return await client.post("/api/v1/things", json=body, headers={self.KEY: key})

    async def test_same_key_same_body_is_done_once_and_answered_alike(
        self, bench: Bench, client: httpx.AsyncClient
    ) -> None:
        first = await self.send(client, "k1", a=1)
        second = await self.send(client, "k1", a=1)
        assert bench.done == [{"a": 1}]
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert first.headers["content-type"] == second.headers["content-type"]
        assert second.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers

    async def test_same_key_other_body_is_refused(self, bench: Bench, client: httpx.AsyncClient) -> None:
        await self.send(client, "k1", a=1)
        other = await self.send(client, "k1", a=2)
        assert (other.status_code, other.json()["id"]) == (422, "idempotency-key-reused")
        assert bench.done == [{"a": 1}]

    async def test_other_keys_and_none_are_done_again(self, bench: Bench, client: httpx.AsyncClient) -> None:
        await self.send(client, "k1", a=1)
        await self.send(client, "k2", a=1)
        await client.post("/api/v1/things", json={"a": 1})
        await client.post("/api/v1/things", json={"a": 1})
        assert len(bench.done) == 4

    async def test_two_at_the_same_moment(self, bench: Bench, client: httpx.AsyncClient) -> None:
        at_work, go_on = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            at_work.set()
            await go_on.wait()

        bench.hold = hold
        first = asyncio.create_task(self.send(client, "k1", a=1))
        await at_work.wait()
        second = await self.send(client, "k1", a=1)
        assert (second.status_code, second.json()["id"]) == (409, "idempotency-in-progress")
        assert second.json()["retryable"]
        go_on.set()
        assert (await first).status_code == 201
        assert (await self.send(client, "k1", a=1)).status_code == 201
        assert bench.done == [{"a": 1}]

    @pytest.mark.parametrize(("fail", "status"), [("conflict", 409), ("crash", 500)])
    async def test_a_failure_frees_the_key(
        self, bench: Bench, client: httpx.AsyncClient, fail: str, status: int
    ) -> None:
        assert (await self.send(client, "k1", fail=fail)).status_code == status
        assert (await self.send(client, "k1", a=1)).status_code == 201
        assert bench.done == [{"a": 1}]

    async def test_keys_of_different_people_do_not_meet(
        self, bench: Bench, client: httpx.AsyncClient, db: Database, clock: ManualClock, tenant: int, security: Security
    ) -> None:
        other = await make_staff(db, clock, tenant, [Role.ADMINISTRATOR], email="b@example.org")
        await self.send(client, "k1", a=1)
        async with bench.client(token=await token_for(security, other)) as theirs:
            answer = await self.send(theirs, "k1", a=2)
        assert answer.status_code == 201
        assert len(bench.done) == 2

    async def test_forgotten_after_a_day(
        self,
        bench: Bench,
        client: httpx.AsyncClient,
        clock: ManualClock,
        db: Database,
        tenant: int,
        security: Security,
        staff: Staff,
    ) -> None:
        await self.send(client, "k1", a=1)
        clock.advance(hours=25)
        async with bench.client(token=await token_for(security, staff)) as client_of_today:
            assert (await self.send(client_of_today, "k1", a=2)).json()["thing"] == {"a": 2}
        async with db.tenant(tenant) as tx:
            assert len(await tx.all("SELECT key FROM idempotency_key")) == 1

    @pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
    async def test_bad_keys(self, bench: Bench, client: httpx.AsyncClient, key: str) -> None:
        answer = await self.send(client, key, a=1)
        assert (answer.status_code, answer.json()["id"]) == (400, "invalid-input")
        assert bench.done == []

    async def test_a_stranger_s_key_is_not_kept(self, bench: Bench, tenant: int, db: Database) -> None:
        async with bench.client() as client:
            await client.post("/api/v1/things", content=json.dumps({}), headers={self.KEY: "k1"})
        async with db.tenant(tenant) as tx:
            assert await tx.all("SELECT key FROM idempotency_key") == []
