"""The browsers of `careline bench live`: a process of websockets that note when a screen was told something.

Moments are of the system's monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from careline.security.web import COOKIE

#: What the pages of a desk and of a board subscribe to.
DESK = ("me", "queues", "health")
BOARD = ("board", "health", "closures", "surges", "alarms")
#: How many connect at the same time.
AT_ONCE = 20


class _Queue(msgspec.Struct):
    name: str
    waiting: int


class _Offer(msgspec.Struct):
    call_id: str


class _Me(msgspec.Struct):
    offer: _Offer | None = None


class _Board(msgspec.Struct):
    queues: list[_Queue]


class _Message(msgspec.Struct):
    topic: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_MESSAGE = msgspec.json.Decoder(_Message)
_QUEUES = msgspec.json.Decoder(list[_Queue])
_ME = msgspec.json.Decoder(_Me)
_BOARD = msgspec.json.Decoder(_Board)


@dataclass(slots=True)
class Screen:
    """What one browser was told, and when."""

    #: The watched queue's length, as it grew: (callers, moment).
    grew: list[tuple[int, float]] = field(default_factory=list)
    #: Calls offered to its agent: (call, moment).
    offers: list[tuple[str, float]] = field(default_factory=list)
    messages: int = 0

    def told(self, text: str, watched: str, now: float) -> bool:
        """A message came; whether it wants an answer. `watched` is the name of the queue that is looked at."""
        self.messages += 1
        message = _MESSAGE.decode(text)
        if message.topic == "me":
            offer = _ME.decode(message.data).offer
            if offer and (not self.offers or self.offers[-1][0] != offer.call_id):
                self.offers.append((offer.call_id, now))
        elif message.topic in ("queues", "board"):
            queues = _QUEUES.decode(message.data) if message.topic == "queues" else _BOARD.decode(message.data).queues
            waiting = next((queue.waiting for queue in queues if queue.name == watched), 0)
            if waiting > (self.grew[-1][0] if self.grew else 0):
                self.grew.append((waiting, now))
        return message.topic == "ping"

    def delays(self, moments: Sequence[float]) -> list[float]:
        """Seconds from the moment at which the first, second … caller waited until this screen showed as many."""
        found = []
        for count, moment in enumerate(moments, start=1):
            shown = next((at for waiting, at in self.grew if waiting >= count), None)
            if shown is not None:
                found.append(shown - moment)
        return found


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser to be opened: whose session, and which page."""

    secret: str
    topics: tuple[str, ...]


class Browsers:
    """A process of browsers."""

    def __init__(self, ready: Event, stop: Event, seen: Queue[list[Screen]], pid: int) -> None:
        self._ready = ready
        self._stop = stop
        self._seen = seen
        self.pid = pid

    async def ready(self, seconds: float) -> None:
        """Wait until each has the first view of its page. Raises RuntimeError."""
        if not await asyncio.to_thread(self._ready.wait, seconds):
            raise RuntimeError("not every browser was told its first view in time")

    async def seen(self) -> list[Screen]:
        """End them; what each was told, in the order of the visits."""
        self._stop.set()
        return await asyncio.to_thread(self._seen.get, True, 30)


@contextmanager
def browsers(visits: Sequence[Visit], port: int, watched: str) -> Iterator[Browsers]:
    """Open a page for each visit at the web process of `port`, in a process beside this one."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    seen: Queue[list[Screen]] = context.Queue()
    process = context.Process(target=_run, args=(list(visits), port, watched, ready, stop, seen), daemon=True)
    process.start()
    try:
        yield Browsers(ready, stop, seen, process.pid or 0)
    finally:
        process.terminate()
        process.join(5)


def _run(
    visits: Sequence[Visit], port: int, watched: str, ready: Event, stop: Event, seen: Queue[list[Screen]]
) -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    seen.put(asyncio.run(_open(visits, port, watched, ready, stop)))


async def _open(visits: Sequence[Visit], port: int, watched: str, ready: Event, stop: Event) -> list[Screen]:
    door = asyncio.Semaphore(AT_ONCE)
    screens = [Screen() for _ in visits]
    first = [asyncio.Event() for _ in visits]

    async def look(number: int) -> None:
        visit, screen = visits[number], screens[number]
        async with door:
            cookie = {"Cookie": f"{COOKIE}={visit.secret}"}
            socket = await connect(f"ws://127.0.0.1:{port}/live", additional_headers=cookie, compression=None)
            await socket.send(msgspec.json.encode({"subscribe": visit.topics}).decode())
        try:
            async for text in socket:
                if screen.told(str(text), watched, time.monotonic()):
                    # As a page does: a sign of life.
                    await socket.send("{}")
                # Greeting and session come before the page's own views.
                if screen.messages > len(visit.topics):
                    first[number].set()
        except ConnectionClosed:
            return

    looking = [asyncio.create_task(look(number)) for number in range(len(visits))]
    await asyncio.gather(*(one.wait() for one in first))
    ready.set()
    await asyncio.to_thread(stop.wait)
    for one in looking:
        one.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    return screens
