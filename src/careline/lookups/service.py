"""Use cases on the systems that flows may ask. A tenant's list is its allow-list: nothing else is asked."""

from __future__ import annotations

import time
from uuid import UUID

import psycopg

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.kernel.ids import new_id
from careline.lookups.client import LookupClient
from careline.lookups.model import Answer, Endpoint, InvalidEndpoint, NameTaken, Question, check_endpoint
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.keys import Keyring, Undecryptable
from careline.security.permissions import Permission

_q = queries("careline.lookups")
#: Seconds for which a system's row is reused: a change reaches callers within this time.
KEPT = 5.0
_LONGEST_SECRET = 4000


class LookupService:
    """Keeps the systems, and asks them for call control."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, client: LookupClient) -> None:
        self.db = db
        self.clock = clock
        self.keyring = keyring
        self.client = client
        self._kept: dict[tuple[int, str], tuple[float, Endpoint, str | None]] = {}

    async def list(self, actor: Actor) -> list[Endpoint]:
        """Every system that may be asked. Secrets are never read back."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [Endpoint(**row) for row in await tx.all(_q["list_endpoints"])]

    async def add(
        self,
        actor: Actor,
        *,
        name: str,
        kind: str,
        base_url: str,
        header: str | None = None,
        secret: str | None = None,
        max_seconds: int = 10,
    ) -> UUID:
        """Add a system. Raises `InvalidEndpoint` or `NameTaken`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        check_endpoint(name, kind, base_url, header, max_seconds)
        _check_secret(header, secret)
        endpoint_id = new_id()
        values = {"id": endpoint_id, "name": name, "kind": kind, "base_url": base_url, "header": header}
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                sealed = await self._seal(tx, endpoint_id, secret)
                await tx.run(_q["insert_endpoint"], {**values, "max_seconds": max_seconds, "secret": sealed})
                await self._changed(tx, actor, endpoint_id, "added", audit.Action.CREATE)
        except psycopg.errors.UniqueViolation as error:
            raise NameTaken from error
        return endpoint_id

    async def change(
        self,
        actor: Actor,
        endpoint_id: UUID,
        *,
        base_url: str,
        header: str | None = None,
        secret: str | None = None,
        max_seconds: int = 10,
    ) -> None:
        """Change a system. A secret that is not given stays, unless address or header change: it was meant for them."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        _check_secret(header, secret)
        async with self.db.tenant(actor.tenant_id) as tx:
            known = {e.id: e for e in (Endpoint(**row) for row in await tx.all(_q["list_endpoints"]))}
            before, row = known.get(endpoint_id), await tx.one(_q["lock_endpoint"], {"id": endpoint_id})
            if before is None or row is None:
                raise NotFound()
            check_endpoint(before.name, before.kind, base_url, header, max_seconds)
            same = (before.base_url, before.header) == (base_url, header)
            sealed = await self._seal(tx, endpoint_id, secret) if secret else row["secret"] if same else None
            values = {"id": endpoint_id, "base_url": base_url, "header": header, "max_seconds": max_seconds}
            await tx.run(_q["update_endpoint"], {**values, "secret": sealed})
            await self._changed(tx, actor, endpoint_id, "changed", audit.Action.UPDATE)
        self._kept.clear()

    async def retire(self, actor: Actor, endpoint_id: UUID) -> None:
        """Ask it no more, and forget its secret. A flow that names it goes on by its exit for failures."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["lock_endpoint"], {"id": endpoint_id}) is None:
                raise NotFound()
            await tx.run(_q["retire_endpoint"], {"id": endpoint_id, "now": self.clock.now()})
            await self._changed(tx, actor, endpoint_id, "retired", audit.Action.DELETE)
        self._kept.clear()

    async def ask(self, actor: Actor, question: Question) -> Answer:
        """Ask a system by its name for a caller. Never raises for what the system does: every way is an exit."""
        actor.require(Permission.CALL_HANDLE)
        try:
            found = await self._find(actor.tenant_id, question.endpoint)
        except Undecryptable:
            return Answer(exit="failed", why="secret")
        if found is None:
            return Answer(exit="failed", why="unknown-endpoint")
        endpoint, secret = found
        return await self.client.ask(endpoint, secret, question)

    async def _find(self, tenant_id: int, name: str) -> tuple[Endpoint, str | None] | None:
        kept = self._kept.get((tenant_id, name))
        if kept and time.monotonic() - kept[0] < KEPT:
            return kept[1], kept[2]
        async with self.db.tenant(tenant_id) as tx:
            row: Row | None = await tx.one(_q["read_endpoint"], {"name": name})
            if row is None:
                return None
            sealed = row.pop("secret")
            endpoint = Endpoint(**row)
            secret = (await self.keyring.open(tx, sealed, _context(endpoint.id))).decode() if sealed else None
        self._kept[tenant_id, name] = (time.monotonic(), endpoint, secret)
        return endpoint, secret

    async def _seal(self, tx: Tx, endpoint_id: UUID, secret: str | None) -> bytes | None:
        return await self.keyring.seal(tx, secret.encode(), _context(endpoint_id)) if secret else None

    async def _changed(self, tx: Tx, actor: Actor, endpoint_id: UUID, kind: str, action: audit.Action) -> None:
        event = NewEvent(stream="lookup", stream_id=endpoint_id, kind=kind, body={}, person_id=actor.person_id)
        await append(tx, [event])
        await audit.record(tx, actor, action, "lookup-endpoint", endpoint_id)


def _context(endpoint_id: UUID) -> str:
    return f"lookup-endpoint {endpoint_id}"


def _check_secret(header: str | None, secret: str | None) -> None:
    if secret and not header:
        raise InvalidEndpoint("A secret travels in a header: name it.", field="header")
    if secret and (len(secret) > _LONGEST_SECRET or not secret.isprintable() or not secret.isascii()):
        raise InvalidEndpoint("A secret is one line of plain characters.", field="secret")
