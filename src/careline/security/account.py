"""A person's own account: password, authenticator, recovery codes, language. Also the last steps of signing in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, Forbidden
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit, totp
from careline.security.audit import Action
from careline.security.keys import Keyring
from careline.security.model import (
    CodeRefused,
    PasswordRejected,
    SecurityConfig,
    SessionLocked,
    SignInUnfinished,
    Stage,
    check_password,
    next_stage,
)
from careline.security.passwords import Hasher
from careline.security.people import check_language
from careline.security.sessions import Opened, Session, SessionService
from careline.security.sign_in import SignInService, totp_context

_q = queries("careline.security")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An authenticator that is offered and not confirmed yet."""

    secret: str
    uri: str
    qr: str


class AccountService:
    """What everybody may do to their own account: no permission is asked, only that the session is theirs.

    The methods take the session, since some of them finish a sign-in and there is no able actor before that.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        config: SecurityConfig,
        hasher: Hasher,
        keyring: Keyring,
        sessions: SessionService,
        sign_in: SignInService,
    ) -> None:
        self._db = db
        self._clock = clock
        self._config = config
        self._hasher = hasher
        self._keyring = keyring
        self._sessions = sessions
        self._sign_in = sign_in

    async def change_password(self, session: Session, *, current: str, new: str) -> Opened:
        """Choose a new password; every other session of the person ends. Raises `PasswordRejected`."""
        _allow(session, Stage.NEW_PASSWORD)
        await self._sign_in.check_password(session, current, ip=session.actor.ip)
        check_password(new, email=session.email, name=session.name)
        if new == current:
            raise PasswordRejected("Choose a password that differs from the present one.")
        password_hash = await self._hasher.hash(new)
        async with self._db.tenant(session.tenant_id) as tx:
            values = {"id": session.person_id, "password_hash": password_hash, "now": self._clock.now()}
            await tx.run(_q["update_password"], {**values, "must_change": False})
            await self._sessions.revoke_in(tx, session.person_id, "password changed", keep=session.id)
            opened = await self._sessions.advance(tx, session, self._after(session, has_totp=session.has_totp))
            await append(tx, [_event(session.person_id, "password-changed")])
            await audit.record(tx, session.actor, Action.UPDATE, "person", session.person_id, fields=["password"])
        return opened

    async def begin_enrolment(self, session: Session) -> Enrolment:
        """Offer an authenticator; it counts once its first code came back. The one in use stays until then."""
        _allow(session, Stage.ENROL)
        secret = totp.new_secret()
        async with self._db.tenant(session.tenant_id) as tx:
            person = await self._credentials(tx, session.person_id)
            if person["totp_confirmed_at"] is not None:
                raise Conflict("An authenticator is set up already; remove it first.")
            if person["totp_secret"] is not None:
                # The page was opened again: the code already scanned stays good.
                opened = await self._keyring.open(tx, person["totp_secret"], totp_context(session.person_id))
                secret = opened.decode()
            else:
                sealed = await self._keyring.seal(tx, secret.encode(), totp_context(session.person_id))
                values = {"id": session.person_id, "secret": sealed, "confirmed_at": None, "step": None}
                await tx.run(_q["set_totp"], values)
        uri = totp.uri(secret, email=session.email, issuer="Careline")
        return Enrolment(secret=secret, uri=uri, qr=totp.qr_svg(uri))

    async def confirm_enrolment(self, session: Session, code: str) -> tuple[Opened, list[str]]:
        """Bring the first code; returns the recovery codes, which are shown this once. Raises `CodeRefused`."""
        _allow(session, Stage.ENROL)
        now = self._clock.now()
        async with self._db.tenant(session.tenant_id) as tx:
            person = await self._credentials(tx, session.person_id)
            if person["totp_secret"] is None or person["totp_confirmed_at"] is not None:
                raise Conflict("There is no authenticator waiting to be confirmed.")
            seed = await self._keyring.open(tx, person["totp_secret"], totp_context(session.person_id))
            step = totp.match(seed.decode(), code, now, None)
            if step is None:
                raise CodeRefused("The code is not right. Check that the telephone's clock is set automatically.")
            values = {"id": session.person_id, "secret": person["totp_secret"], "confirmed_at": now, "step": step}
            await tx.run(_q["set_totp"], values)
            codes = await self._fresh_codes(tx, session.person_id)
            await self._sessions.revoke_in(tx, session.person_id, "authenticator set up", keep=session.id)
            opened = await self._sessions.advance(tx, session, self._after(session, has_totp=True))
            await append(tx, [_event(session.person_id, "second-factor-set")])
            await audit.record(tx, session.actor, Action.UPDATE, "person", session.person_id, fields=["totp"])
        return opened, codes

    async def remove_authenticator(self, session: Session, *, password: str) -> None:
        """Remove the authenticator (to set up another, or for good where none is demanded)."""
        _allow(session)
        await self._sign_in.check_password(session, password, ip=session.actor.ip)
        async with self._db.tenant(session.tenant_id) as tx:
            values = {"id": session.person_id, "secret": None, "confirmed_at": None, "step": None}
            await tx.run(_q["set_totp"], values)
            await tx.run("DELETE FROM recovery_code WHERE person_id = %(id)s", {"id": session.person_id})
            await append(tx, [_event(session.person_id, "second-factor-removed")])
            await audit.record(tx, session.actor, Action.UPDATE, "person", session.person_id, fields=["totp"])

    async def renew_recovery_codes(self, session: Session, *, password: str) -> list[str]:
        """A fresh set of recovery codes; the old ones stop working."""
        _allow(session)
        if not session.has_totp:
            raise Forbidden("Set up an authenticator first.")
        await self._sign_in.check_password(session, password, ip=session.actor.ip)
        async with self._db.tenant(session.tenant_id) as tx:
            codes = await self._fresh_codes(tx, session.person_id)
            await audit.record(tx, session.actor, Action.UPDATE, "person", session.person_id, fields=["recovery-codes"])
        return codes

    async def recovery_codes_left(self, session: Session) -> int:
        """How many recovery codes are still unused."""
        async with self._db.tenant(session.tenant_id) as tx:
            row = await tx.one(_q["count_recovery_codes"], {"id": session.person_id})
        return int(row["n"]) if row else 0

    async def set_language(self, session: Session, language: str) -> None:
        """The language of the person's pages."""
        _allow(session)
        async with self._db.tenant(session.tenant_id) as tx:
            values = {"id": session.person_id, "name": session.name, "language": check_language(language)}
            await tx.run(_q["update_person"], values)

    async def _fresh_codes(self, tx: Tx, person_id: UUID) -> list[str]:
        codes = totp.new_recovery_codes()
        await tx.run("DELETE FROM recovery_code WHERE person_id = %(id)s", {"id": person_id})
        for code in codes:
            await tx.run(_q["insert_recovery_code"], {"id": person_id, "code_hash": totp.recovery_hash(code)})
        return codes

    async def _credentials(self, tx: Tx, person_id: UUID) -> Row:
        row = await tx.one(_q["read_credentials"], {"id": person_id})
        if row is None:
            raise SignInUnfinished
        return row

    def _after(self, session: Session, *, has_totp: bool) -> Stage:
        if session.stage is Stage.FULL:
            return Stage.FULL
        return next_stage(has_totp=has_totp, must_change=False, mfa_required=self._config.mfa_required)


def _allow(session: Session, *unfinished: Stage) -> None:
    """A finished, unlocked session, or one that owes exactly this step."""
    if session.stage is not Stage.FULL and session.stage not in unfinished:
        raise SignInUnfinished(stage=session.stage.value)
    if session.locked:
        raise SessionLocked


def _event(person_id: UUID, kind: str) -> NewEvent:
    return NewEvent(stream="person", stream_id=person_id, kind=kind, body={}, person_id=person_id)
