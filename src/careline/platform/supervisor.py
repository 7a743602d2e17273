"""A small supervisor: starts processes, waits until they are ready, restarts what dies, stops all in reverse order.

Each process is a session of its own, so Ctrl-C reaches only the supervisor, which then stops the rest in order. When
the supervisor itself is killed its processes live on, calls included; the next start finds them by their pid files and
replaces them one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from careline.kernel.errors import Unavailable

log = logging.getLogger(__name__)

_LOG_BYTES = 20_000_000
_BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)
#: A process that lived so long had started well: its next restart is quick again.
_STABLE_SECONDS = 30.0


class NotReady(Unavailable):
    """A process did not become ready."""

    id = "process-not-ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    #: True once the process does its work; None: running is enough.
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_seconds: float = 30.0
    stop_seconds: float = 10.0


class _Child:
    """A process and its present incarnation."""

    def __init__(self, spec: Process, home: Path) -> None:
        self.spec = spec
        self.pid_file = home / "run" / f"{spec.name}.pid"
        self.log_file = home / "logs" / f"{spec.name}.log"
        self.popen: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started = 0.0

    def start(self) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.log_file)
        with self.log_file.open("ab") as out:
            self.popen = subprocess.Popen(
                list(self.spec.argv),
                env={**os.environ, **self.spec.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()
        # The start time tells a reused pid from ours.
        self.pid_file.write_text(f"{self.popen.pid} {start_time(self.popen.pid)}\n")

    @property
    def running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    async def become_ready(self) -> None:
        """Wait for `ready`. Raises `NotReady` with the end of the log when the process ends or takes too long."""
        deadline = time.monotonic() + self.spec.ready_seconds
        while self.running and time.monotonic() < deadline:
            if self.spec.ready is None or await self.spec.ready():
                return
            await asyncio.sleep(0.1)
        how = "took too long" if self.running else "ended"
        ends = tail(self.log_file)
        raise NotReady(f"{self.spec.name} {how} before it was ready. Its log {self.log_file} ends:\n{ends}")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL; returns when it is gone."""
        if self.popen is not None and self.running:
            self.popen.terminate()
            deadline = time.monotonic() + self.spec.stop_seconds
            while self.running:
                if time.monotonic() > deadline:
                    self.popen.kill()
                await asyncio.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)

    async def replace_leftover(self) -> None:
        """End the process that an earlier, killed supervisor has left behind."""
        pid = leftover(self.pid_file)
        if pid is None:
            return
        log.info("replacing a process of an earlier start", extra={"process_name": self.spec.name, "pid": pid})
        await end(pid, self.spec.stop_seconds)


class Supervisor:
    """Keeps a list of processes running until told to stop."""

    def __init__(
        self, processes: Sequence[Process], home: Path, *, tell: Callable[[str], None] = lambda _text: None
    ) -> None:
        """`tell` is given a sentence for people at every start, restart and stop."""
        self._children = [_Child(process, home) for process in processes]
        self._tell = tell
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stop.set()

    async def run(self, when_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start everything in order, keep it running, and stop it in reverse order on SIGINT, SIGTERM or `stop()`.

        Raises `NotReady` when a process cannot be started at all; what had been started is stopped first.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            for child in self._children:
                if self._stop.is_set():
                    return
                await child.replace_leftover()
                child.start()
                await self._unless_stopped(child.become_ready())
            if when_ready is not None and not self._stop.is_set():
                await when_ready()
            await asyncio.gather(*(self._keep(child) for child in self._children))
        finally:
            for child in reversed(self._children):
                if child.popen is not None:
                    await child.stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _unless_stopped(self, work: Awaitable[None]) -> None:
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _keep(self, child: _Child) -> None:
        """Restart a process that ends, with growing pauses, for as long as it takes."""
        checked = time.monotonic()
        while not self._stop.is_set():
            if child.running:
                if time.monotonic() - checked > 60:
                    checked = time.monotonic()
                    rotate(child.log_file)
                await self._pause(0.1)
                continue
            code = child.popen.returncode if child.popen else None
            child.failures = 0 if time.monotonic() - child.started > _STABLE_SECONDS else child.failures + 1
            pause = _BACKOFF[min(child.failures, len(_BACKOFF) - 1)]
            log.error("process ended", extra={"process_name": child.spec.name, "exit_code": code, "seconds": pause})
            self._tell(f"{child.spec.name} ended ({code}); starting it again (log: {child.log_file})")
            await self._pause(pause)
            if not self._stop.is_set():
                child.start()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def rotate(path: Path, limit: int = _LOG_BYTES) -> None:
    """Keep one older copy of a log that has grown too long; its writer, which appends, goes on in the same file."""
    try:
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
            os.truncate(path, 0)
    except FileNotFoundError:
        pass


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    try:
        return "\n".join("  " + line for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "  (no log)"


def start_time(pid: int) -> str:
    """When a process began, as the system counts it; empty when it is gone (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self").exists():
            return ""
        ps = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "_".join(ps.stdout.split())
    return "" if fields[0] in "ZX" else fields[19]


def leftover(pid_file: Path) -> int | None:
    """The pid in a pid file when that very process still runs."""
    try:
        pid, began = pid_file.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if began and start_time(int(pid)) == began else None


async def end(pid: int, seconds: float) -> None:
    """SIGTERM a process that is not our child, then SIGKILL; returns when it is gone."""
    began = start_time(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while began and start_time(pid) == began:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
