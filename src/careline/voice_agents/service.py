"""Use cases on voice agents: the list of them, and the token by which one asks for a call's next step."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.keys import Keyring
from careline.security.permissions import Permission
from careline.voice_agents.model import (
    Decision,
    NoSuchConversation,
    VoiceAgent,
    VoiceAgentExists,
    check_agent,
    check_decision,
)

_q = queries("careline.voice_agents")
_PREFIX = "va"


class VoiceAgentService:
    """Keeps the agents, and their conversations in progress."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    async def list(self, actor: Actor) -> list[VoiceAgent]:
        """Every voice agent. Secrets are never read back."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return [VoiceAgent(**row) for row in await tx.all(_q["list_agents"])]

    async def add(self, actor: Actor, *, name: str, url: str, secret: str | None = None, baa_signed: bool) -> UUID:
        """Add one. Without `baa_signed` it is listed and never connected. Raises `InvalidVoiceAgent` or
        `VoiceAgentExists`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        check_agent(name, url)
        agent_id = new_id()
        try:
            async with self._db.tenant(actor.tenant_id) as tx:
                sealed = await self._keyring.seal(tx, secret.encode(), _context(agent_id)) if secret else None
                values = {"id": agent_id, "name": name, "url": url, "secret": sealed, "baa_signed": baa_signed}
                await tx.run(_q["insert_agent"], values)
                await append(tx, [_event(agent_id, "added", actor)])
                await audit.record(tx, actor, audit.Action.CREATE, "voice-agent", agent_id)
        except psycopg.errors.UniqueViolation as error:
            raise VoiceAgentExists from error
        return agent_id

    async def retire(self, actor: Actor, agent_id: UUID) -> None:
        """Connect it no more, and forget its secret. Raises `NotFound`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["retire_agent"], {"id": agent_id, "now": self._clock.now()}) is None:
                raise NotFound()
            await append(tx, [_event(agent_id, "retired", actor)])
            await audit.record(tx, actor, audit.Action.DELETE, "voice-agent", agent_id)

    async def find(self, actor: Actor, name: str) -> tuple[VoiceAgent, str] | None:
        """An agent and its secret, for call control; None: there is none."""
        actor.require(Permission.CALL_HANDLE)
        async with self._db.tenant(actor.tenant_id) as tx:
            row = await tx.one(_q["read_agent"], {"name": name})
            if row is None:
                return None
            sealed = row.pop("secret")
            agent = VoiceAgent(**row)
            secret = (await self._keyring.open(tx, sealed, _context(agent.id))).decode() if sealed else ""
        return agent, secret

    async def begin(self, actor: Actor, ask_id: str, call_id: UUID, until: datetime) -> str:
        """Begin a conversation; the token by which the agent may ask for the next step, until a moment."""
        actor.require(Permission.CALL_HANDLE)
        token = f"{_PREFIX}_{actor.tenant_id}_{secrets.token_urlsafe(24)}"
        values = {"ask_id": ask_id, "call_id": call_id, "token_hash": _hash(token), "until": until}
        async with self._db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["begin_session"], values)
        return token

    async def decide(self, token: str, call_id: UUID, exit: str, values: Mapping[str, Any]) -> None:
        """The agent asks for the next step, once, by its token. Raises `NoSuchConversation`, `InvalidInput`."""
        tenant = _tenant_of(token)
        decision = check_decision(exit, values)
        asked = {"call_id": call_id, "token_hash": _hash(token), "now": self._clock.now(), "exit": decision.exit}
        async with self._db.tenant(tenant) as tx:
            if await tx.one(_q["decide_session"], {**asked, "given": json.dumps(dict(decision.values))}) is None:
                raise NoSuchConversation

    async def decision(self, actor: Actor, ask_id: str) -> Decision | None:
        """What the agent has asked for; None: nothing yet."""
        actor.require(Permission.CALL_HANDLE)
        async with self._db.tenant(actor.tenant_id) as tx:
            row = await tx.one(_q["read_session"], {"ask_id": ask_id})
        if row is None or row["exit"] is None:
            return None
        return Decision(exit=row["exit"], values=row["given"])

    async def end(self, actor: Actor, ask_id: str) -> None:
        """The conversation is over: its token is worth nothing, its values are gone."""
        actor.require(Permission.CALL_HANDLE)
        async with self._db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["end_session"], {"ask_id": ask_id})


def _event(agent_id: UUID, kind: str, actor: Actor) -> NewEvent:
    return NewEvent(stream="voice_agent", stream_id=agent_id, kind=kind, body={}, person_id=actor.person_id)


def _context(agent_id: UUID) -> str:
    return f"voice-agent {agent_id}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _tenant_of(token: str) -> int:
    prefix, _, rest = token.partition("_")
    tenant, _, secret = rest.partition("_")
    if prefix != _PREFIX or not tenant.isdecimal() or len(tenant) > 9 or not secret:
        raise NoSuchConversation
    return int(tenant)
