"""Signing in: passwords, codes, what is owed, throttling, and what the audit log keeps of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from careline.kernel.errors import NotSignedIn
from careline.platform.db import Database
from careline.security.keys import Keyring
from careline.security.model import (
    CodeRefused,
    PasswordRejected,
    SecurityConfig,
    SignInBlocked,
    SignInRefused,
    SignInUnfinished,
    Stage,
)
from careline.security.passwords import Hasher
from careline.security.permissions import Permission, Role
from careline.testing.clock import ManualClock
from careline.testing.security import PASSWORD, code_of, enrol, make_security, make_staff, sign_in

pytestmark = pytest.mark.integration

IP = "192.0.2.10"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_password_alone_signs_in_where_no_code_is_demanded(
    db: Database, tenant: int, clock: ManualClock, tmp_path: Path
) -> None:
    security = make_security(db, clock, tmp_path)
    staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
    opened = await security.sign_in.start("  A@Example.org ", PASSWORD, ip=IP)
    session = await security.sessions.read(opened.secret, ip=IP)
    assert opened.stage is Stage.FULL
    assert session.actor.person_id == staff.id
    assert session.actor.tenant_id == tenant
    assert session.actor.ip == IP
    assert session.actor.may(Permission.CALL_HANDLE)
    assert not session.actor.may(Permission.PEOPLE_MANAGE)


@pytest.mark.parametrize(
    ("email", "password"),
    [("a@example.org", "wrong"), ("nobody@example.org", PASSWORD), ("not an address", PASSWORD), ("", "")],
)
async def test_wrong_password_and_unknown_account_are_refused_alike(
    db: Database, tenant: int, clock: ManualClock, tmp_path: Path, email: str, password: str
) -> None:
    security = make_security(db, clock, tmp_path)
    await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
    with pytest.raises(SignInRefused) as refused:
        await security.sign_in.start(email, password, ip=IP)
    assert refused.value.detail == "The e-mail address or password is not right."


async def test_unknown_account_costs_one_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = Hasher.cheap()
    real, checked = hasher._argon, []

    class Counting:
        def verify(self, encoded: str, password: str) -> bool:
            checked.append(encoded)
            return real.verify(encoded, password)

    monkeypatch.setattr(hasher, "_argon", Counting())
    assert not await hasher.verify(None, "whatever")
    assert not await hasher.verify(real.hash("right"), "whatever")
    assert len(checked) == 2


async def test_deactivated_person_is_refused(db: Database, tenant: int, clock: ManualClock, tmp_path: Path) -> None:
    security = make_security(db, clock, tmp_path)
    staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE person SET deactivated_at = now() WHERE id = %s", (staff.id,))
    with pytest.raises(SignInRefused):
        await security.sign_in.start(staff.email, PASSWORD, ip=IP)


async def test_outdated_hash_is_replaced_at_sign_in(
    db: Database, tenant: int, clock: ManualClock, tmp_path: Path
) -> None:
    security = make_security(db, clock, tmp_path)
    staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
    older = Hasher(time_cost=2, memory_kib=16).hash_now(PASSWORD)
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE person SET password_hash = %s WHERE id = %s", (older, staff.id))
    await sign_in(security, staff)
    async with db.tenant(tenant) as tx:
        row = await tx.one("SELECT password_hash FROM person WHERE id = %s", (staff.id,))
    assert row is not None and row["password_hash"] != older
    await sign_in(security, staff)


class TestSecondFactor:
    async def test_demanded_factor_must_be_set_up_before_anything_else(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path, config=SecurityConfig(mfa_required=True))
        staff = await make_staff(db, clock, tenant, [Role.ADMINISTRATOR], email="a@example.org")
        opened, session = await sign_in(security, staff)
        assert opened.stage is Stage.ENROL
        assert not any(session.actor.may(p) for p in Permission)
        with pytest.raises(SignInUnfinished):
            session.require_open()
        _, finished, codes = await enrol(security, session, clock)
        assert finished.stage is Stage.FULL and len(set(codes)) == 10
        assert (await security.sessions.read(finished.secret)).require_open().may(Permission.PEOPLE_MANAGE)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(opened.secret)  # the older secret is worth nothing now

    async def test_code_is_asked_for_and_counts_once(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        seed, _, _ = await enrol(security, session, clock)
        clock.advance(minutes=5)

        opened, pending = await sign_in(security, staff)
        assert opened.stage is Stage.TOTP
        assert not any(pending.actor.may(p) for p in Permission)
        code = code_of(seed, clock)
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        with pytest.raises(CodeRefused):
            await security.sign_in.give_code(pending, wrong, ip=IP)
        done = await security.sign_in.give_code(pending, code, ip=IP)
        assert done.stage is Stage.FULL

        _, again = await sign_in(security, staff)
        with pytest.raises(CodeRefused):
            await security.sign_in.give_code(again, code, ip=IP)

    async def test_one_code_brought_twice_at_once_opens_one_session(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        seed, _, _ = await enrol(security, session, clock)
        clock.advance(minutes=5)
        pending = [(await sign_in(security, staff))[1] for _ in range(4)]
        code = code_of(seed, clock)
        results = await asyncio.gather(
            *(security.sign_in.give_code(p, code, ip=IP) for p in pending), return_exceptions=True
        )
        assert sum(not isinstance(r, BaseException) for r in results) == 1
        assert sum(isinstance(r, CodeRefused) for r in results) == 3

    async def test_recovery_code_replaces_the_telephone_once(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        _, _, codes = await enrol(security, session, clock)
        _, pending = await sign_in(security, staff)
        done = await security.sign_in.give_code(pending, codes[3].upper().replace("-", " "), ip=IP)
        assert done.stage is Stage.FULL
        assert await security.account.recovery_codes_left(await security.sessions.read(done.secret)) == 9
        _, again = await sign_in(security, staff)
        with pytest.raises(CodeRefused):
            await security.sign_in.give_code(again, codes[3], ip=IP)

    async def test_seed_is_encrypted_and_bound_to_its_person(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path, keyring=Keyring.ephemeral())
        one = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        two = await make_staff(db, clock, tenant, [Role.AGENT], email="b@example.org")
        _, session = await sign_in(security, one)
        seed, _, _ = await enrol(security, session, clock)
        async with db.tenant(tenant) as tx:
            row = await tx.one("SELECT totp_secret FROM person WHERE id = %s", (one.id,))
            assert row is not None and seed.encode() not in row["totp_secret"]
            # Somebody with write access to the database moves their own seed to another account.
            await tx.run(
                "UPDATE person SET totp_secret = %s, totp_confirmed_at = now() WHERE id = %s",
                (row["totp_secret"], two.id),
            )
        _, pending = await sign_in(security, two)
        with pytest.raises(Exception, match="could not be decrypted"):
            await security.sign_in.give_code(pending, code_of(seed, clock), ip=IP)


class TestFirstPassword:
    async def test_password_somebody_else_chose_must_be_replaced(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        admin = await make_staff(db, clock, tenant, [Role.ADMINISTRATOR], email="admin@example.org")
        _, session = await sign_in(security, admin)
        person, first = await security.people.create(
            session.actor, email="new@example.org", name="New Person", roles=[Role.AGENT]
        )
        opened = await security.sign_in.start(person.email, first, ip=IP)
        pending = await security.sessions.read(opened.secret)
        assert opened.stage is Stage.NEW_PASSWORD
        assert not any(pending.actor.may(p) for p in Permission)
        with pytest.raises(PasswordRejected):
            await security.account.change_password(pending, current=first, new=first)
        with pytest.raises(PasswordRejected):
            await security.account.change_password(pending, current=first, new="short")
        done = await security.account.change_password(pending, current=first, new="a much better one")
        assert done.stage is Stage.FULL
        with pytest.raises(SignInRefused):
            await security.sign_in.start(person.email, first, ip=IP)

    async def test_changing_it_ends_the_other_sessions(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        elsewhere, _ = await sign_in(security, staff)
        _, here = await sign_in(security, staff)
        kept = await security.account.change_password(here, current=PASSWORD, new="something else entirely")
        with pytest.raises(NotSignedIn):
            await security.sessions.read(elsewhere.secret)
        assert (await security.sessions.read(kept.secret)).id == here.id


class TestThrottle:
    async def test_five_wrong_passwords_block_and_time_opens_again(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        for _ in range(5):
            with pytest.raises(SignInRefused):
                await security.sign_in.start(staff.email, "wrong", ip=IP)
        with pytest.raises(SignInBlocked) as blocked:
            await security.sign_in.start(staff.email, PASSWORD, ip=IP)
        assert blocked.value.facts["seconds"] == 30
        # Somewhere else the person is not kept out by it.
        await security.sign_in.start(staff.email, PASSWORD, ip="198.51.100.7")
        clock.advance(seconds=31)
        await security.sign_in.start(staff.email, PASSWORD, ip=IP)

    async def test_block_doubles(self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path) -> None:
        security = make_security(db, clock, tmp_path)
        seconds = []
        for _ in range(8):
            with pytest.raises((SignInRefused, SignInBlocked)):
                await security.sign_in.start("a@example.org", "wrong", ip=IP)
            try:
                await security.sign_in._throttles.check("a@example.org", IP)
            except SignInBlocked as blocked:
                seconds.append(blocked.facts["seconds"])
                clock.advance(seconds=float(str(blocked.facts["seconds"])))
        assert seconds == [30, 60, 120, 240]

    async def test_unknown_accounts_are_throttled_the_same(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        for _ in range(5):
            with pytest.raises(SignInRefused):
                await security.sign_in.start("nobody@example.org", "wrong", ip=IP)
        with pytest.raises(SignInBlocked):
            await security.sign_in.start("nobody@example.org", "wrong", ip=IP)

    async def test_one_address_cannot_try_many_accounts(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        for number in range(50):
            with pytest.raises(SignInRefused):
                await security.sign_in.start(f"user{number}@example.org", "wrong", ip=IP)
        with pytest.raises(SignInBlocked):
            await security.sign_in.start(staff.email, PASSWORD, ip=IP)
        await security.sign_in.start(staff.email, PASSWORD, ip="198.51.100.7")

    async def test_codes_are_throttled_too(self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff, ip=IP)
        seed, _, _ = await enrol(security, session, clock)
        clock.advance(minutes=5)
        _, pending = await sign_in(security, staff, ip=IP)
        for _ in range(5):
            with pytest.raises(CodeRefused):
                await security.sign_in.give_code(pending, "not a code", ip=IP)
        with pytest.raises(SignInBlocked):
            await security.sign_in.give_code(pending, code_of(seed, clock), ip=IP)

    async def test_a_stranger_who_guesses_elsewhere_does_not_keep_the_screen_locked(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        await security.sessions.lock(session.actor)
        for number in range(25):
            with pytest.raises((SignInRefused, SignInBlocked)):
                await security.sign_in.start(staff.email, "wrong", ip=f"198.51.100.{number % 9}")
        with pytest.raises(SignInBlocked):
            await security.sign_in.start(staff.email, PASSWORD, ip="203.0.113.1")
        await security.sign_in.unlock(session, PASSWORD, ip=IP)

    async def test_guessing_at_a_locked_screen_is_slowed(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        _, session = await sign_in(security, staff)
        await security.sessions.lock(session.actor)
        for _ in range(5):
            with pytest.raises(SignInRefused):
                await security.sign_in.unlock(session, "wrong", ip=IP)
        with pytest.raises(SignInBlocked):
            await security.sign_in.unlock(session, PASSWORD, ip=IP)
        clock.advance(seconds=31)
        await security.sign_in.unlock(session, PASSWORD, ip=IP)

    async def test_old_failures_are_forgotten_and_swept(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        for _ in range(4):
            with pytest.raises(SignInRefused):
                await security.sign_in.start("a@example.org", "wrong", ip=IP)
        clock.advance(hours=3)
        with pytest.raises(SignInRefused):
            await security.sign_in.start("a@example.org", "wrong", ip=IP)
        with pytest.raises(SignInRefused):  # the fifth in all, but the second in two hours
            await security.sign_in.start("a@example.org", "wrong", ip=IP)
        clock.advance(hours=3)
        assert await security.sign_in._throttles.sweep() == 3
        async with db.system() as tx:
            assert await tx.all("SELECT key FROM sign_in_throttle") == []

    async def test_the_table_holds_no_address_of_a_person(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        with pytest.raises(SignInRefused):
            await security.sign_in.start("somebody@example.org", "wrong", ip=IP)
        async with db.system() as tx:
            keys = [row["key"] for row in await tx.all("SELECT key FROM sign_in_throttle")]
        assert len(keys) == 3
        assert not any("somebody" in key or "example" in key for key in keys)


async def test_sign_ins_and_refusals_are_in_the_audit_log(
    db: Database, tenant: int, clock: ManualClock, tmp_path: Path
) -> None:
    security = make_security(db, clock, tmp_path)
    staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
    with pytest.raises(SignInRefused):
        await security.sign_in.start(staff.email, "wrong", ip=IP)
    _, session = await sign_in(security, staff, ip=IP)
    await security.sessions.sign_out(session.actor)
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT action, outcome, person_id, ip FROM audit_log ORDER BY seq")
    assert [(r["action"], r["outcome"]) for r in rows] == [
        ("sign-in", "refused"),
        ("sign-in", "ok"),
        ("sign-out", "ok"),
    ]
    assert {(r["person_id"], r["ip"]) for r in rows} == {(staff.id, IP)}


class TestSessions:
    async def test_idle_screen_locks_and_keeps_only_call_control(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, _ = await sign_in(security, staff)
        clock.advance(minutes=9)
        assert not (await security.sessions.read(opened.secret)).locked
        clock.advance(minutes=9)  # counted from the request above
        assert not (await security.sessions.read(opened.secret, active=False)).locked
        clock.advance(minutes=2)  # the live socket's question did not count
        locked = await security.sessions.read(opened.secret, active=False)
        assert locked.locked
        assert {p for p in Permission if locked.actor.may(p)} == {Permission.CALL_HANDLE}
        assert await security.sessions.is_alive(locked.actor), "the live socket and the call go on"
        with pytest.raises(SignInRefused):
            await security.sign_in.unlock(locked, "wrong", ip=IP)
        assert await security.sessions.is_alive(locked.actor)
        await security.sign_in.unlock(locked, PASSWORD, ip=IP)
        session = await security.sessions.read(opened.secret)
        assert session.require_open().may(Permission.PATIENT_READ)

    async def test_locking_by_hand_tells_the_live_sockets(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, session = await sign_in(security, staff)
        await security.sessions.lock(session.actor)
        await security.sessions.lock(session.actor)
        assert (await security.sessions.read(opened.secret)).locked
        async with db.tenant(tenant) as tx:
            events = await tx.all("SELECT kind, stream_id FROM event WHERE stream = 'session' ORDER BY id")
        assert [(e["kind"], e["stream_id"]) for e in events] == [("locked", session.id)]

    async def test_absolute_end(self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path) -> None:
        config = SecurityConfig(mfa_required=False, idle_lock=timedelta(days=9))
        security = make_security(db, clock, tmp_path, config=config)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, session = await sign_in(security, staff)
        clock.advance(hours=11, minutes=59)
        await security.sessions.read(opened.secret)
        clock.advance(minutes=1)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(opened.secret)
        assert not await security.sessions.is_alive(session.actor)

    async def test_unfinished_sign_in_ends_soon(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path, config=SecurityConfig(mfa_required=True))
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, _ = await sign_in(security, staff)
        clock.advance(minutes=16)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(opened.secret)

    @pytest.mark.parametrize("secret", ["", "1", "1.", ".x", "x.y", "1.unknown", "9999999999.y", "٣.y", "-1.y", "0.y"])
    async def test_made_up_secrets_are_refused(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path, secret: str
    ) -> None:
        security = make_security(db, clock, tmp_path)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(secret)

    async def test_secret_is_worth_nothing_in_another_tenant(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        opened, _ = await sign_in(security, staff)
        async with db.system() as tx:
            row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('other', 'Other') RETURNING id")
        assert row is not None
        with pytest.raises(NotSignedIn):
            await security.sessions.read(f"{row['id']}.{opened.secret.partition('.')[2]}")

    async def test_ending_ones_own_other_session(
        self, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
    ) -> None:
        security = make_security(db, clock, tmp_path)
        staff = await make_staff(db, clock, tenant, [Role.AGENT], email="a@example.org")
        other = await make_staff(db, clock, tenant, [Role.AGENT], email="b@example.org")
        elsewhere, away = await sign_in(security, staff)
        _, here = await sign_in(security, staff)
        _, stranger = await sign_in(security, other)
        with pytest.raises(Exception, match="nothing here"):
            await security.sessions.end_mine(stranger.actor, away.id)
        assert {s["current"] for s in await security.sessions.mine(here.actor)} == {True, False}
        await security.sessions.end_mine(here.actor, away.id)
        with pytest.raises(NotSignedIn):
            await security.sessions.read(elsewhere.secret)
        assert len(await security.sessions.mine(here.actor)) == 1
