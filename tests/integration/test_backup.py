"""Backup and restore with real servers: the round trip, and everything that must be refused without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import psycopg
import pytest

from careline.kernel.errors import CarelineError, Conflict
from careline.kernel.ids import new_id
from careline.platform import backup_file, outbox, postgres
from careline.platform.backup import BackupFailed, backup
from careline.platform.db import Database
from careline.platform.events import NewEvent, append
from careline.platform.migrate import migrate
from careline.platform.restore import NotEmpty, RestoreFailed, restore
from careline.platform.sealed import Damaged, Secret, WeakSecret
from careline.platform.settings import Settings
from careline.testing.postgres import FAST, private_directory

pytestmark = pytest.mark.integration

KEY = Secret.key_file(bytes(range(64)))
PLANTED = "Ngozi Okonkwo"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with private_directory() as path:
        yield path


@pytest.fixture(scope="module")
def source(root: Path) -> Settings:
    """A stopped system with two tenants, 30 events of which a follower has read 10, and files."""
    settings = Settings(home=root / "source")
    files = {
        "recordings/1/a.rec": os.urandom(3_000_000),
        "recordings/1/empty.rec": b"",
        "prompts/1/en/greeting.line.ulaw": b"\xff" * 8000,
        "prompts/spoken/made-again.ulaw": b"x",
        "keys/master.key": b"the master key",
        "keys/setup-code": b"1234",
        "audit/anchors.jsonl": b"{}\n",
        "logs/web.log": b"not kept",
        "careline.toml": b"web_port = 8099\n",
    }
    for name, content in files.items():
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (settings.home / "recordings/1").chmod(0o700)
    server = postgres.start(settings.home, config=FAST)
    migrate(server.admin_url)
    asyncio.run(_fill(server))
    server.stop()
    return settings


async def _fill(server: postgres.Server) -> None:
    db = await Database.open(server.app_url)
    async with db.system() as tx:
        rows = await tx.all("INSERT INTO tenant (slug, name) VALUES ('a', %s), ('b', 'B') RETURNING id", (PLANTED,))
    for n in range(30):
        async with db.tenant(rows[n % 2]["id"]) as tx:
            await append(tx, [NewEvent(stream="t", stream_id=new_id(), kind=f"k{n}", body={"n": n})])
    async with aclosing(outbox.follow(server.relay_url, "mailer", start="beginning", batch=10)) as batches:
        assert len(await anext(batches)) == 10
        await anext(batches)  # acknowledges the first ten; these come again
    await db.close()


@pytest.fixture(scope="module")
def saved(root: Path, source: Settings) -> Path:
    file = root / "saved.careline"
    manifest = backup(source, file, KEY)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "recordings/1/a.rec" in manifest.files
    return file


def fingerprint(home: Path) -> dict[str, str]:
    """Every file below a home but PostgreSQL's own, and its content."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "postgres" not in path.parts
    }


async def test_the_round_trip_into_an_empty_system(root: Path, source: Settings, saved: Path) -> None:
    target = Settings(home=root / "target")
    manifest = restore(saved, target, KEY)
    assert manifest.migrations and manifest.size > 3_000_000
    wanted = fingerprint(source.home)
    del wanted["logs/web.log"], wanted["prompts/spoken/made-again.ulaw"]
    assert fingerprint(target.home) == wanted
    assert (target.home / "recordings/1").stat().st_mode & 0o777 == 0o700
    assert not (target.home / "restore.partial").exists()

    server = postgres.start(target.home, config=FAST)
    db = await Database.open(server.app_url)
    try:
        async with db.system() as tx:
            tenants = await tx.all("SELECT id, name FROM tenant ORDER BY id")
        assert [t["name"] for t in tenants] == [PLANTED, "B"]
        async with db.tenant(tenants[0]["id"]) as tx:
            assert len(await tx.all("SELECT * FROM event")) == 15
        with pytest.raises(psycopg.Error):
            async with db.system() as tx:
                await tx.all("SELECT * FROM event")
        # The follower goes on with what it had not read, and with what happens now, although this cluster's
        # transactions are numbered from the start again.
        async with db.tenant(tenants[0]["id"]) as tx:
            await append(tx, [NewEvent(stream="t", stream_id=new_id(), kind="new", body={})])
        got: list[str] = []
        async with asyncio.timeout(20), aclosing(outbox.follow(server.relay_url, "mailer")) as batches:
            async for batch in batches:
                got += [e.kind for e in batch]
                if "new" in got:
                    break
        assert got == [f"k{n}" for n in range(10, 30)] + ["new"]
    finally:
        await db.close()
        server.stop()
    again = root / "again.careline"
    assert set(backup(target, again, KEY).files) - set(manifest.files) == set()


def test_nothing_readable_is_in_the_file(source: Settings, saved: Path) -> None:
    content = saved.read_bytes()
    for plain in (PLANTED.encode(), b"the master key", b"greeting.line", b"CREATE TABLE", b"\xff" * 64):
        assert plain not in content
    assert b'"made_at"' in content[:300]


def test_made_while_running(root: Path, source: Settings) -> None:
    server = postgres.start(source.home, config=FAST)
    try:
        file = root / "running.careline"
        backup(source, file, KEY)
        assert server.pid is not None
        assert backup_file.verify(file, KEY).files["master.key"]
    finally:
        server.stop()


