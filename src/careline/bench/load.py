"""The load that both sides get: the same sipp callers and the same sipp agents, and the processor time it costs."""

from __future__ import annotations

import csv
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

#: Callers come from an address of their own: the trunk is known by it.
CALLER_HOST = "127.0.0.2"
AGENT_HOST = "127.0.0.3"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """Who calls and who answers."""

    sipp: str
    folder: Path
    #: Enough that somebody is free at the highest rate: 160 calls a second, each of a second and a half.
    agents: int = 300
    caller_port: int = 27100
    agent_port: int = 27000
    #: How long an agent talks, in milliseconds. Careline takes less than a second for a call that nobody heard.
    talk_ms: int = 1500

    def scenario(self, name: str) -> str:
        """A scenario file as sipp wants it: a path."""
        target = self.folder / f"{name}.xml"
        target.write_text(files("careline.bench").joinpath(f"scenarios/{name}.xml").read_text("utf-8"))
        return str(target)

    def numbers(self, count: int, first: int = 0) -> str:
        """A file of calling numbers, every call its own, so that both INVITEs of a call can be paired."""
        target = self.folder / "numbers.csv"
        lines = [f"+1312{5_550_000 + first + n}" for n in range(count)]
        target.write_text("SEQUENTIAL\n" + "\n".join(lines) + "\n")
        return str(target)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """All agents' telephones, behind one port, while the block runs."""
        argv = [self.sipp, "-sf", self.scenario("agent"), "-i", AGENT_HOST, "-p", str(self.agent_port)]
        argv += ["-d", str(self.talk_ms), "-aa", "-nostdin", "-mp", "29000", "-timeout", "600"]
        with (self.folder / "agents.log").open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=self.folder)
        try:
            time.sleep(0.5)  # sipp says nothing when its socket is open
            if process.poll() is not None:
                raise RuntimeError(f"sipp ended at once: {(self.folder / 'agents.log').read_text()[-400:]}")
            yield
        finally:
            process.kill()
            process.wait()

    def call(self, number: str, target_port: int, *, count: int, rate: float, seconds: float) -> Calls:
        """Place `count` calls at `rate` a second and wait until all have ended, at most `seconds`."""
        argv = [self.sipp, f"127.0.0.1:{target_port}", "-sf", self.scenario("caller"), "-inf", self.numbers(count)]
        argv += ["-s", number, "-i", CALLER_HOST, "-p", str(self.caller_port), "-mp", "28000", "-m", str(count)]
        statistics = self.folder / "callers.csv"
        statistics.unlink(missing_ok=True)
        argv += ["-r", f"{rate:g}", "-l", "5000", "-nostdin", "-recv_timeout", "60000"]
        argv += ["-trace_stat", "-stf", str(statistics), "-fd", "1"]
        began = time.monotonic()
        with (self.folder / "callers.log").open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=self.folder)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                # Calls that still wait count as not completed. Asked to stop, sipp would wait for them as well.
                process.kill()
                process.wait()
        return Calls(count, completed(statistics), time.monotonic() - began)

    @contextmanager
    def waiting(self, number: str, target_port: int, count: int) -> Iterator[subprocess.Popen[bytes]]:
        """`count` callers who keep waiting while the block runs; they are gone after it."""
        argv = [self.sipp, f"127.0.0.1:{target_port}", "-sf", self.scenario("caller"), "-inf", self.numbers(count)]
        argv += ["-s", number, "-i", CALLER_HOST, "-p", str(self.caller_port), "-mp", "28000", "-m", str(count)]
        argv += ["-r", "40", "-l", str(count), "-nostdin", "-timeout", "300"]
        with (self.folder / "callers.log").open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=self.folder)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def completed(statistics: Path) -> int:
    """How many calls came to a proper end, by sipp's own count, written every second."""
    if not statistics.exists():
        return 0
    with statistics.open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter=";"))
    if len(rows) < 2:
        return 0
    return int(rows[-1][rows[0].index("SuccessfulCall(C)")])


@dataclass(frozen=True)
class Calls:
    """How a batch of calls ended."""

    placed: int
    completed: int
    seconds: float


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that these processes have used; a process that is gone counts nothing."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICK
