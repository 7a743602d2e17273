"""The real voice process for tests, as a process of its own that a test may kill; and spoken words for callers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from careline.telephony.voice_door import VoiceLine, socket_path


@dataclass(slots=True)
class VoiceProcess:
    """The voice process and its state folder."""

    home: Path
    child: subprocess.Popen[bytes] | None = None

    @property
    def line(self) -> VoiceLine:
        """A way to it."""
        return VoiceLine(self.home)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {**os.environ, "CARELINE_HOME": str(self.home), "CARELINE_RECOGNISERS": "1"}
        with (self.home / "voice.log").open("ab") as out:
            self.child = subprocess.Popen(  # noqa: ASYNC220 (starting is quick; the test owns the process)
                [sys.executable, "-m", "careline.cli", "voice"], env=environment, stdout=out, stderr=out
            )
        async with asyncio.timeout(90):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_unix_connection(str(socket_path(self.home)))
                    writer.close()
                    return
                if self.child.poll() is not None:
                    raise RuntimeError((self.home / "voice.log").read_text())
                await asyncio.sleep(0.05)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, by default without warning."""
        if self.child is not None:
            self.child.send_signal(how)
            self.child.wait()
            self.child = None


@contextlib.asynccontextmanager
async def voice_process() -> AsyncIterator[VoiceProcess]:
    """A running voice process with a state folder of its own."""
    home = Path(mkdtemp(prefix="careline-voice-"))
    process = VoiceProcess(home)
    try:
        await process.start()
        yield process
    finally:
        process.kill(signal.SIGTERM)
        shutil.rmtree(home, ignore_errors=True)
