"""Use cases on voice agents: the list of them, and the token by which one asks for a call's next step."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.keys import Keyring
from careline.security.permissions import Permission
from careline.voice_agents.model import (
    Decision,
    Failure,
    InvalidVoiceAgent,
    NoSuchConversation,
    VoiceAgent,
    VoiceAgentExists,
    Why,
    check_agent,
    check_decision,
    check_host,
    host_of,
)
from careline.voice_agents.ports import Probe

_q = queries("careline.voice_agents")
_PREFIX = "va"
#: This machine itself: whether it may be reached is the operator's to say, in `lookup_hosts`.
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class VoiceAgentService:
    """Keeps the agents, and their conversations in progress."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, probe: Probe | None = None) -> None:
        """`probe`: how an agent is tried from the page; None: it cannot be."""
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._probe = probe

    async def list(self, actor: Actor) -> list[VoiceAgent]:
        """Every voice agent. Secrets are never read back."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            allowed = await _hosts(tx)
            return [_agent(row, allowed) for row in await tx.all(_q["list_agents"])]

    async def hosts(self, actor: Actor) -> tuple[str, ...]:
        """Hosts that callers' sound may go to."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return tuple(sorted(await _hosts(tx)))

    async def allow(self, actor: Actor, host: str, *, allowed: bool = True) -> None:
        """Let callers' sound go to a host, or no longer. Audited. Doing it twice is harmless."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        plain = check_host(host)
        async with self._db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["allow_host" if allowed else "forbid_host"], {"host": plain}) is None:
                return
            detail: dict[str, object] = {"host": plain, "allowed": allowed}
            await audit.record(tx, actor, audit.Action.UPDATE, "voice-agent-host", plain, detail=detail)

    async def failures(self, actor: Actor) -> Mapping[UUID, Sequence[Failure]]:
        """What went wrong lately, by agent, the latest first."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        found = defaultdict[UUID, Any](list)
        async with self._db.tenant(actor.tenant_id) as tx:
            for row in await tx.all(_q["list_failures"]):
                found[row.pop("agent_id")].append(Failure(**row))
        return found

    async def switch(self, actor: Actor, agent_id: UUID, *, enabled: bool) -> None:
        """Connect callers with an agent again, or not for now. Raises `NotFound`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["switch_agent"], {"id": agent_id, "enabled": enabled}) is None:
                raise NotFound()
            await append(tx, [_event(agent_id, "switched-on" if enabled else "switched-off", actor)])
            detail: dict[str, object] = {"enabled": enabled}
            await audit.record(tx, actor, audit.Action.UPDATE, "voice-agent", agent_id, detail=detail)

    async def test(self, actor: Actor, agent_id: UUID) -> Why | None:
        """Connect with an agent as a call would, without sound, and say why it failed; None: it answered. Audited."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        found = await self._read(actor, name=None, agent_id=agent_id)
        if found is None:
            raise NotFound()
        agent, secret = found
        problem: Why | None = agent.problem if agent.problem != "switched-off" else None
        if problem is None and self._probe is not None:
            problem = await self._probe(agent.url, secret)
        if problem is not None:
            await self.failed(actor, agent.id, None, problem)
        async with self._db.tenant(actor.tenant_id) as tx:
            detail: dict[str, object] = {"result": problem or "ok"}
            await audit.record(tx, actor, audit.Action.EXECUTE, "voice-agent", agent.id, detail=detail)
        return problem

    async def failed(self, actor: Actor, agent_id: UUID, call_id: UUID | None, why: Why) -> None:
        """Keep what went wrong, for whoever looks after the agent."""
        actor.require(Permission.CALL_HANDLE, Permission.ORGANIZATION_MANAGE)
        values = {"id": new_id(), "agent_id": agent_id, "call_id": call_id, "at": self._clock.now(), "why": why}
        async with self._db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["note_failure"], values)
            await tx.run(_q["forget_failures"], {"agent_id": agent_id})

    async def add(self, actor: Actor, *, name: str, url: str, secret: str | None = None, baa_signed: bool) -> UUID:
        """Add one. Without `baa_signed` it is listed and never connected. Raises `InvalidVoiceAgent` or
        `VoiceAgentExists`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        check_agent(name, url)
        if secret and not (secret.isascii() and secret.isprintable() and len(secret) <= 4000):
            raise InvalidVoiceAgent("A secret is one line of plain characters.", field="secret")
        if host_of(url) not in {*_HERE, *await self.hosts(actor)}:
            raise InvalidVoiceAgent("Callers' sound may not go to this host: allow the host first.", field="url")
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
        return await self._read(actor, name=name, agent_id=None)

    async def _read(self, actor: Actor, *, name: str | None, agent_id: UUID | None) -> tuple[VoiceAgent, str] | None:
        async with self._db.tenant(actor.tenant_id) as tx:
            row = await tx.one(_q["read_agent"], {"name": name, "id": agent_id})
            if row is None:
                return None
            sealed = row.pop("secret")
            agent = _agent(row, await _hosts(tx))
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


async def _hosts(tx: Tx) -> set[str]:
    return {row["host"] for row in await tx.all(_q["list_hosts"])}


def _agent(row: Row, allowed: set[str]) -> VoiceAgent:
    return VoiceAgent(**row, host_allowed=host_of(row["url"]) in {*_HERE, *allowed})


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
