"""sipp as a caller from the telephone network: a peer that nobody here wrote, over UDP or TCP."""

from __future__ import annotations

import asyncio
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from careline.demo.rtp import free_port
from careline.speech.audio import encode_ulaw, tone
from careline.testing.asterisk import TRUNK


class SippMissing(RuntimeError):
    """sipp is not on this machine; `careline test` installs it (Debian: sip-tester)."""


async def sipp_call(
    to: tuple[str, int],
    number: str,
    folder: Path,
    *,
    caller: str = "+15555550123",
    calls: int = 1,
    seconds: float = 3.0,
    tcp: bool = False,
    hz: float = 440.0,
) -> int:
    """Place calls that are answered, speak a tone for some seconds and hang up; sipp's exit code (0: all went well).

    `folder` takes the sound file and sipp's own logs.
    """
    if shutil.which("sipp") is None:
        raise SippMissing
    (folder / "tone.ul").write_bytes(encode_ulaw(tone(hz, 1.0)))
    with as_file(files("careline.testing.sipp") / "caller.xml") as scenario:
        child = await asyncio.create_subprocess_exec(
            *("sipp", f"{to[0]}:{to[1]}", "-sf", str(scenario), "-s", number, "-key", "caller", caller),
            *("-i", TRUNK, "-m", str(calls), "-d", str(round(seconds * 1000)), "-t", "t1" if tcp else "u1"),
            *("-nostdin", "-timeout", str(round(seconds) + 30), "-mp", str(free_port(TRUNK))),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    return await child.wait()
