"""The staff of a tenant: who there is, what they may do, and taking it away again at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.model import EmailTaken, LastAdministrator, OwnRightsFixed, Person, normal_email
from careline.security.passwords import Hasher, readable_secret
from careline.security.permissions import Permission, Role
from careline.security.sessions import SessionService

_q = queries("careline.security")

LANGUAGES = ("en", "es")


class PeopleService:
    """Creates people, gives and takes roles, deactivates."""

    def __init__(self, db: Database, clock: Clock, hasher: Hasher, sessions: SessionService) -> None:
        self._db = db
        self._clock = clock
        self._hasher = hasher
        self._sessions = sessions

    async def everyone(self, actor: Actor) -> Sequence[Person]:
        """All people of the tenant, active ones first."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return [_person(row) for row in await tx.all(_q["list_people"], {"id": None})]

    async def get(self, actor: Actor, person_id: UUID) -> Person:
        """One person. Raises `NotFound`."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            return await _find(tx, person_id)

    async def create(
        self, actor: Actor, *, email: str, name: str, roles: Iterable[Role], language: str = "en"
    ) -> tuple[Person, str]:
        """Add a person; returns them with a first password, which they must replace when they sign in.

        Raises `InvalidInput` or `EmailTaken`.
        """
        actor.require(Permission.PEOPLE_MANAGE)
        email, name, language = normal_email(email), check_name(name), check_language(language)
        granted = sorted(set(roles))
        if not granted:
            raise InvalidInput("Give at least one role.", field="roles")
        password = readable_secret(4)
        password_hash = await self._hasher.hash(password)
        person_id = new_id()
        async with self._db.tenant(actor.tenant_id) as tx:
            await insert_person(
                tx,
                self._clock,
                person_id,
                email=email,
                name=name,
                language=language,
                roles=granted,
                password_hash=password_hash,
                must_change=True,
            )
            body = {"roles": [r.value for r in granted]}
            await append(tx, [_event(person_id, "created", body)])
            await audit.record(tx, actor, Action.CREATE, "person", person_id, detail=dict(body))
            return await _find(tx, person_id), password

    async def rename(self, actor: Actor, person_id: UUID, *, name: str, language: str) -> Person:
        """Correct a person's name or language."""
        actor.require(Permission.PEOPLE_MANAGE)
        name, language = check_name(name), check_language(language)
        async with self._db.tenant(actor.tenant_id) as tx:
            if not await tx.run(_q["update_person"], {"id": person_id, "name": name, "language": language}):
                raise NotFound
            await append(tx, [_event(person_id, "renamed", {})])
            await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["name", "language"])
            return await _find(tx, person_id)

    async def set_roles(self, actor: Actor, person_id: UUID, roles: Iterable[Role]) -> Person:
        """Replace a person's roles; it holds from their next request on. Nobody changes their own."""
        actor.require(Permission.PEOPLE_MANAGE)
        _not_oneself(actor, person_id)
        granted = sorted(set(roles))
        if not granted:
            raise InvalidInput("Give at least one role, or deactivate the person.", field="roles")
        async with self._db.tenant(actor.tenant_id) as tx:
            before = await _find(tx, person_id)
            if Role.ADMINISTRATOR in before.roles and Role.ADMINISTRATOR not in granted:
                await _keep_an_administrator(tx, person_id)
            await _replace_roles(tx, person_id, granted)
            body = {"roles": [r.value for r in granted], "before": list(before.roles)}
            await append(tx, [_event(person_id, "roles-changed", body)])
            await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["roles"], detail=dict(body))
            return await _find(tx, person_id)

    async def deactivate(self, actor: Actor, person_id: UUID) -> Person:
        """Take everything away at once: sessions and tokens end in the same transaction. The record stays."""
        actor.require(Permission.PEOPLE_MANAGE)
        _not_oneself(actor, person_id)
        async with self._db.tenant(actor.tenant_id) as tx:
            before = await _find(tx, person_id)
            if Role.ADMINISTRATOR in before.roles:
                await _keep_an_administrator(tx, person_id)
            if await tx.run(_q["deactivate_person"], {"id": person_id, "now": self._clock.now()}):
                await self._sessions.revoke_in(tx, person_id, "deactivated")
                await tx.run(_q["revoke_tokens_of"], {"person_id": person_id, "now": self._clock.now()})
                await append(tx, [_event(person_id, "deactivated", {})])
                await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["active"])
            return await _find(tx, person_id)

    async def reactivate(self, actor: Actor, person_id: UUID) -> Person:
        """Let a deactivated person sign in again, with the password and second factor they had."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._db.tenant(actor.tenant_id) as tx:
            await _find(tx, person_id)
            if await tx.run(_q["reactivate_person"], {"id": person_id}):
                await append(tx, [_event(person_id, "reactivated", {})])
                await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["active"])
            return await _find(tx, person_id)

    async def reset_password(self, actor: Actor, person_id: UUID) -> str:
        """Give a new first password; every session of the person ends."""
        actor.require(Permission.PEOPLE_MANAGE)
        _not_oneself(actor, person_id)
        password = readable_secret(4)
        password_hash = await self._hasher.hash(password)
        async with self._db.tenant(actor.tenant_id) as tx:
            await _find(tx, person_id)
            values = {"id": person_id, "password_hash": password_hash, "now": self._clock.now(), "must_change": True}
            await tx.run(_q["update_password"], values)
            await self._sessions.revoke_in(tx, person_id, "password reset")
            await append(tx, [_event(person_id, "password-reset", {})])
            await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["password"])
        return password

    async def reset_second_factor(self, actor: Actor, person_id: UUID) -> None:
        """Forget a lost authenticator; the person sets up a new one when they sign in. Every session ends."""
        actor.require(Permission.PEOPLE_MANAGE)
        _not_oneself(actor, person_id)
        async with self._db.tenant(actor.tenant_id) as tx:
            await _find(tx, person_id)
            await tx.run(_q["set_totp"], {"id": person_id, "secret": None, "confirmed_at": None, "step": None})
            await tx.run("DELETE FROM recovery_code WHERE person_id = %(id)s", {"id": person_id})
            await self._sessions.revoke_in(tx, person_id, "second factor reset")
            await append(tx, [_event(person_id, "second-factor-reset", {})])
            await audit.record(tx, actor, Action.UPDATE, "person", person_id, fields=["totp"])


async def insert_person(
    tx: Tx,
    clock: Clock,
    person_id: UUID,
    *,
    email: str,
    name: str,
    language: str,
    roles: Sequence[Role],
    password_hash: str,
    must_change: bool,
) -> None:
    """Write a person and their roles. Raises `EmailTaken`, changing nothing."""
    values = {
        "id": person_id,
        "email": email,
        "name": name,
        "language": language,
        "password_hash": password_hash,
        "must_change": must_change,
        "now": clock.now(),
    }
    try:
        async with tx.conn.transaction():
            await tx.run(_q["insert_person"], values)
    except psycopg.errors.UniqueViolation as error:
        raise EmailTaken(field="email") from error
    await _replace_roles(tx, person_id, roles)


async def _replace_roles(tx: Tx, person_id: UUID, roles: Sequence[Role]) -> None:
    await tx.run("DELETE FROM person_role WHERE person_id = %(id)s", {"id": person_id})
    for role in roles:
        await tx.run("INSERT INTO person_role (person_id, role) VALUES (%s, %s)", (person_id, role.value))


async def _keep_an_administrator(tx: Tx, leaving: UUID) -> None:
    # The rows are locked in one order, so that two administrators cannot remove each other at the same moment.
    await tx.all(_q["lock_administrators"])
    row = await tx.one(_q["count_other_administrators"], {"id": leaving})
    if row is None or row["n"] == 0:
        raise LastAdministrator


async def _find(tx: Tx, person_id: UUID) -> Person:
    row = await tx.one(_q["list_people"], {"id": person_id})
    if row is None:
        raise NotFound
    return _person(row)


def _person(row: dict[str, Any]) -> Person:
    return Person(**{**row, "roles": tuple(row["roles"])})


def _not_oneself(actor: Actor, person_id: UUID) -> None:
    if actor.person_id == person_id:
        raise OwnRightsFixed


def _event(person_id: UUID, kind: str, body: dict[str, Any]) -> NewEvent:
    return NewEvent(stream="person", stream_id=person_id, kind=kind, body=body, person_id=person_id)


def check_name(raw: str) -> str:
    """A display name without stray spaces. Raises `InvalidInput`."""
    name = " ".join(raw.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise InvalidInput("A name is needed (at most 120 characters).", field="name")
    return name


def check_language(code: str) -> str:
    """A language of the pages. Raises `InvalidInput`."""
    if code not in LANGUAGES:
        raise InvalidInput("This language is not available.", field="language")
    return code
