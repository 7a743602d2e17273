"""Asterisk as a process that outlives Careline: started unprivileged in its own session, adopted again, watched."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from careline.kernel.errors import CarelineError, Unavailable
from careline.telephony.ari import Ari
from careline.telephony.engine import Engine
from careline.telephony.instance import (
    Access,
    InstanceConfig,
    fingerprint,
    hand_over,
    read_access,
    runtime_user,
    write_instance,
)

log = logging.getLogger(__name__)

_BOOT_SECONDS = 30.0
_STOP_SECONDS = 10.0


class BootFailed(Unavailable):
    """The telephone engine did not start."""

    id = "telephone-engine-did-not-start"


@dataclass(slots=True)
class AsteriskProcess:
    """One instance's process. Every method may be called by any Careline process, in any order, again and again."""

    config: InstanceConfig
    engine: Engine

    @property
    def home(self) -> Path:
        """The instance's folder."""
        return self.config.home

    def pid(self) -> int | None:
        """The process id of the running instance, or None. A zombie and somebody else's process do not count."""
        try:
            pid = int((self.home / "run/asterisk.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, ValueError, PermissionError):
            return None
        ours = str(self.home / "etc/asterisk.conf").encode() in command
        return pid if ours and state != "Z" else None

    async def ensure(self) -> Literal["started", "adopted"]:
        """Have it running: adopt it when it runs, start it when not. Raises `BootFailed`.

        A running one whose settings have changed is started anew when no call is up; else it is adopted as it is.
        """
        if self.pid() is not None:
            changed = self._running_fingerprint() != await asyncio.to_thread(fingerprint, self.config, self.engine)
            try:
                if await self.calls() > 0 or not changed:
                    if changed:
                        log.warning("asterisk keeps its old settings until the calls in progress have ended")
                    return "adopted"
            except Unavailable:
                log.warning("asterisk runs but does not answer, or is shutting down; it is started anew")
            await self.stop()
        await self.start()
        return "started"

    async def start(self) -> Access:
        """Write the configuration and start; returns when it is fully booted. Raises `BootFailed`."""
        access = await asyncio.to_thread(write_instance, self.config, self.engine)
        for leftover in ("asterisk.pid", "asterisk.ctl"):
            (self.home / "run" / leftover).unlink(missing_ok=True)
        await asyncio.to_thread(hand_over, self.home)
        child = self._spawn()
        _reap_in_background(child)
        try:
            await self._booted(child)
        except BootFailed:
            if child.poll() is None:
                child.kill()
            raise
        return access

    async def stop(self, *, gently: float = _STOP_SECONDS) -> None:
        """End it, calls included, and wait until it is gone; after `gently` seconds by force."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + gently
        while self.pid() == pid:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline = float("inf")
            await asyncio.sleep(0.05)

    async def guard(self, tell: Callable[[str], None], *, patience: float = 20.0) -> None:
        """For ever: start it again when it is gone, and by force when it has not answered for `patience` seconds.

        Asterisk can deadlock while its process lives; calls in it are then beyond help.
        """
        heard = time.monotonic()
        while True:
            await asyncio.sleep(min(1.0, patience / 4))
            if self.pid() is None:
                log.error("asterisk is gone")
                tell("Asterisk is gone; starting it again")
            elif await self._answers(patience / 4):
                heard = time.monotonic()
                continue
            elif time.monotonic() - heard < patience:
                continue
            else:
                log.error("asterisk hangs")
                tell("Asterisk does not answer any more; starting it again")
                await self.stop(gently=0)
            try:
                await self.ensure()
                heard = time.monotonic()
            except (CarelineError, OSError) as error:
                tell(f"Asterisk does not start yet: {error}")

    async def _answers(self, seconds: float) -> bool:
        ari = Ari(self.access())
        try:
            await ari.get("asterisk/ping", seconds=seconds)
        except Unavailable:
            return False
        finally:
            await ari.close()
        return True

    async def command(self, line: str, seconds: float = 5.0) -> str:
        """One command on Asterisk's own command line. Raises `Unavailable`."""
        child = await asyncio.create_subprocess_exec(
            *self.engine.argv,
            *("-C", str(self.home / "etc/asterisk.conf"), "-rx", line),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home)},
        )
        try:
            out, _ = await asyncio.wait_for(child.communicate(), seconds)
        except TimeoutError:
            child.kill()
            await child.wait()
            raise Unavailable("Asterisk does not answer on its command line") from None
        if child.returncode != 0:
            raise Unavailable("Asterisk's command line cannot be reached")
        return out.decode(errors="replace")

    async def calls(self) -> int:
        """How many channels are up. Raises `Unavailable`."""
        said = re.search(r"(\d+) active channel", await self.command("core show channels count"))
        if said is None:
            raise Unavailable("Asterisk is shutting down")
        return int(said[1])

    def access(self) -> Access:
        """How to reach it."""
        return read_access(self.home)

    async def _booted(self, child: subprocess.Popen[bytes] | None = None) -> None:
        deadline = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < deadline:
            if child is not None and child.poll() is not None:
                raise BootFailed(f"Asterisk ended at once (exit code {child.returncode}): {self._last_words()}")
            if (self.home / "run/asterisk.ctl").exists():
                try:
                    await self.command("core waitfullybooted", seconds=deadline - time.monotonic())
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    return
            await asyncio.sleep(0.02)
        raise BootFailed(f"Asterisk was not ready after {_BOOT_SECONDS:.0f} s: {self._last_words()}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        user = runtime_user()
        with (self.home / "log/console").open("ab") as out:
            return subprocess.Popen(
                [*self.engine.argv, "-f", "-C", str(self.home / "etc/asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                # few arenas, or memory grows with the number of threads that ever ran
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home), "MALLOC_ARENA_MAX": "4"},
                start_new_session=True,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )

    def _running_fingerprint(self) -> str | None:
        try:
            return read_access(self.home).fingerprint
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _last_words(self) -> str:
        lines: list[str] = []
        for name in ("log/console", "log/messages"):
            path = self.home / name
            if path.exists():
                lines += [line for line in path.read_text(errors="replace").splitlines()[-3:] if line.strip()]
        return " / ".join(lines) or "it said nothing"


def _reap_in_background(child: subprocess.Popen[bytes]) -> None:
    """Collect the exit status when it ends, so that no zombie and no ResourceWarning is left behind."""
    threading.Thread(target=child.wait, name="asterisk-reaper", daemon=True).start()
