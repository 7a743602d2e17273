"""Signing in: password, then a code, then whatever else is owed; and unlocking a locked screen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput
from careline.platform.db import Database, Row, Tx, queries
from careline.security import audit, totp
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.keys import Keyring
from careline.security.model import (
    CodeRefused,
    SecurityConfig,
    SignInRefused,
    SignInUnfinished,
    Stage,
    first_stage,
    next_stage,
    normal_email,
)
from careline.security.passwords import Hasher
from careline.security.sessions import Opened, Session, SessionService
from careline.security.throttle import Throttles

_q = queries("careline.security")


def totp_context(person_id: UUID) -> str:
    """What an authenticator seed is bound to."""
    return f"totp {person_id}"


class SignInService:
    """The steps of signing in. Its methods take no actor: there is none yet."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        config: SecurityConfig,
        hasher: Hasher,
        keyring: Keyring,
        sessions: SessionService,
    ) -> None:
        self._db = db
        self._clock = clock
        self._config = config
        self._hasher = hasher
        self._keyring = keyring
        self._sessions = sessions
        self._throttles = Throttles(db, clock)

    async def start(self, email: str, password: str, *, ip: str | None, user_agent: str | None = None) -> Opened:
        """Check e-mail address and password. The answer, and the time it takes, are the same for an unknown account.

        Raises `SignInRefused` or `SignInBlocked`.
        """
        try:
            account = normal_email(email)
        except InvalidInput:
            account = email.strip().lower()[:254]
        await self._throttles.check(account, ip)
        async with self._db.system() as tx:
            found = await tx.one(_q["find_tenant_of"], {"email": account})
        person = None
        if found is not None:
            async with self._db.tenant(found["tenant_id"]) as tx:
                person = await tx.one(_q["read_credentials"], {"id": found["person_id"]})
        right = await self._hasher.verify(person["password_hash"] if person else None, password)
        if found is None or person is None or not right or person["deactivated_at"] is not None:
            await self._throttles.failed(account, ip)
            if found is not None and person is not None:
                await self._note_refusal(found["tenant_id"], person, ip, "password")
            raise SignInRefused
        outdated = self._hasher.is_outdated(person["password_hash"])
        fresh = await self._hasher.hash(password) if outdated else None
        stage = first_stage(
            has_totp=person["totp_confirmed_at"] is not None,
            must_change=person["password_must_change"],
            mfa_required=self._config.mfa_required,
        )
        async with self._db.tenant(found["tenant_id"]) as tx:
            if fresh is not None:
                await self._store_hash(tx, person, fresh)
            opened = await self._sessions.open(tx, person["id"], stage, ip, user_agent)
            await audit.record(
                tx,
                _who(found["tenant_id"], person, ip),
                Action.SIGN_IN,
                "session",
                detail={"step": "password", "owed": stage.value},
            )
        if stage is not Stage.TOTP:
            await self._throttles.succeeded(account, ip)
        return opened

    async def forgive(self, email: str) -> None:
        """Forget the failures counted for an account."""
        await self._throttles.succeeded(email, None)

    async def give_code(self, session: Session, code: str, *, ip: str | None) -> Opened:
        """Check the authenticator's code, or a recovery code. Raises `CodeRefused` or `SignInBlocked`."""
        if session.stage is not Stage.TOTP:
            raise SignInUnfinished(stage=session.stage.value)
        await self._check_code(session, code, ip)
        async with self._db.tenant(session.tenant_id) as tx:
            person = await tx.one(_q["read_credentials"], {"id": session.person_id})
            if person is None:
                raise SignInRefused
            stage = next_stage(
                has_totp=True,
                must_change=person["password_must_change"],
                mfa_required=self._config.mfa_required,
            )
            opened = await self._sessions.advance(tx, session, stage)
            who = _who(session.tenant_id, person, ip)
            await audit.record(tx, who, Action.SIGN_IN, "session", session.id, detail={"step": "code"})
        await self._throttles.succeeded(session.email, ip)
        return opened

    async def unlock(self, session: Session, password: str, *, ip: str | None) -> None:
        """Unlock the screen with the person's own password. A wrong one is counted, but the session stays alive:
        a live call is never cut."""
        person = await self._own_password(session, password, "unlock", ip)
        async with self._db.tenant(session.tenant_id) as tx:
            await self._sessions.unlock_in(tx, session)
            who = _who(session.tenant_id, person, ip)
            await audit.record(tx, who, Action.SIGN_IN, "session", session.id, detail={"step": "unlock"})

    async def check_password(self, session: Session, password: str, *, ip: str | None) -> None:
        """Ask for the password again before something weighty. Raises `SignInRefused` or `SignInBlocked`."""
        await self._own_password(session, password, "password again", ip)

    async def _own_password(self, session: Session, password: str, step: str, ip: str | None) -> Row:
        await self._throttles.check_session(session.id)
        async with self._db.tenant(session.tenant_id) as tx:
            person = await tx.one(_q["read_credentials"], {"id": session.person_id})
        if not await self._hasher.verify(person["password_hash"] if person else None, password) or person is None:
            await self._throttles.failed_session(session.id)
            if person is not None:
                await self._note_refusal(session.tenant_id, person, ip, step)
            raise SignInRefused("The password is not right.")
        await self._throttles.succeeded_session(session.id)
        return person

    async def _check_code(self, session: Session, code: str, ip: str | None) -> None:
        await self._throttles.check(session.email, ip)
        async with self._db.tenant(session.tenant_id) as tx:
            person = await tx.one(_q["read_credentials"], {"id": session.person_id})
            right = person is not None and await self._take_code(tx, person, code)
        if not right:
            await self._throttles.failed(session.email, ip)
            if person is not None:
                await self._note_refusal(session.tenant_id, person, ip, "code")
            raise CodeRefused

    async def _take_code(self, tx: Tx, person: dict[str, Any], code: str) -> bool:
        """Use up a right code: each counts once, also when two requests bring it at the same moment."""
        now = self._clock.now()
        seed = (await self._keyring.open(tx, person["totp_secret"], totp_context(person["id"]))).decode()
        step = totp.match(seed, code, now, person["totp_last_step"])
        if step is not None:
            return await tx.run(_q["take_totp_step"], {"id": person["id"], "step": step}) == 1
        hashed = totp.recovery_hash(code)
        return await tx.run(_q["use_recovery_code"], {"id": person["id"], "code_hash": hashed, "now": now}) == 1

    async def _store_hash(self, tx: Tx, person: dict[str, Any], fresh: str) -> None:
        await tx.run(_q["replace_hash"], {"id": person["id"], "old": person["password_hash"], "new": fresh})

    async def _note_refusal(self, tenant_id: int, person: dict[str, Any], ip: str | None, step: str) -> None:
        async with self._db.tenant(tenant_id) as tx:
            who = _who(tenant_id, person, ip)
            await audit.record(tx, who, Action.SIGN_IN, "session", outcome="refused", detail={"step": step})


def _who(tenant_id: int, person: dict[str, Any], ip: str | None) -> Actor:
    """The person for the audit log; without roles, since signing in is not finished."""
    return Actor(tenant_id=tenant_id, kind="person", person_id=person["id"], name=person["name"], ip=ip)
