"""Keys at rest: the master key's file, tenant keys wrapped with it, rotation of both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from careline.platform.db import Database
from careline.security.keys import KeyFileUnsafe, KeyMissing, Keyring, Undecryptable, decrypt, encrypt
from careline.security.rotation import rotate_all
from careline.testing.builders import make_tenant

pytestmark = pytest.mark.integration


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


class TestFile:
    def test_is_made_once_for_its_owner_only(self, file: Path) -> None:
        Keyring.load(file)
        text = file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        Keyring.load(file)
        assert file.read_text() == text

    def test_one_that_others_can_read_is_refused(self, file: Path) -> None:
        Keyring.load(file)
        file.chmod(0o640)
        with pytest.raises(KeyFileUnsafe, match="chmod 600"):
            Keyring.load(file)

    @pytest.mark.parametrize("text", ["", "k1 short\n", "k1 !!!\n", "k1\n", "x AAAA\n"])
    def test_damaged_one_is_refused_and_left_as_it_is(self, file: Path, text: str) -> None:
        Keyring.load(file)
        file.write_text(text)
        with pytest.raises(KeyFileUnsafe):
            Keyring.load(file)
        assert file.read_text() == text

    def test_the_secret_does_not_show_in_a_representation(self, file: Path) -> None:
        keyring = Keyring.load(file)
        secret = keyring._masters[0].secret
        assert repr(secret) not in repr(keyring) + repr(keyring._masters)


def test_ciphertext_is_bound_to_its_context_and_shows_every_change() -> None:
    key = bytes(32)
    sealed = encrypt(key, b"seed", b"here")
    assert decrypt(key, sealed, b"here") == b"seed"
    assert encrypt(key, b"seed", b"here") != sealed
    with pytest.raises(Undecryptable):
        decrypt(key, sealed, b"there")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Undecryptable):
            decrypt(key, bytes(changed), b"here")
    for short in (b"", sealed[:5], sealed[:13]):
        with pytest.raises(Undecryptable):
            decrypt(key, short, b"here")


class TestTenantKeys:
    async def test_each_tenant_has_its_own_and_it_stays(self, db: Database, tenant: int, file: Path) -> None:
        other = await make_tenant(db, "other")
        keyring = Keyring.load(file)
        async with db.tenant(tenant) as tx:
            ours = await keyring.tenant_key(tx)
            assert await keyring.tenant_key(tx) == ours
        async with db.tenant(other) as tx:
            assert await keyring.tenant_key(tx) != ours
        async with db.tenant(tenant) as tx:
            assert await Keyring.load(file).tenant_key(tx) == ours

    async def test_is_stored_wrapped(self, db: Database, tenant: int, file: Path) -> None:
        async with db.tenant(tenant) as tx:
            key = await Keyring.load(file).tenant_key(tx)
            rows = await tx.all("SELECT wrapped FROM tenant_key")
        assert len(rows) == 1 and key not in rows[0]["wrapped"]

    async def test_processes_that_start_together_agree(self, db: Database, tenant: int, file: Path) -> None:
        Keyring.load(file)

        async def start() -> bytes:
            async with db.tenant(tenant) as tx:
                return await Keyring.load(file).tenant_key(tx)

        assert len(set(await asyncio.gather(*(start() for _ in range(6))))) == 1

    async def test_a_key_that_was_rolled_back_is_never_used_again(self, db: Database, tenant: int, file: Path) -> None:
        keyring = Keyring.load(file)

        lost = b""

        async def abandoned() -> None:
            nonlocal lost
            async with db.tenant(tenant) as tx:
                lost = await keyring.tenant_key(tx)
                await tx.run("SELECT 1 / 0")

        with pytest.raises(psycopg.errors.DivisionByZero):
            await abandoned()
        async with db.tenant(tenant) as tx:
            kept = await keyring.tenant_key(tx)
            sealed = await keyring.seal(tx, b"x", "c")
        assert kept != lost
        async with db.tenant(tenant) as tx:
            assert await Keyring.load(file).open(tx, sealed, "c") == b"x"

    async def test_secret_of_one_tenant_does_not_open_in_another(self, db: Database, tenant: int, file: Path) -> None:
        other = await make_tenant(db, "other")
        keyring = Keyring.load(file)
        async with db.tenant(tenant) as tx:
            sealed = await keyring.seal(tx, b"x", "c")
        async with db.tenant(other) as tx:
            await keyring.tenant_key(tx)
            with pytest.raises(Undecryptable):
                await keyring.open(tx, sealed, "c")

    async def test_rotation_keeps_the_old_readable_also_in_other_processes(
        self, db: Database, tenant: int, file: Path
    ) -> None:
        one, two = Keyring.load(file), Keyring.load(file)
        async with db.tenant(tenant) as tx:
            old = await one.seal(tx, b"old", "c")
        async with db.tenant(tenant) as tx:
            assert await two.open(tx, old, "c") == b"old"
        async with db.tenant(tenant) as tx:
            assert await one.rotate_tenant_key(tx) == 2
        async with db.tenant(tenant) as tx:
            new = await one.seal(tx, b"new", "c")
        assert (old[:4], new[:4]) == ((1).to_bytes(4), (2).to_bytes(4))
        async with db.tenant(tenant) as tx:
            assert await one.open(tx, old, "c") == b"old"
            assert await two.open(tx, new, "c") == b"new"
            with pytest.raises(Undecryptable):
                await two.open(tx, (7).to_bytes(4) + new[4:], "c")

    async def test_new_master_key_takes_over(self, db: Database, tenant: int, file: Path) -> None:
        keyring = Keyring.load(file)
        async with db.tenant(tenant) as tx:
            sealed = await keyring.seal(tx, b"x", "c")
        before = file.read_text()
        assert keyring.add_master_key() == "k2"
        assert file.read_text().endswith(before), "the old key stays until everything is wrapped anew"
        async with db.tenant(tenant) as tx:
            assert await keyring.rewrap(tx) == 1
            assert await keyring.rewrap(tx) == 0
        signature = Keyring.load(file).sign(b"anchor")
        keyring.drop_old_master_keys()
        assert file.stat().st_mode & 0o777 == 0o600
        assert before.split()[1] not in file.read_text()
        assert keyring.add_master_key() == "k3"
        loaded = Keyring.load(file)
        assert loaded.signed("k2", signature, b"anchor")
        assert not loaded.signed("k2", signature, b"other")
        assert not loaded.signed("k9", signature, b"anchor")
        async with db.tenant(tenant) as tx:
            assert await Keyring.load(file).open(tx, sealed, "c") == b"x"

    async def test_missing_master_key_is_said_plainly(self, db: Database, tenant: int, file: Path) -> None:
        async with db.tenant(tenant) as tx:
            await Keyring.load(file).tenant_key(tx)
        newer = Keyring.load(file)
        newer.add_master_key()
        newer.drop_old_master_keys()
        async with db.tenant(tenant) as tx:
            with pytest.raises(KeyMissing) as missing:
                await newer.tenant_key(tx)
        assert missing.value.facts == {"master": "k1"}


class TestRotation:
    async def test_everything_stays_readable_and_old_master_keys_go_one_rotation_later(
        self, db: Database, tenant: int, file: Path
    ) -> None:
        other = await make_tenant(db, "other")
        running = Keyring.load(file)  # another process, which is told nothing
        sealed = {}
        for each in (tenant, other):
            async with db.tenant(each) as tx:
                sealed[each] = await running.seal(tx, b"x", "c")
        first = await rotate_all(db, Keyring.load(file))
        assert (first.master, first.tenants, first.rewrapped) == ("k2", 2, 2)
        assert [line.split()[0] for line in file.read_text().splitlines()] == ["k2", "k1"]
        second = await rotate_all(db, Keyring.load(file))
        assert (second.master, second.rewrapped) == ("k3", 4)
        assert [line.split()[:2][:1] for line in file.read_text().splitlines()] == [["k3"], ["k2"], ["k1"]]
        assert file.read_text().splitlines()[2].split()[1] == "public"
        for keyring in (running, Keyring.load(file)):
            for each in (tenant, other):
                async with db.tenant(each) as tx:
                    assert await keyring.open(tx, sealed[each], "c") == b"x"
                    fresh = await Keyring.load(file).seal(tx, b"y", "c")
                    assert fresh[:4] == (3).to_bytes(4)
                    assert await keyring.open(tx, fresh, "c") == b"y"

    async def test_a_process_with_stale_master_keys_wraps_with_the_newest(
        self, db: Database, tenant: int, file: Path
    ) -> None:
        stale = Keyring.load(file)
        for _ in range(2):
            await rotate_all(db, Keyring.load(file))
        late = await make_tenant(db, "late")
        async with db.tenant(late) as tx:
            sealed = await stale.seal(tx, b"x", "c")
            row = await tx.one("SELECT master FROM tenant_key")
        assert row == {"master": "k3"}
        async with db.tenant(late) as tx:
            assert await Keyring.load(file).open(tx, sealed, "c") == b"x"

    async def test_two_at_once_go_one_after_the_other(self, db: Database, tenant: int, file: Path) -> None:
        async with db.tenant(tenant) as tx:
            sealed = await Keyring.load(file).seal(tx, b"x", "c")
        done = await asyncio.gather(*(rotate_all(db, Keyring.load(file)) for _ in range(2)))
        assert sorted(d.master for d in done) == ["k2", "k3"]
        async with db.tenant(tenant) as tx:
            assert await Keyring.load(file).open(tx, sealed, "c") == b"x"
            rows = await tx.all("SELECT action, object_type FROM audit_log")
        assert rows == [{"action": "update", "object_type": "tenant-key"}] * 2
