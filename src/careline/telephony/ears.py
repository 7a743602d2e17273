"""The voice process: hears what callers say, and carries sound between callers and voice agents.

A process of its own because recognising takes a whole core at times, and neither call control nor the recorder may wait
for it. Utterances are cut out of the sound here; the recognisers work in processes of their own, a bounded number of
them. Nothing that is heard is stored or logged. What cannot be heard is said: see `status`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import multiprocessing.process
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from careline.kernel.errors import Unavailable
from careline.speech import understanding
from careline.speech.audio import RATE, SILENCE
from careline.speech.endpoint import Endpointer, Utterance
from careline.speech.understanding import Ability, Heard
from careline.telephony.media import Control, open_media
from careline.telephony.voice_agent import AgentCall, Conversation

log = logging.getLogger(__name__)

#: How many utterances may wait for each recogniser before more are dropped, which is said on the board for a while: as
#: many as are worked off within the stated five seconds (a keyword search takes a quarter of one, a transcript two).
_WAITING: Final = {"quick": 12, "thorough": 1}
_REMEMBERED: Final = 60.0
#: How often a caller who is not listened to for want of a place is looked at again.
_PLACE_EVERY: Final = 0.5
_TELL_EVERY: Final = 1.0
#: How long the switch may take to connect a caller with an agent's sound.
_JOIN_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Wish:
    language: str
    phrases: tuple[str, ...]
    red_flags: bool


@dataclass(slots=True)
class _Counts:
    """How well it goes."""

    refused: int = 0
    dropped: int = 0
    last_refused: float = float("-inf")
    last_dropped: float = float("-inf")
    #: Utterances worked on, and the longest one took from its end to its answer (seconds).
    understood: int = 0
    slowest: float = 0.0


class Ears:
    """All streams of this process."""

    def __init__(self, models: Path, *, recognisers: int = 2, most: int = 100, ability: Ability | None = None) -> None:
        """`recognisers`: how many utterances are worked on at once; `most`: how many callers are listened to."""
        self._models = models
        self._most = most
        self._recognisers = recognisers
        self.ability = ability or understanding.ability(models)
        self.counts = _Counts()
        self._wishes: dict[str, _Wish] = {}
        #: Callers who are not listened to, because more are on the line than may be.
        self._without_place: dict[str, _Wish] = {}
        self._waiting = {"quick": 0, "thorough": 0}
        self._pools = {"quick": self._new_pool("quick"), "thorough": self._new_pool("thorough")}

    def _new_pool(self, kind: str) -> ProcessPoolExecutor:
        workers = self._recognisers if kind == "quick" else max(1, self._recognisers // 2)
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)

    async def warm(self) -> None:
        """Have every recogniser started and its models loaded before the first caller speaks."""
        silence = bytes(SILENCE * (RATE // 4))
        wish = (silence, "en", (), True)
        loop, pool = asyncio.get_running_loop(), self._pools["quick"]
        loads = [loop.run_in_executor(pool, understanding.quick, *wish) for _ in range(self._recognisers)]
        with contextlib.suppress(BrokenProcessPool, RuntimeError, OSError):
            await asyncio.gather(*loads)

    def pids(self) -> list[int]:
        """The recognisers' processes that have been started."""
        return [pid for pool in self._pools.values() for pid in (pool._processes or {})]

    def close(self) -> None:
        """End the recognisers."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def status(self) -> dict[str, Any]:
        """How it goes: `up`, or `degraded` with the reason in plain words."""
        now, reason = time.monotonic(), ""
        if self.ability.nothing:
            reason = "Nobody listens for emergency words: there is no recogniser for this kind of machine."
        elif now - self.counts.last_refused < _REMEMBERED:
            reason = "Not every caller is listened to: more are on the line than this installation listens to."
        elif now - self.counts.last_dropped < _REMEMBERED:
            reason = "Some words were not listened to: too many callers spoke at once."
        return {
            "state": "degraded" if reason else "up",
            "detail": reason,
            "streams": len(self._wishes),
            "languages": sorted(self.ability.red_flags),
            "refused": self.counts.refused,
            "dropped": self.counts.dropped,
            "understood": self.counts.understood,
            "slowest": round(self.counts.slowest, 2),
        }

    def change(self, stream: str, wish: _Wish) -> None:
        """Listen for something else."""
        for known in (self._wishes, self._without_place):
            if stream in known:
                known[stream] = wish

    async def listen(self, stream: str, url: str, wish: _Wish, tell: Tell) -> None:
        """Listen to one channel until it ends or this is cancelled."""
        if self.ability.nothing:
            return
        if len(self._wishes) >= self._most:
            self.counts.refused += 1
            self._without_place[stream] = wish
            try:
                while len(self._wishes) >= self._most:
                    # Said on the board until there is a place.
                    self.counts.last_refused = time.monotonic()
                    await asyncio.sleep(_PLACE_EVERY)
            finally:
                wish = self._without_place.pop(stream)
        self._wishes[stream] = wish
        working: set[asyncio.Task[None]] = set()
        try:
            async with open_media(url) as media:
                tell({"open": stream})
                endpointer = Endpointer()
                async for frame in media.frames():
                    if isinstance(frame, Control):
                        continue
                    for utterance in endpointer.feed(frame):
                        task = asyncio.create_task(self._understand(stream, utterance, tell))
                        working.add(task)
                        task.add_done_callback(working.discard)
        except Unavailable:
            log.info("a channel ended before it was listened to")
        finally:
            self._wishes.pop(stream, None)
            for task in working:
                task.cancel()

    async def _understand(self, stream: str, utterance: Utterance, tell: Tell) -> None:
        """First what is quick; then, when nothing was found, what is thorough."""
        wish = self._wishes.get(stream)
        if wish is None:
            return
        began, found = time.monotonic(), Heard()
        for kind in ("quick", "thorough"):
            if kind == "thorough" and not self._worth_more(wish, found):
                break
            found = await self._work(kind, utterance.sound, wish)
            if found.phrase is not None or found.red_flag is not None:
                tell(
                    {
                        "heard": {
                            "stream": stream,
                            "phrase": found.phrase,
                            "confidence": found.confidence,
                            "red_flag": found.red_flag,
                        }
                    }
                )
        self.counts.understood += 1
        self.counts.slowest = max(self.counts.slowest, time.monotonic() - began)

    def _worth_more(self, wish: _Wish, found: Heard) -> bool:
        return (wish.red_flags and found.red_flag is None) or (bool(wish.phrases) and found.phrase is None)

    async def _work(self, kind: str, sound: bytes, wish: _Wish) -> Heard:
        if self._waiting[kind] >= self._recognisers * _WAITING[kind]:
            self.counts.dropped += 1
            self.counts.last_dropped = time.monotonic()
            return Heard()
        self._waiting[kind] += 1
        pool = self._pools[kind]
        try:
            asked = (sound, wish.language, wish.phrases, wish.red_flags)
            work: Callable[[], Heard] = (
                partial(understanding.quick, *asked)
                if kind == "quick"
                else partial(understanding.thorough, *asked, self._models)
            )
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except (BrokenProcessPool, RuntimeError, OSError):
            log.error("a recogniser has died")
            self.counts.dropped += 1
            self.counts.last_dropped = time.monotonic()
            if self._pools[kind] is pool:
                self._pools[kind] = self._new_pool(kind)
            return Heard()
        finally:
            self._waiting[kind] -= 1


class Tell:
    """Says things to one call control, in order."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def __call__(self, message: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")


