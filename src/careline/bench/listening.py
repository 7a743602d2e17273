"""The second half of `careline bench redflags`: how late words are understood while many speak, and what it costs.

The real voice process is built here, with its recognisers in processes of their own and its socket, as call control
uses it. Callers are websockets in a process beside it, which speak in real time as Asterisk's media channels do: three
seconds of ordinary talk about every ten, and once a sentence that may mean danger. What is timed: from the last sample
of that sentence on the wire to the moment at which call control is told.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from careline.bench.figures import Figure, quantile
from careline.bench.load import cpu_seconds
from careline.setup.steps import say
from careline.speech.audio import FRAME, RATE, SILENCE
from careline.speech.endpoint import LONGEST
from careline.telephony.ears import Ears, VoiceDoor
from careline.telephony.voice_door import Json, VoiceLine, socket_path

#: From the last word to the interruption, as docs/listening.md states it (seconds).
STATED = 5.0
#: How many callers at once; it stops after the first number that is too many.
STEPS = (5, 20, 40, 80)
SECONDS = 22.0
_PACKET = FRAME / RATE
_FRAME_OF_SILENCE = SILENCE * FRAME


@dataclass(frozen=True)
class Script:
    """What one caller says, and when the sentence that may mean danger ends (seconds from the beginning)."""

    sound: bytes
    ends: float


@dataclass(slots=True)
class Run:
    """What was seen with so many callers."""

    callers: int
    #: Seconds from word to notice, of the sentences that were understood.
    late: list[float] = field(default_factory=list)
    dropped: int = 0
    understood: int = 0
    #: Processor seconds a second, of the voice process and its recognisers.
    busy: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether nothing was dropped, and what was understood came in time. How much is recognised at all is another
        figure, and does not depend on the number of callers."""
        slowest = quantile(self.late, 0.95)
        return not self.dropped and slowest is not None and slowest <= STATED


def script(danger: bytes, ordinary: Sequence[bytes], chance: random.Random, seconds: float) -> Script:
    """Ordinary talk and pauses with one dangerous sentence in the middle third."""
    sound, ends = bytearray(_quiet(chance.uniform(0.2, 4.0))), 0.0
    while len(sound) < seconds * RATE:
        if not ends and len(sound) >= seconds / 3 * RATE:
            sound += danger
            ends = len(sound) / RATE
        else:
            sound += chance.choice(ordinary)
        sound += _quiet(chance.uniform(5.0, 9.0))
    return Script(bytes(sound), ends)


def _quiet(seconds: float) -> bytes:
    return SILENCE * round(seconds * RATE)


async def _talk(socket: ServerConnection, said: Script, number: int, ended: Queue[tuple[int, float]]) -> None:
    began = time.monotonic()
    last = int(said.ends * RATE) // FRAME
    for place in range(len(said.sound) // FRAME):
        pause = began + place * _PACKET - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        await socket.send(said.sound[place * FRAME : (place + 1) * FRAME])
        if place == last:
            ended.put((number, time.monotonic()))
    # The line stays open, silent, until whoever listens has gone.
    while True:
        await socket.send(_FRAME_OF_SILENCE)
        await asyncio.sleep(_PACKET)


def _callers(scripts: Sequence[Script], port: Queue[int], ended: Queue[tuple[int, float]]) -> None:
    """A process of callers, one a websocket, by the number in the path."""

    async def caller(socket: ServerConnection) -> None:
        assert socket.request is not None
        number = int(socket.request.path.rsplit("/", 1)[-1])
        await _talk(socket, scripts[number], number, ended)

    async def run() -> None:
        logging.getLogger("websockets").setLevel(logging.CRITICAL)
        async with serve(caller, "127.0.0.1", 0, subprotocols=["media"], compression=None) as server:  # type: ignore[list-item]
            port.put(server.sockets[0].getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(run())


async def listen(count: int, scripts: Sequence[Script], models: Path, seconds: float, recognisers: int = 2) -> Run:
    """Let so many callers speak, all at once, and see how late each is understood."""
    context = multiprocessing.get_context("spawn")
    port: Queue[int] = context.Queue()
    ended: Queue[tuple[int, float]] = context.Queue()
    beside = context.Process(target=_callers, args=(scripts[:count], port, ended), daemon=True)
    beside.start()
    run, heard = Run(count), dict[int, list[float]]()
    with tempfile.TemporaryDirectory(prefix="careline-bench-") as home:
        ears = Ears(models, recognisers=recognisers, most=count)
        door, line = VoiceDoor(ears, socket_path(Path(home))), VoiceLine(Path(home))
        await door.open()

        def told(message: Json) -> None:
            found = message.get("heard")
            if found and found["red_flag"]:
                heard.setdefault(int(found["stream"]), []).append(time.monotonic())

        holding = asyncio.create_task(line.hold(told))
        try:
            await ears.warm()
            base = f"ws://127.0.0.1:{await asyncio.to_thread(port.get, True, 20)}/"
            pids = [os.getpid(), *ears.pids()]
            before, began = cpu_seconds(pids), time.monotonic()
            for number in range(count):
                line.say(_wish(number, base))
            await asyncio.sleep(seconds + STATED)
            run.busy = (cpu_seconds(pids) - before) / (time.monotonic() - began)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            await door.close()
            ears.close()
            beside.terminate()
            beside.join(5)
    words: dict[int, float] = {}
    while not ended.empty():
        number, moment = ended.get()
        words[number] = moment
    for number, moment in words.items():
        # A long sentence is cut, and may be understood before its end; what came earlier was something else.
        if after := [at for at in heard.get(number, ()) if at >= moment - LONGEST]:
            run.late.append(max(0.0, min(after) - moment))
    run.dropped, run.understood = ears.counts.dropped, ears.counts.understood
    return run


def _wish(number: int, base: str) -> dict[str, Any]:
    return {
        "do": "listen", "stream": str(number), "url": f"{base}{number}", "language": "en", "phrases": [],
        "red_flags": True,
    }  # fmt: skip


def figures(dangers: Sequence[bytes], ordinary: Sequence[bytes], models: Path, *, quick: bool) -> list[Figure]:
    """The figures of every number of callers. `dangers`: sentences that are understood when there is time enough."""
    chance, seconds = random.Random(11), 12.0 if quick else SECONDS
    steps = (3,) if quick else STEPS
    scripts = [script(dangers[n % len(dangers)], ordinary, chance, seconds) for n in range(max(steps))]
    found: list[Figure] = []
    most, cost = 0, None
    for count in steps:
        say(f"{count} callers speak for {seconds:.0f} s")
        run = asyncio.run(listen(count, scripts, models, seconds))
        at = f"{count} callers"
        share = 100 * len(run.late) / count
        found += [
            Figure(f"word to notice, median ({at})", _round(quantile(run.late, 0.5)), None, "s"),
            Figure(f"word to notice, p95 ({at})", _round(quantile(run.late, 0.95)), None, "s", STATED),
            Figure(f"understood within the run ({at})", round(share, 1), None, "%"),
            Figure(f"utterances dropped of {run.understood + run.dropped} ({at})", run.dropped, None, ""),
            Figure(f"processor time a caller ({at})", round(100 * run.busy / count, 2), None, "% of a core"),
        ]
        if not run.kept:
            break
        most, cost = count, run.busy / count
    found.append(Figure("most callers at once with nothing dropped and all in time", most or None, None, ""))
    if cost:
        found.append(Figure("callers that one core carries, by processor time", round(1 / cost), None, ""))
    return found


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
