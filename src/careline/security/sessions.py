"""Sessions: an opaque secret in a cookie, its hash in the database, an idle lock that hides data and cuts no call."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound, NotSignedIn
from careline.kernel.ids import new_id
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.model import SecurityConfig, SessionLocked, SignInUnfinished, Stage
from careline.security.permissions import Permission, Role

_q = queries("careline.security")

#: All a locked screen may still do: control the call it is in. Nothing of a patient can be read with this.
WHILE_LOCKED = frozenset({Permission.CALL_HANDLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as a request finds it."""

    id: UUID
    tenant_id: int
    person_id: UUID
    stage: Stage
    locked: bool
    expires_at: datetime
    email: str
    name: str
    language: str
    #: The tenant's time zone, in which the pages show moments.
    zone: str
    has_totp: bool
    #: What the person may do now: nothing before sign-in is finished, only call control while locked.
    actor: Actor

    def require_open(self) -> Actor:
        """The actor of a finished, unlocked session; raises `SignInUnfinished` or `SessionLocked`."""
        if self.stage is not Stage.FULL:
            raise SignInUnfinished(stage=self.stage.value)
        if self.locked:
            raise SessionLocked
        return self.actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The secret for the cookie, and what is owed next."""

    secret: str
    stage: Stage
    expires_at: datetime
    person_id: UUID
    tenant_id: int


class SessionService:
    """Reads, locks, unlocks and ends sessions."""

    def __init__(self, db: Database, clock: Clock, config: SecurityConfig) -> None:
        self._db = db
        self._clock = clock
        self._config = config

    # --- used by sign-in, inside its transactions ---

    async def open(self, tx: Tx, person_id: UUID, stage: Stage, ip: str | None, user_agent: str | None) -> Opened:
        """Begin a session; the only moment at which its secret exists here."""
        now, session_id = self._clock.now(), new_id()
        secret = _new_secret(tx)
        life = self._config.session_life if stage is Stage.FULL else self._config.unfinished_life
        await tx.run(
            _q["insert_session"],
            {
                "id": session_id,
                "person_id": person_id,
                "token_hash": _hash(secret),
                "stage": stage.value,
                "now": now,
                "expires_at": now + life,
                "ip": ip,
                "user_agent": (user_agent or "")[:200] or None,
            },
        )
        return Opened(
            secret=secret, stage=stage, expires_at=now + life, person_id=person_id, tenant_id=_tenant_of(secret)
        )

    async def advance(self, tx: Tx, session: Session, stage: Stage) -> Opened:
        """Bring a session to its next stage under a new secret, so that an older one is worth nothing."""
        now = self._clock.now()
        secret = _new_secret(tx)
        life = self._config.session_life if stage is Stage.FULL else self._config.unfinished_life
        changed = await tx.run(
            _q["advance_session"],
            {
                "id": session.id,
                "stage": stage.value,
                "token_hash": _hash(secret),
                "now": now,
                "expires_at": now + life,
            },
        )
        if not changed:
            raise NotSignedIn
        return Opened(
            secret=secret,
            stage=stage,
            expires_at=now + life,
            person_id=session.person_id,
            tenant_id=session.tenant_id,
        )

    async def revoke_in(
        self, tx: Tx, person_id: UUID, why: str, *, only: UUID | None = None, keep: UUID | None = None
    ) -> int:
        """End a person's sessions within a transaction; live sockets hear of it by event. Returns how many."""
        ended = await tx.all(
            _q["revoke_sessions"],
            {"person_id": person_id, "now": self._clock.now(), "why": why, "only": only, "keep": keep},
        )
        await append(
            tx,
            [
                NewEvent(stream="session", stream_id=row["id"], kind="revoked", body={"why": why}, person_id=person_id)
                for row in ended
            ],
        )
        return len(ended)

    # --- used by every request ---

    async def read(self, secret: str, *, ip: str | None = None, active: bool = True) -> Session:
        """The session behind a cookie. `active` says that the person did something, which puts the idle lock off.

        Raises `NotSignedIn` for an unknown, ended or expired session. Locks one that has been idle for too long.
        """
        tenant_id = _tenant_of(secret)
        now = self._clock.now()
        async with self._db.tenant(tenant_id) as tx:
            row = await tx.one(_q["read_session"], {"token_hash": _hash(secret)})
            if row is None or row["revoked_at"] or row["deactivated_at"] or row["expires_at"] <= now:
                raise NotSignedIn
            locked = row["locked_at"] is not None
            if not locked and row["stage"] == Stage.FULL and now - row["active_at"] >= self._config.idle_lock:
                await self._lock(tx, row["id"], row["person_id"], "idle")
                locked = True
            # Written every quarter of a minute at most: this is on the path of every request.
            if active and not locked and (now - row["active_at"]).total_seconds() >= 15:
                await tx.run(_q["touch_session"], {"id": row["id"], "now": now})
        return _session(tenant_id, row, locked=locked, ip=ip)

    async def is_alive(self, actor: Actor) -> bool:
        """Whether the actor's session still stands (locked or not): what a live socket asks now and then."""
        if actor.session_id is None:
            return False
        async with self._db.tenant(actor.tenant_id) as tx:
            return await tx.one(_q["session_alive"], {"id": actor.session_id, "now": self._clock.now()}) is not None

    # --- used by the person ---

    async def lock(self, actor: Actor) -> None:
        """Hide the screen now; calls and the live socket go on. Everybody may lock their own."""
        session_id, person_id = _own(actor)
        async with self._db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, session_id, person_id, "asked")

    async def unlock_in(self, tx: Tx, session: Session) -> None:
        """Show the screen again; sign-in has checked the password."""
        await tx.run(_q["unlock_session"], {"id": session.id, "now": self._clock.now()})
        await append(tx, [_event(session.id, "unlocked", session.person_id, {})])

    async def sign_out(self, actor: Actor) -> None:
        """End the actor's own session."""
        session_id, person_id = _own(actor)
        async with self._db.tenant(actor.tenant_id) as tx:
            await self.revoke_in(tx, person_id, "signed out", only=session_id)
            await audit.record(tx, actor, Action.SIGN_OUT, "session", session_id)

    async def mine(self, actor: Actor) -> list[dict[str, Any]]:
        """The actor's own open sessions, the one in use marked `current`."""
        session_id, person_id = _own(actor)
        async with self._db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(_q["list_sessions"], {"person_id": person_id, "now": self._clock.now()})
        return [{**row, "current": row["id"] == session_id} for row in rows]

    async def end_mine(self, actor: Actor, session_id: UUID) -> None:
        """End another of the actor's own sessions."""
        _, person_id = _own(actor)
        async with self._db.tenant(actor.tenant_id) as tx:
            if not await self.revoke_in(tx, person_id, "ended by its owner", only=session_id):
                raise NotFound
            await audit.record(tx, actor, Action.SIGN_OUT, "session", session_id)

    async def revoke_all(self, actor: Actor, person_id: UUID) -> int:
        """End every session of a person; returns how many there were."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            ended = await self.revoke_in(tx, person_id, "ended by an administrator")
            await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["sessions"])
        return ended

    async def _lock(self, tx: Tx, session_id: UUID, person_id: UUID, why: str) -> None:
        if await tx.run(_q["lock_session"], {"id": session_id, "now": self._clock.now()}):
            await append(tx, [_event(session_id, "locked", person_id, {"why": why})])


def _session(tenant_id: int, row: dict[str, Any], *, locked: bool, ip: str | None) -> Session:
    stage = Stage(row["stage"])
    finished = stage is Stage.FULL
    actor = Actor(
        tenant_id=tenant_id,
        kind="person",
        person_id=row["person_id"],
        name=row["name"],
        roles=frozenset(Role(r) for r in row["roles"]) if finished else frozenset(),
        scopes=WHILE_LOCKED if locked else None,
        session_id=row["id"],
        ip=ip,
    )
    return Session(
        id=row["id"],
        tenant_id=tenant_id,
        person_id=row["person_id"],
        stage=stage,
        locked=locked,
        expires_at=row["expires_at"],
        email=row["email"],
        name=row["name"],
        language=row["language"],
        zone=row["zone"],
        has_totp=row["totp"],
        actor=actor,
    )


def _event(session_id: UUID, kind: str, person_id: UUID, body: dict[str, Any]) -> NewEvent:
    return NewEvent(stream="session", stream_id=session_id, kind=kind, body=body, person_id=person_id)


def _own(actor: Actor) -> tuple[UUID, UUID]:
    if actor.session_id is None or actor.person_id is None:
        raise NotSignedIn
    return actor.session_id, actor.person_id


def _new_secret(tx: Tx) -> str:
    """`<tenant>.<256 random bits>`: the tenant must be known before its rows can be read. It is no secret."""
    return f"{tx.tenant_id}.{secrets.token_urlsafe(32)}"


def _tenant_of(secret: str) -> int:
    tenant, dot, rest = secret.partition(".")
    # Nine digits at most, so that it stays an integer in the database too.
    if not dot or not rest or not (tenant.isascii() and tenant.isdigit() and len(tenant) <= 9):
        raise NotSignedIn
    return int(tenant)


def _hash(secret: str) -> bytes:
    """The secret has 256 random bits: a plain hash is enough, and quick."""
    return hashlib.sha256(secret.encode()).digest()