@dataclass(slots=True)
class _Guest:
    """One call control, and what runs for it."""

    tell: Tell
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    #: Conversations whose caller is not connected yet.
    joining: dict[str, asyncio.Event] = field(default_factory=dict)


class VoiceDoor:
    """The Unix socket at which call control asks."""

    def __init__(self, ears: Ears, path: Path) -> None:
        self._ears = ears
        self._path = path
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to serve."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=1 << 20)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = _Guest(Tell(writer))
        telling = asyncio.create_task(self._keep_telling(guest.tell))
        try:
            while line := await reader.readline():
                self._do(guest, json.loads(line))
        except (OSError, ValueError, KeyError):
            log.warning("a question could not be understood")
        finally:
            # Whoever asked has gone: nothing is listened to on nobody's behalf.
            telling.cancel()
            for task in guest.running.values():
                task.cancel()
            writer.close()

    async def _keep_telling(self, tell: Tell) -> None:
        while True:
            tell({"status": self._ears.status()})
            await asyncio.sleep(_TELL_EVERY)

    def _do(self, guest: _Guest, asked: dict[str, Any]) -> None:
        stream = str(asked.get("stream", ""))
        match asked["do"]:
            case "listen":
                self._run(guest, stream, self._ears.listen(stream, asked["url"], _wish(asked), guest.tell))
            case "change":
                self._ears.change(stream, _wish(asked))
            case "agent":
                guest.joining[stream] = asyncio.Event()
                self._run(guest, stream, _converse(stream, asked, guest))
            case "joined":
                if (joining := guest.joining.get(stream)) is not None:
                    joining.set()
            case "stop":
                if (task := guest.running.pop(stream, None)) is not None:
                    task.cancel()

    def _run(self, guest: _Guest, stream: str, work: Any) -> None:
        if (before := guest.running.pop(stream, None)) is not None:
            before.cancel()
        task = asyncio.create_task(work)
        guest.running[stream] = task

        def done(ended: asyncio.Task[None]) -> None:
            if guest.running.get(stream) is ended:
                del guest.running[stream]
            if not ended.cancelled() and (error := ended.exception()) is not None:
                log.error("a stream has failed", extra={"error": type(error).__name__})

        task.add_done_callback(done)


async def _converse(stream: str, asked: dict[str, Any], guest: _Guest) -> None:
    why = "failed"
    try:
        with contextlib.suppress(Unavailable, TimeoutError):
            async with open_media(asked["url"]) as media:
                guest.tell({"open": stream})
                # Before that, the agent's first words would be heard by nobody.
                async with asyncio.timeout(_JOIN_SECONDS):
                    await guest.joining[stream].wait()
                why = await Conversation(AgentCall.from_body(asked["agent"]), media).run()
    finally:
        guest.joining.pop(stream, None)
    guest.tell({"ended": stream, "why": why})


def _wish(asked: dict[str, Any]) -> _Wish:
    return _Wish(str(asked["language"]), tuple(asked["phrases"]), bool(asked["red_flags"]))


def _begin_worker() -> None:
    """A recogniser is ended by its parent, not by the keyboard."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """A parent that is killed cannot end us; nobody would ever ask us anything again."""
    parent.join()
    os._exit(0)
