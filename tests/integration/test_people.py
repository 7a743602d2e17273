"""People, roles, tokens and the first run: given, taken away at once, and kept within the tenant."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from careline.kernel.errors import Forbidden, InvalidInput, NotFound, NotSignedIn
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.first_run import FirstRunService, SetupCodeWrong, setup_code
from careline.security.model import (
    AlreadySetUp,
    EmailTaken,
    LastAdministrator,
    OwnRightsFixed,
    PasswordRejected,
    SecurityConfig,
    SignInBlocked,
    SignInRefused,
    Stage,
)
from careline.security.passwords import Hasher
from careline.security.permissions import Permission, Role
from careline.security.rescue import rescue
from careline.security.service import Security
from careline.security.tokens import TokenRefused
from careline.testing.builders import make_person, make_tenant
from careline.testing.clock import ManualClock
from careline.testing.security import PASSWORD, enrol, make_security, make_staff, sign_in

pytestmark = pytest.mark.integration

ANSWERS: dict[str, Any] = {
    "code": "abcd-efgh",
    "organization": "Clínica del Lago",
    "kind": "integrated",
    "zone": "America/Chicago",
    "email": "dana@example.org",
    "name": "Dana Reyes",
    "password": "blue river stone lamp",
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def security(db: Database, clock: ManualClock, tmp_path: Path) -> Security:
    return make_security(db, clock, tmp_path)


@pytest.fixture
async def admin(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.ADMINISTRATOR, name="Ada Admin")


async def events(db: Database, tenant: int, stream: str) -> list[str]:
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT kind FROM event WHERE stream = %(s)s ORDER BY id", {"s": stream})
    return [row["kind"] for row in rows]


class TestPeople:
    async def test_created_person_has_roles_and_a_first_password(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        person, password = await security.people.create(
            admin, email="New@Example.org", name="  New   Person ", roles=[Role.AGENT, Role.AGENT], language="es"
        )
        assert (person.email, person.name, person.roles, person.language) == (
            "new@example.org",
            "New Person",
            ("agent",),
            "es",
        )
        assert person.password_must_change
        opened = await security.sign_in.start("new@example.org", password, ip=None)
        assert opened.stage is Stage.NEW_PASSWORD
        assert await events(db, tenant, "person") == ["created"]

    @pytest.mark.parametrize(
        ("email", "name", "roles", "language"),
        [
            ("nonsense", "N", [Role.AGENT], "en"),
            ("a@example.org", "  ", [Role.AGENT], "en"),
            ("a@example.org", "N\x07", [Role.AGENT], "en"),
            ("a@example.org", "N" * 121, [Role.AGENT], "en"),
            ("a@example.org", "N", [], "en"),
            ("a@example.org", "N", [Role.AGENT], "xx"),
        ],
    )
    async def test_bad_input_changes_nothing(
        self,
        db: Database,
        tenant: int,
        security: Security,
        admin: Actor,
        email: str,
        name: str,
        roles: list[Role],
        language: str,
    ) -> None:
        with pytest.raises(InvalidInput):
            await security.people.create(admin, email=email, name=name, roles=roles, language=language)
        assert len(await security.people.everyone(admin)) == 1

    async def test_an_address_belongs_to_one_person_of_the_installation(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        other = await make_tenant(db, "other")
        other_admin = await make_person(db, other, Role.ADMINISTRATOR)
        await security.people.create(admin, email="a@example.org", name="A", roles=[Role.AGENT])
        for actor in (admin, other_admin):
            with pytest.raises(EmailTaken):
                await security.people.create(actor, email="A@example.org", name="B", roles=[Role.AGENT])
        assert len(await security.people.everyone(other_admin)) == 1

    async def test_roles_hold_from_the_next_request_on(
        self, db: Database, tenant: int, clock: ManualClock, security: Security, admin: Actor
    ) -> None:
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, session = await sign_in(security, staff)
        assert not session.actor.may(Permission.BOARD_READ)
        await security.people.set_roles(admin, staff.id, [Role.SUPERVISOR])
        assert (await security.sessions.read(opened.secret)).actor.may(Permission.BOARD_READ)
        await security.people.set_roles(admin, staff.id, [Role.PROVIDER])
        assert not (await security.sessions.read(opened.secret)).actor.may(Permission.CALL_HANDLE)
        with pytest.raises(InvalidInput):
            await security.people.set_roles(admin, staff.id, [])

    async def test_deactivation_ends_sessions_and_tokens_at_once(
        self, db: Database, tenant: int, clock: ManualClock, security: Security, admin: Actor
    ) -> None:
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, session = await sign_in(security, staff)
        _, token = await security.tokens.create(
            admin, name="desk", scopes=[Permission.CALL_HANDLE], life=timedelta(days=1), person_id=staff.id
        )
        await security.people.deactivate(admin, staff.id)
        assert not await security.sessions.is_alive(session.actor)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(opened.secret)
        with pytest.raises(TokenRefused):
            await security.tokens.actor_for(token)
        with pytest.raises(SignInRefused):
            await security.sign_in.start(staff.email, PASSWORD, ip=None)
        assert await events(db, tenant, "session") == ["revoked"]
        again = await security.people.deactivate(admin, staff.id)
        assert again.deactivated_at is not None
        assert await events(db, tenant, "person") == ["deactivated"]

        await security.people.reactivate(admin, staff.id)
        await sign_in(security, staff)
        with pytest.raises(NotSignedIn):  # what was ended stays ended
            await security.sessions.read(opened.secret)
        with pytest.raises(TokenRefused):
            await security.tokens.actor_for(token)

    async def test_nobody_raises_lowers_or_locks_out_themselves(
        self, tenant: int, security: Security, admin: Actor
    ) -> None:
        assert admin.person_id is not None
        with pytest.raises(OwnRightsFixed):
            await security.people.set_roles(admin, admin.person_id, [Role.ADMINISTRATOR, Role.PRIVACY_OFFICER])
        with pytest.raises(OwnRightsFixed):
            await security.people.deactivate(admin, admin.person_id)
        with pytest.raises(OwnRightsFixed):
            await security.people.reset_password(admin, admin.person_id)
        with pytest.raises(OwnRightsFixed):
            await security.people.reset_second_factor(admin, admin.person_id)

    async def test_the_last_administrator_stays(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        keeper = await make_person(db, tenant, Role.SYSTEM, name="Kim Keeper")
        assert admin.person_id is not None
        with pytest.raises(LastAdministrator):
            await security.people.deactivate(keeper, admin.person_id)
        with pytest.raises(LastAdministrator):
            await security.people.set_roles(keeper, admin.person_id, [Role.AGENT])
        second = await make_person(db, tenant, Role.ADMINISTRATOR, name="Second")
        await security.people.set_roles(second, admin.person_id, [Role.AGENT])

    async def test_two_administrators_cannot_remove_each_other_at_once(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        second = await make_person(db, tenant, Role.ADMINISTRATOR, name="Second")
        assert admin.person_id is not None and second.person_id is not None
        results = await asyncio.gather(
            security.people.deactivate(admin, second.person_id),
            security.people.deactivate(second, admin.person_id),
            return_exceptions=True,
        )
        assert sum(isinstance(r, LastAdministrator) for r in results) == 1
        assert sum(not isinstance(r, BaseException) for r in results) == 1

    async def test_password_reset_ends_sessions(
        self, db: Database, tenant: int, clock: ManualClock, security: Security, admin: Actor
    ) -> None:
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, _ = await sign_in(security, staff)
        fresh = await security.people.reset_password(admin, staff.id)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(opened.secret)
        with pytest.raises(SignInRefused):
            await security.sign_in.start(staff.email, PASSWORD, ip=None)
        assert (await security.sign_in.start(staff.email, fresh, ip=None)).stage is Stage.NEW_PASSWORD

    async def test_lost_authenticator_is_forgotten(
        self, db: Database, tenant: int, clock: ManualClock, security: Security, admin: Actor
    ) -> None:
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        await enrol(security, session, clock)
        assert (await security.people.get(admin, staff.id)).totp
        await security.people.reset_second_factor(admin, staff.id)
        assert not (await security.people.get(admin, staff.id)).totp
        assert (await sign_in(security, staff))[0].stage is Stage.FULL

    async def test_people_of_another_tenant_do_not_exist(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        other = await make_tenant(db, "other")
        stranger = await make_person(db, other, Role.AGENT)
        assert stranger.person_id is not None
        people, person_id = security.people, stranger.person_id
        for attempt in (
            people.get(admin, person_id),
            people.rename(admin, person_id, name="X", language="en"),
            people.set_roles(admin, person_id, [Role.AGENT]),
            people.deactivate(admin, person_id),
            people.reactivate(admin, person_id),
            people.reset_second_factor(admin, person_id),
        ):
            with pytest.raises(NotFound):
                await attempt
        with pytest.raises(NotFound):
            await people.reset_password(admin, person_id)
        assert await security.sessions.revoke_all(admin, person_id) == 0

    async def test_without_permission_nothing_can_be_seen_or_done(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        roles = [role for role in Role if role not in (Role.ADMINISTRATOR, Role.SYSTEM)]
        person = await make_person(db, tenant, *roles)
        assert admin.person_id is not None
        people = security.people
        for attempt in (
            people.everyone(person),
            people.get(person, admin.person_id),
            people.create(person, email="x@example.org", name="X", roles=[Role.AGENT]),
            people.set_roles(person, admin.person_id, [Role.AGENT]),
            people.deactivate(person, admin.person_id),
            people.reset_password(person, admin.person_id),
            security.sessions.revoke_all(person, admin.person_id),
            security.tokens.everything(person),
        ):
            with pytest.raises(Forbidden):
                await attempt


class TestRescue:
    async def test_somebody_who_lost_everything_gets_in_again(
        self, db: Database, tenant: int, clock: ManualClock, security: Security
    ) -> None:
        staff = await make_staff(db, clock, tenant, [Role.ADMINISTRATOR], email="a@example.org")
        before, session = await sign_in(security, staff)
        await enrol(security, session, clock)
        for _ in range(20):
            with pytest.raises((SignInRefused, SignInBlocked)):
                await security.sign_in.start(staff.email, "forgotten", ip=None)
        with pytest.raises(SignInBlocked):
            await security.sign_in.start(staff.email, "forgotten", ip=None)
        password = await rescue(db, security, " A@example.org")
        opened = await security.sign_in.start(staff.email, password, ip=None)
        assert opened.stage is Stage.NEW_PASSWORD
        with pytest.raises(NotSignedIn):
            await security.sessions.read(before.secret)
        async with db.tenant(tenant) as tx:
            rows = await tx.all(
                "SELECT actor_kind, fields FROM audit_log WHERE object_type = 'person' AND actor_kind = 'system'"
            )
        assert [row["fields"] for row in rows] == [["totp"], ["password"]]

    async def test_a_stranger_is_not_found(self, db: Database, tenant: int, security: Security) -> None:
        with pytest.raises(NotFound):
            await rescue(db, security, "nobody@example.org")


class TestTokens:
    async def make(self, security: Security, actor: Actor, person: UUID | None = None) -> tuple[UUID, str]:
        return await security.tokens.create(
            actor,
            name="Billing",
            scopes=[Permission.BOARD_READ, Permission.CALL_READ],
            life=timedelta(days=30),
            person_id=person,
        )

    async def test_acts_for_its_person_within_its_scopes(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        _, secret = await self.make(security, admin)
        actor = await security.tokens.actor_for(secret, ip="192.0.2.1")
        assert (actor.kind, actor.tenant_id, actor.person_id, actor.ip) == (
            "token",
            tenant,
            admin.person_id,
            "192.0.2.1",
        )
        assert actor.may(Permission.BOARD_READ)
        assert not actor.may(Permission.PEOPLE_MANAGE), "a role of the person, but not in the scopes"
        assert not actor.may(Permission.CALL_READ), "in the scopes, but no role of the person"

    async def test_loses_what_its_person_loses(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        supervisor = await make_person(db, tenant, Role.SUPERVISOR)
        assert supervisor.person_id is not None
        _, secret = await self.make(security, admin, supervisor.person_id)
        assert (await security.tokens.actor_for(secret)).may(Permission.CALL_READ)
        await security.people.set_roles(admin, supervisor.person_id, [Role.AGENT])
        assert not (await security.tokens.actor_for(secret)).may(Permission.CALL_READ)

    async def test_ends_when_revoked_or_expired(
        self, db: Database, tenant: int, clock: ManualClock, security: Security, admin: Actor
    ) -> None:
        token_id, revoked = await self.make(security, admin)
        _, expiring = await self.make(security, admin)
        await security.tokens.revoke(admin, token_id)
        await security.tokens.revoke(admin, token_id)
        with pytest.raises(TokenRefused):
            await security.tokens.actor_for(revoked)
        clock.advance(days=29, hours=23)
        await security.tokens.actor_for(expiring)
        clock.advance(hours=1)
        with pytest.raises(TokenRefused):
            await security.tokens.actor_for(expiring)
        assert await events(db, tenant, "api-token") == ["created", "created", "revoked"]

    async def test_secret_is_nowhere_in_the_database(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        _, secret = await self.make(security, admin)
        random_part = secret.rsplit("_", 1)[-1]
        async with db.tenant(tenant) as tx:
            for table in ("api_token", "audit_log", "event"):
                rows = await tx.all(f"SELECT to_jsonb(t)::text AS row FROM {table} t")
                assert not any(random_part in row["row"] for row in rows)

    @pytest.mark.parametrize(
        "secret", ["", "careline_", "careline_1_", "careline_1_x", "1_x", "careline_x_y", "careline_9999999999_y"]
    )
    async def test_made_up_tokens_are_refused(self, db: Database, tenant: int, security: Security, secret: str) -> None:
        with pytest.raises(TokenRefused):
            await security.tokens.actor_for(secret)

    async def test_making_one_for_somebody_else_needs_both_permissions(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        agent = await make_person(db, tenant, Role.AGENT)
        only_tokens = Actor(
            tenant_id=tenant,
            kind="token",
            person_id=admin.person_id,
            roles=admin.roles,
            scopes=frozenset({Permission.TOKEN_MANAGE}),
        )
        await self.make(security, only_tokens)
        with pytest.raises(Forbidden):
            await self.make(security, only_tokens, agent.person_id)

    @pytest.mark.parametrize(
        ("name", "scopes", "life"),
        [
            ("", [Permission.BOARD_READ], timedelta(days=1)),
            ("x" * 81, [Permission.BOARD_READ], timedelta(days=1)),
            ("x", [], timedelta(days=1)),
            ("x", [Permission.BOARD_READ], timedelta(0)),
            ("x", [Permission.BOARD_READ], timedelta(days=400)),
        ],
    )
    async def test_bad_input_changes_nothing(
        self,
        db: Database,
        tenant: int,
        security: Security,
        admin: Actor,
        name: str,
        scopes: list[Permission],
        life: timedelta,
    ) -> None:
        with pytest.raises(InvalidInput):
            await security.tokens.create(admin, name=name, scopes=scopes, life=life)
        assert await security.tokens.everything(admin) == []

    async def test_tokens_of_another_tenant_do_not_exist(
        self, db: Database, tenant: int, security: Security, admin: Actor
    ) -> None:
        other = await make_tenant(db, "other")
        stranger = await make_person(db, other, Role.ADMINISTRATOR)
        token_id, secret = await self.make(security, stranger)
        with pytest.raises(NotFound):
            await security.tokens.revoke(admin, token_id)
        with pytest.raises(NotFound):
            await self.make(security, admin, stranger.person_id)
        assert (await security.tokens.actor_for(secret)).tenant_id == other


class TestFirstRun:
    def make(self, db: Database, clock: ManualClock, code: str | None = "abcd-efgh") -> FirstRunService:
        return FirstRunService(db, clock, Hasher.cheap(), code)

    async def test_makes_tenant_and_administrator_once(self, db: Database, clock: ManualClock, tmp_path: Path) -> None:
        first_run = self.make(db, clock)
        assert await first_run.is_needed()
        tenant_id, person_id = await first_run.run(**ANSWERS, also=frozenset({Role.PRIVACY_OFFICER}))
        assert not await first_run.is_needed()
        with pytest.raises(AlreadySetUp):
            await first_run.run(**{**ANSWERS, "email": "other@example.org"})
        security = make_security(db, clock, tmp_path, config=SecurityConfig(mfa_required=True))
        opened = await security.sign_in.start("dana@example.org", "blue river stone lamp", ip=None)
        assert (opened.tenant_id, opened.person_id, opened.stage) == (tenant_id, person_id, Stage.ENROL)
        async with db.system() as tx:
            row = await tx.one("SELECT slug, kind, zone FROM tenant")
        assert row == {"slug": "clinica-del-lago", "kind": "integrated", "zone": "America/Chicago"}

    async def test_two_at_once_make_one(self, db: Database, clock: ManualClock) -> None:
        results = await asyncio.gather(
            *(self.make(db, clock).run(**{**ANSWERS, "email": f"a{n}@example.org"}) for n in range(4)),
            return_exceptions=True,
        )
        assert sum(isinstance(r, AlreadySetUp) for r in results) == 3
        async with db.system() as tx:
            assert len(await tx.all("SELECT id FROM tenant")) == 1

    @pytest.mark.parametrize(
        ("field", "value", "error"),
        [
            ("code", "wrong", SetupCodeWrong),
            ("code", "", SetupCodeWrong),
            ("organization", " ", InvalidInput),
            ("kind", "clinical", InvalidInput),
            ("zone", "Mars/Olympus", InvalidInput),
            ("zone", "../etc/passwd", InvalidInput),
            ("email", "dana", InvalidInput),
            ("name", "", InvalidInput),
            ("password", "short", PasswordRejected),
        ],
    )
    async def test_bad_input_changes_nothing(
        self, db: Database, clock: ManualClock, field: str, value: str, error: type[Exception]
    ) -> None:
        first_run = self.make(db, clock)
        with pytest.raises(error):
            await first_run.run(**{**ANSWERS, field: value})
        assert await first_run.is_needed()

    def test_code_is_kept_for_its_owner_only(self, tmp_path: Path) -> None:
        code = setup_code(tmp_path)
        assert len(code) == 9
        assert setup_code(tmp_path) == code
        assert (tmp_path / "keys" / "setup-code").stat().st_mode & 0o077 == 0
