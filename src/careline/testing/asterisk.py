"""A private Asterisk for tests, on free ports, as many side by side as there are test processes; and a recorder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from careline.kernel.errors import Unavailable
from careline.telephony.engine import get_engine
from careline.telephony.instance import InstanceConfig, Ports
from careline.telephony.process import AsteriskProcess
from careline.telephony.recorder_door import RecorderClient

#: Where the telephone network's callers come from in tests; never the proxy's address.
TRUNK = "127.0.0.2"


@contextlib.contextmanager
def private_asterisk(**changes: Any) -> Iterator[AsteriskProcess]:
    """A running instance; stopped, and its folder removed, at the end. `changes`: fields of `InstanceConfig`."""
    home = _folder("careline-ast-")
    config = replace(InstanceConfig(home=home / "a", ports=Ports.free(), trunk_sources=(TRUNK,)), **changes)
    process = AsteriskProcess(config, get_engine())
    try:
        asyncio.run(process.start())
        yield process
    finally:
        asyncio.run(process.stop(gently=2))
        shutil.rmtree(home, ignore_errors=True)


def _folder(prefix: str) -> Path:
    """A temporary folder that Asterisk's user can enter."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    made.chmod(0o755)
    return made


@dataclass(slots=True)
class RecorderProcess:
    """The real recorder, as a process of its own that a test may kill."""

    home: Path
    environment: dict[str, str]
    child: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> RecorderClient:
        """The way to it."""
        return RecorderClient(self.home)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        out = (self.home / "recorder.log").open("ab")
        with out:
            self.child = subprocess.Popen(  # noqa: ASYNC220 (starting is quick; the test owns the process)
                [sys.executable, "-c", "import sys; from careline.cli import main; sys.exit(main(['recorder']))"],
                env=self.environment,
                stdout=out,
                stderr=out,
            )
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(Unavailable):
                    await self.client.status()
                    return
                if self.child.poll() is not None:
                    raise RuntimeError((self.home / "recorder.log").read_text())
                await asyncio.sleep(0.05)

    async def idle(self) -> None:
        """Wait until every recording is finished and its row says so."""
        async with asyncio.timeout(30):
            while True:
                status = await self.client.status()
                if not status["recordings"] and not status["unsaid"]:
                    return
                await asyncio.sleep(0.05)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, by default without warning."""
        if self.child is not None:
            self.child.send_signal(how)
            self.child.wait()
            self.child = None


@contextlib.asynccontextmanager
async def recorder_process(asterisk: AsteriskProcess, app_url: str, relay_url: str) -> AsyncIterator[RecorderProcess]:
    """A running recorder for an Asterisk and a database, with a state folder of its own."""
    home = _folder("careline-rec-")
    os.symlink(asterisk.home, home / "asterisk")
    environment = {
        **os.environ,
        "CARELINE_HOME": str(home),
        "CARELINE_DATABASE_APP_URL": app_url,
        "CARELINE_DATABASE_RELAY_URL": relay_url,
    }
    recorder = RecorderProcess(home, environment)
    await recorder.start()
    try:
        yield recorder
    finally:
        recorder.kill(signal.SIGTERM)
        shutil.rmtree(home, ignore_errors=True)