def flipped(at: float) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        place = int((len(content) - 1) * at)
        return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    return change


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(flipped(0.00001), id="a bit of the first line"),
        pytest.param(flipped(0.3), id="a bit in the middle"),
        pytest.param(flipped(1.0), id="the last bit"),
        pytest.param(lambda c: c[: len(c) // 2], id="half"),
        pytest.param(lambda c: c[: c.index(b"\n") + 1 + (1 << 20) + 16], id="cut off exactly after a chunk"),
        pytest.param(lambda c: c + b"more", id="longer"),
        pytest.param(lambda c: b"", id="empty"),
        pytest.param(lambda c: b"PK\x03\x04" + c, id="something else"),
    ],
)
def test_a_damaged_file_is_refused_and_changes_nothing(
    root: Path, saved: Path, harm: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.careline"
    bad.write_bytes(harm(saved.read_bytes()))
    target = Settings(home=root / f"never-{tmp_path.name}")
    with pytest.raises(Damaged):
        restore(bad, target, KEY)
    assert not target.home.exists()


def test_the_wrong_secret_is_refused(root: Path, saved: Path) -> None:
    target = Settings(home=root / "never")
    for secret in (Secret.key_file(b"x" * 32), Secret.passphrase("a passphrase that was not it")):
        with pytest.raises(Damaged):
            restore(saved, target, secret)
    assert not target.home.exists()


def test_a_passphrase_works_as_well(root: Path, source: Settings) -> None:
    secret = Secret.passphrase("correct horse battery staple")
    file = root / "phrase.careline"
    made = backup(source, file, secret)
    assert backup_file.verify(file, secret) == made
    with pytest.raises(Damaged):
        backup_file.verify(file, Secret.passphrase("correct horse battery stable"))
    with pytest.raises(WeakSecret):
        Secret.passphrase("short")


def test_a_system_that_is_not_empty_is_left_alone(root: Path, source: Settings, saved: Path) -> None:
    before = fingerprint(source.home)
    with pytest.raises(NotEmpty, match="holds files"):
        restore(saved, source, KEY)
    lived_in = Settings(home=root / "lived-in")
    server = postgres.start(lived_in.home, config=FAST)
    migrate(server.admin_url)
    with psycopg.connect(server.app_url) as conn:
        conn.execute("INSERT INTO tenant (slug, name) VALUES ('mine', 'Mine')")
    with pytest.raises(NotEmpty, match="running"):
        restore(saved, lived_in, KEY)
    server.stop()
    with pytest.raises(NotEmpty, match="holds an organization"):
        restore(saved, lived_in, KEY)
    server = postgres.start(lived_in.home, config=FAST)
    with psycopg.connect(server.url(postgres.ADMIN, "careline")) as conn:
        assert conn.execute("SELECT name FROM tenant").fetchall() == [("Mine",)]
        assert conn.execute("SELECT count(*) FROM pg_database WHERE datname LIKE '%restoring'").fetchone() == (0,)
    server.stop()
    assert fingerprint(source.home) == before


def test_a_fresh_system_keeps_its_own_settings_and_puts_its_key_aside(root: Path, saved: Path) -> None:
    fresh = Settings(home=root / "fresh")
    (fresh.home / "keys").mkdir(parents=True)
    (fresh.home / "keys" / "master.key").write_text("made at the first start")
    (fresh.home / "careline.toml").write_text("web_port = 9000\n")
    restore(saved, fresh, KEY)
    assert (fresh.home / "careline.toml").read_text() == "web_port = 9000\n"
    assert (fresh.home / "careline.toml.restored").read_text() == "web_port = 8099\n"
    assert (fresh.home / "keys/master.key").read_bytes() == b"the master key"
    assert (fresh.home / "keys/master.key.before-restore").read_text() == "made at the first start"


def test_a_failure_in_the_middle_leaves_the_system_as_it_was(
    root: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Settings(home=root / "failing")
    (target.home / "keys").mkdir(parents=True)
    (target.home / "keys" / "master.key").write_text("mine")
    before = fingerprint(target.home)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("careline.platform.restore._take_over", full)
        with pytest.raises(RestoreFailed, match="No space"):
            restore(saved, target, KEY)
    assert fingerprint(target.home) == before
    restore(saved, target, KEY)  # and nothing stands in the way of the second try


def test_an_existing_file_is_not_overwritten(root: Path, source: Settings) -> None:
    file = root / "there"
    file.write_text("precious")
    with pytest.raises(Conflict):
        backup(source, file, KEY)
    assert file.read_text() == "precious"


def test_a_backup_that_cannot_be_written_leaves_nothing(root: Path, source: Settings) -> None:
    with pytest.raises(BackupFailed):
        backup(source, root / "no-such-folder" / "b", KEY)
    assert not list(root.glob("**/*.partial"))


def test_a_backup_of_a_newer_version_is_refused(root: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careline.platform.restore.migrations", list)
    target = Settings(home=root / "older")
    with pytest.raises(CarelineError, match="newer version"):
        restore(saved, target, KEY)
    assert not target.home.exists()
