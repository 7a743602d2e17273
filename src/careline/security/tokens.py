"""API tokens: scoped, expiring, stored as a hash, and never worth more than the person they act for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound, NotSignedIn
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.model import SecurityConfig
from careline.security.permissions import Permission, Role

_q = queries("careline.security")

#: Recognisable, so that secret scanners can find one that leaked.
PREFIX = "careline_"


class TokenRefused(NotSignedIn):
    """This API token is unknown, expired or revoked."""

    id = "token-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the tokens page shows it."""

    id: UUID
    name: str
    hint: str
    scopes: tuple[str, ...]
    person_id: UUID
    person_name: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class TokenService:
    """Makes, lists, revokes and recognises API tokens."""

    def __init__(self, db: Database, clock: Clock, config: SecurityConfig) -> None:
        self._db = db
        self._clock = clock
        self._config = config

    async def create(
        self,
        actor: Actor,
        *,
        name: str,
        scopes: Iterable[Permission],
        life: timedelta,
        person_id: UUID | None = None,
    ) -> tuple[UUID, str]:
        """Make a token; returns its id and the secret, which is shown this once.

        It acts for the actor, or for `person_id` when the actor also manages people. Raises `InvalidInput`.
        """
        actor.require(Permission.TOKEN_MANAGE)
        owner = person_id or actor.person_id
        if owner != actor.person_id:
            actor.require(Permission.PEOPLE_MANAGE)
        if owner is None or actor.person_id is None:
            raise InvalidInput("A token acts for a person.")
        name = " ".join(name.split())
        if not name or len(name) > 80:
            raise InvalidInput("A token needs a name (at most 80 characters).", field="name")
        granted = sorted({scope.value for scope in scopes})
        if not granted:
            raise InvalidInput("Choose at least one scope.", field="scopes")
        if not timedelta(0) < life <= self._config.token_life:
            raise InvalidInput("A token lives for a day at least and a year at most.", field="days")
        now, token_id = self._clock.now(), new_id()
        secret = f"{PREFIX}{actor.tenant_id}_{secrets.token_urlsafe(32)}"
        async with self._db.tenant(actor.tenant_id) as tx:
            if await tx.one("SELECT 1 FROM person WHERE id = %(id)s AND deactivated_at IS NULL", {"id": owner}) is None:
                raise NotFound
            await tx.run(
                _q["insert_token"],
                {
                    "id": token_id,
                    "person_id": owner,
                    "name": name,
                    "token_hash": _hash(secret),
                    "hint": secret[-4:],
                    "scopes": granted,
                    "now": now,
                    "created_by": actor.person_id,
                    "expires_at": now + life,
                },
            )
            await append(tx, [_event(token_id, "created", owner)])
            detail: dict[str, object] = {"scopes": granted, "for": str(owner)}
            await audit.record(tx, actor, Action.CREATE, "api-token", token_id, detail=detail)
        return token_id, secret

    async def everything(self, actor: Actor) -> Sequence[Token]:
        """All tokens of the tenant, newest first, revoked ones last."""
        actor.require(Permission.TOKEN_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return [Token(**{**row, "scopes": tuple(row["scopes"])}) for row in await tx.all(_q["list_tokens"])]

    async def revoke(self, actor: Actor, token_id: UUID) -> None:
        """End a token now; ending it twice is no error. Raises `NotFound`."""
        actor.require(Permission.TOKEN_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            found = await tx.one("SELECT person_id FROM api_token WHERE id = %(id)s", {"id": token_id})
            if found is None:
                raise NotFound
            if await tx.run(_q["revoke_token"], {"id": token_id, "now": self._clock.now()}):
                await append(tx, [_event(token_id, "revoked", found["person_id"])])
                await audit.record(tx, actor, Action.DELETE, "api-token", token_id)

    async def actor_for(self, secret: str, *, ip: str | None = None) -> Actor:
        """The actor behind a token. Raises `TokenRefused`."""
        tenant_id = _tenant_of(secret)
        now = self._clock.now()
        async with self._db.tenant(tenant_id) as tx:
            row = await tx.one(_q["read_token"], {"token_hash": _hash(secret)})
            if row is None or row["revoked_at"] or row["deactivated_at"] or row["expires_at"] <= now:
                raise TokenRefused
            if row["used_at"] is None or now - row["used_at"] >= timedelta(minutes=1):
                await tx.run(_q["touch_token"], {"id": row["id"], "now": now})
        return _actor(tenant_id, row, ip)


def _actor(tenant_id: int, row: dict[str, Any], ip: str | None) -> Actor:
    known = {permission.value for permission in Permission}
    return Actor(
        tenant_id=tenant_id,
        kind="token",
        person_id=row["person_id"],
        name=f"{row['person_name']} ({row['name']})",
        roles=frozenset(Role(r) for r in row["roles"]),
        # A scope that this version no longer knows grants nothing.
        scopes=frozenset(Permission(s) for s in row["scopes"] if s in known),
        session_id=row["id"],
        ip=ip,
    )


def _event(token_id: UUID, kind: str, person_id: UUID) -> NewEvent:
    return NewEvent(stream="api-token", stream_id=token_id, kind=kind, body={}, person_id=person_id)


def _tenant_of(secret: str) -> int:
    tenant, mark, rest = secret.removeprefix(PREFIX).partition("_")
    if not secret.startswith(PREFIX) or not mark or not rest:
        raise TokenRefused
    if not (tenant.isascii() and tenant.isdigit() and len(tenant) <= 9):
        raise TokenRefused
    return int(tenant)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
