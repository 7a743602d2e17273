"""The recorder: takes the sound of calls from pipes, seals it as it comes, finishes files and rows.

No plain sound touches the disk. Any process may be killed at any time: Asterisk's sound waits in the pipe (which call
control holds open too) until the recorder is back, and the file is continued after its last whole chunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import psycopg
import psycopg_pool

from careline.kernel.clock import Clock
from careline.kernel.errors import CarelineError
from careline.platform.db import Database
from careline.recordings import rows
from careline.recordings.rows import Finished
from careline.recordings.service import file_of
from careline.recordings.vault import (
    BYTES_A_SECOND,
    Opener,
    Sealer,
    WrappingKey,
    kek_context,
    measure,
    read_header,
    unwrap,
    wrap,
)
from careline.security.keys import Keyring
from careline.telephony.instance import runtime_user
from careline.telephony.pipe import Pipe, make_pipe

log = logging.getLogger(__name__)

_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout)
#: How long a begun recording may stay without anybody writing into its pipe.
_NO_WRITER_SECONDS: Final = 30.0
#: A resumed recording that is shorter than its call by this much has a gap.
_GAP_SECONDS: Final = 5.0
_TEND_EVERY: Final = 1.0
#: A row that is `recording` for so long without a pipe or a file belongs to nothing.
_LOST_AFTER: Final = timedelta(minutes=10)


class Recorder:
    """All recordings in progress."""

    def __init__(self, db: Database, keyring: Keyring, clock: Clock, folder: Path, pipes: Path) -> None:
        """`folder`: the encrypted files; `pipes`: where Asterisk's pipes are (see `recordings.pipe_folder`)."""
        self._db = db
        self._keyring = keyring
        self._clock = clock
        self._folder = folder
        self._pipes = pipes
        self._active: dict[str, Pipe] = {}
        self._wrapping: dict[int, WrappingKey] = {}
        #: Finished files whose rows could not be finished yet.
        self._unsaid: dict[UUID, Finished] = {}
        self._opening = asyncio.Lock()
        self.trouble: str | None = None

    async def start(self) -> None:
        """Continue what an earlier life had begun. Waits for the database: the keys of files are sealed in it."""
        make_pipe_folder(self._pipes)
        await self._again(self._prepare_keys)
        for part in sorted(self._folder.glob("*/*.part")):
            await self._again(lambda part=part: self._continue(part))  # type: ignore[misc]
        for pipe in self._pipes.iterdir():
            if pipe.stem not in self._active:  # a pipe whose file was never begun, or is finished
                pipe.unlink()
        await self._again(self._settle)

    async def open(self, recording: str, tenant: int) -> Path:
        """Begin a recording; the pipe to write into. Repeating it is harmless."""
        UUID(recording)
        async with self._opening:
            if recording not in self._active:
                wrapping = self._wrapping.get(tenant) or await self._new_wrapping_key(tenant)
                key = secrets.token_bytes(32)
                header = wrap(wrapping, key, recording, tenant, self._clock.now().isoformat())
                folder = self._folder / str(tenant)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sealer = Sealer(folder / f"{recording}.part", header, key)
                self._take(recording, sealer, resumed=False)
        return self._pipes / f"{recording}.raw"

    async def tend(self) -> None:
        """For ever: finish pipes that nobody writes into, and say what is not said yet."""
        rounds = 0
        while True:
            await asyncio.sleep(_TEND_EVERY)
            for pipe in list(self._active.values()):
                pipe.look(_NO_WRITER_SECONDS)
            try:
                for done in list(self._unsaid.values()):
                    await self._say(done)
                rounds += 1
                if rounds % 60 == 0:
                    await self._settle()
                self.trouble = None
            except _AWAY:
                self.trouble = "database"

    def status(self) -> dict[str, Any]:
        """For `careline doctor`."""
        lost = sum(pipe.lost for pipe in self._active.values())
        return {"recordings": len(self._active), "unsaid": len(self._unsaid), "lost": lost, "trouble": self.trouble}

    def close(self) -> None:
        """Leave everything for the next life: pipes and unfinished files stay."""
        for pipe in self._active.values():
            pipe.let_go()
        self._active.clear()

    # --- one recording

    def _take(self, recording: str, sealer: Sealer, *, resumed: bool) -> None:
        path = self._pipes / f"{recording}.raw"
        make_pipe(path, runtime_user())
        self._active[recording] = Pipe(path, sealer, resumed=resumed, ended=lambda: self._ended(recording))

    def _ended(self, recording: str) -> None:
        """The pipe's writer has closed it: the file is complete."""
        pipe = self._active.pop(recording)
        pipe.path.unlink(missing_ok=True)
        done = renamed(pipe.sealer.path, ".clr")
        problem = "gap" if pipe.lost or self._missed(pipe) else None
        found = facts(done, pipe.sealer.header.tenant, pipe.sealer.size, problem)
        self._unsaid[found.recording] = found

    def _missed(self, pipe: Pipe) -> bool:
        """Whether the recorder was away for longer than the pipe could hold: then less was heard than time passed."""
        if not pipe.saw_the_rest:
            return False
        passed = self._clock.now() - datetime.fromisoformat(pipe.sealer.header.started)
        return passed.total_seconds() - pipe.sealer.size / BYTES_A_SECOND > _GAP_SECONDS

    async def _continue(self, part: Path) -> None:
        try:
            await self._continue_file(part)
        except CarelineError as error:
            # one file that cannot be continued must not keep the others from being recorded
            renamed(part, ".damaged")
            log.error("a file begun earlier cannot be continued", extra={"recording": part.stem, "error": error.id})

    async def _continue_file(self, part: Path) -> None:
        with part.open("rb") as file:
            header = read_header(file)
        async with self._db.tenant(header.tenant) as tx:
            secret = await self._keyring.open(tx, header.sealed_wrapping_key, kek_context(header.kek))
        key = unwrap(header, secret)
        opened = Opener(part, key)
        if opened.whole:  # complete: only the renaming was missing
            done = renamed(part, ".clr")
            self._unsaid[UUID(header.recording)] = facts(done, header.tenant, opened.size, None)
            return
        self._take(header.recording, Sealer(part, header, key), resumed=True)

    # --- keys

    async def _prepare_keys(self) -> None:
        """A wrapping key for every tenant, so that a call can be recorded while the database is away."""
        for tenant in await rows.tenants(self._db):
            if tenant not in self._wrapping:
                await self._new_wrapping_key(tenant)

    async def _new_wrapping_key(self, tenant: int) -> WrappingKey:
        name, secret = secrets.token_hex(8), secrets.token_bytes(32)
        async with self._db.tenant(tenant) as tx:
            sealed = await self._keyring.seal(tx, secret, kek_context(name))
        self._wrapping[tenant] = WrappingKey(name, secret, sealed)
        return self._wrapping[tenant]

    # --- rows

    async def _say(self, done: Finished) -> None:
        if await rows.finish(self._db, done):
            del self._unsaid[done.recording]

    async def _settle(self) -> None:
        """Rows that are unfinished although nothing records them: their file is here, or they were lost."""
        await self._prepare_keys()
        for tenant in await rows.tenants(self._db):
            for recording in await rows.unfinished(self._db, tenant, older_than=timedelta(), now=self._clock.now()):
                if str(recording) in self._active or recording in self._unsaid:
                    continue
                path = file_of(self._folder, tenant, str(recording))
                if path.exists():
                    self._unsaid[recording] = facts(path, tenant, measure(path), None)
            lost = await rows.unfinished(self._db, tenant, older_than=_LOST_AFTER, now=self._clock.now())
            for recording in lost:
                if str(recording) not in self._active and recording not in self._unsaid:
                    log.error("a recording was begun but never made", extra={"recording": str(recording)})
                    gone = Finished(recording=recording, tenant=tenant, state="failed", problem="lost")
                    self._unsaid[recording] = gone

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it as soon as the database is there."""
        while True:
            try:
                await work()
                self.trouble = None
                return
            except _AWAY:
                if self.trouble is None:
                    log.warning("the recorder waits for the database")
                self.trouble = "database"
                await asyncio.sleep(0.5)


def facts(path: Path, tenant: int, size: int, problem: str | None) -> Finished:
    """What a finished file amounts to."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    state: Literal["ready", "failed"] = "ready" if size else "failed"
    return Finished(
        recording=UUID(path.stem),
        tenant=tenant,
        state=state,
        seconds=round(size / BYTES_A_SECOND, 2),
        bytes=path.stat().st_size,
        sha256=digest,
        problem=problem if size else "no-sound",
    )


def renamed(path: Path, suffix: str) -> Path:
    """Give a file another ending; its new path."""
    return path.rename(path.with_suffix(suffix))


def make_pipe_folder(folder: Path) -> None:
    """The folder that only Asterisk's user (and root) can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = runtime_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


class Door:
    """The Unix socket through which call control asks."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self._recorder = recorder
        self._path = path
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
            match question["do"]:
                case "open":
                    pipe = await self._recorder.open(str(question["recording"]), int(question["tenant"]))
                    return {"ok": True, "pipe": str(pipe)}
                case "status":
                    return {"ok": True, **self._recorder.status()}
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "error": "not-understood"}
        except (*_AWAY, OSError, CarelineError) as error:
            log.warning("a recording could not be begun", extra={"error": type(error).__name__})
            return {"ok": False, "error": "cannot-record"}
        return {"ok": False, "error": "not-understood"}
