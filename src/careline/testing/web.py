"""The whole web application on a free loopback port, in a thread with its own event loop: for browser tests."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

import uvicorn
from litestar import Litestar

from careline import bootstrap
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.platform.settings import Settings
from careline.security.model import Stage
from careline.security.passwords import Hasher
from careline.security.people import insert_person
from careline.security.permissions import Role
from careline.testing.builders import make_lakeside
from careline.testing.postgres import Urls
from careline.web.app import create_app
from careline.web.server import uvicorn_config

T = TypeVar("T")

PASSWORD = "correct horse battery staple 7"  # noqa: S105 (a test's)


class WebApp:
    """A running application. `services` may be changed before the first request (a fake switch, another clock)."""

    def __init__(self, url: str, app: Litestar, services: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.app = app
        self.services = services
        self._loop = loop

    def run(self, work: Callable[[Any], Awaitable[T]], seconds: float = 30) -> T:
        """Run a coroutine function of the services on the application's own loop, and give its result."""

        async def go() -> T:
            return await work(self.services)

        return asyncio.run_coroutine_threadsafe(go(), self._loop).result(seconds)

    def make_tenant(self, slug: str = "lakeside") -> int:
        """A fresh tenant."""
        return self.run(lambda services: make_lakeside(services.db, slug))

    def make_person(self, tenant_id: int, email: str, *roles: Role, name: str = "Robin Vale", lang: str = "en") -> UUID:
        """A person who can sign in with `PASSWORD`."""

        async def go(services: Any) -> UUID:
            person_id = new_id()
            async with services.db.tenant(tenant_id) as tx:
                await insert_person(
                    tx,
                    services.clock,
                    person_id,
                    email=email,
                    name=name,
                    language=lang,
                    roles=sorted(roles),
                    password_hash=Hasher.cheap().hash_now(PASSWORD),
                    must_change=False,
                )
            return person_id

        return self.run(go)

    def session_of(self, tenant_id: int, person_id: UUID) -> str:
        """The secret of a fresh session of anybody."""

        async def go(services: Any) -> str:
            async with services.db.tenant(tenant_id) as tx:
                opened = await services.security.sessions.open(tx, person_id, Stage.FULL, "127.0.0.1", "test")
            return str(opened.secret)

        return self.run(go)

    def cookie_for(self, email: str) -> str:
        """The secret of a fresh session of a person made by `make_person`."""

        async def go(services: Any) -> str:
            opened = await services.security.sign_in.start(email, PASSWORD, ip="127.0.0.1")
            return str(opened.secret)

        return self.run(go)


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._listening = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


@contextmanager
def web_app(
    urls: Urls,
    home: Path,
    *,
    port: int | None = None,
    clock: Clock | None = None,
    change: Callable[[Any], object] = id,
    **options: Any,
) -> Iterator[WebApp]:
    """Run the application on a test's database. `change` may replace services before they are used; `options` are
    settings."""
    port = port or _free_port()
    settings = Settings(home=home, web_port=port, **{"demo": True, **options})
    started = threading.Event()
    box: dict[str, Any] = {}

    async def serve() -> None:
        db = await Database.open(urls.app, max_size=6)
        try:
            where = bootstrap.Addresses(admin=urls.admin, owner=urls.owner, app=urls.app, relay=urls.relay)
            built = bootstrap.build(settings, clock or SystemClock(), db, where)
            services = SimpleNamespace(**{f.name: getattr(built, f.name) for f in fields(built)})
            change(services)
            app = create_app(services)
            server = _Server(uvicorn_config(app, settings), started)
            box.update(app=app, services=services, server=server, loop=asyncio.get_running_loop())
            await server.serve()
        finally:
            await db.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            box["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=run, name="web", daemon=True)
    thread.start()
    started.wait(30)
    if "error" in box or "server" not in box:
        raise RuntimeError("the web application did not start") from box.get("error")
    try:
        yield WebApp(f"http://127.0.0.1:{port}", box["app"], box["services"], box["loop"])
    finally:
        box["server"].should_exit = True
        thread.join(15)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
