"""Live updates: one socket a tab, fed by the event rows.

A page subscribes to topics; it gets a snapshot at once and a new one whenever an event may have changed it: at once
after a pause, ten times a second while much happens. Snapshots replace each other, so nothing has to be replayed after
a break: the page subscribes again. A view that many share is taken and encoded once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from careline.kernel.errors import CarelineError, Forbidden, NotFound
from careline.platform.live import Happened, Topic
from careline.security.actor import Actor
from careline.web.live_views import SharedViews, encode
from careline.web.metrics import LIVE_MESSAGES, LIVE_SOCKETS

log = logging.getLogger(__name__)

#: Close codes: the session is over (do not come back); a planned renewal (come back at once).
ENDED, RENEW = 4401, 4408
#: Mean time between two views of one topic on one socket, in a rush; so many come at once after a pause.
BREATH, AT_ONCE = 0.1, 3
PING_EVERY = 15.0
#: A session's end and lock are told by events; this finds the one that ran out, or whose event was missed.
LOOK_EVERY = 60.0
SILENCE = 45.0
MAX_LIFE = 1800.0
MAX_TOPICS = 32

Send = Callable[[str], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]
#: Reads the session behind a socket again: the actor now, and whether its screen is locked.
Refresh = Callable[[], Awaitable[tuple[Actor, bool]]]


@dataclass(eq=False, slots=True)
class Subscription:
    """A topic as one socket hears it."""

    topic: Topic
    key: str | None
    #: The name the page knows it by.
    name: str = field(init=False)
    sent: str | None = None
    taken: float = 0.0
    #: Until when its views are spent: each takes a breath, and a pause gives back at most `AT_ONCE` of them.
    spent: float = 0.0

    @property
    def ready(self) -> float:
        """The moment from which it may be taken again."""
        return self.spent - (AT_ONCE - 1) * BREATH

    def take(self, now: float) -> None:
        """It is taken now."""
        self.taken = now
        self.spent = max(self.spent, now) + BREATH

    def __post_init__(self) -> None:
        self.name = self.topic.name if self.key is None else f"{self.topic.name}:{self.key}"


@dataclass(eq=False)
class Socket:
    """One open tab."""

    actor: Actor
    send: Send
    close: Close
    refresh: Refresh
    locked: bool = False
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    heard: float = field(default_factory=time.monotonic)
    seq: int = 0
    ending: int | None = None
    stale: bool = False
    #: What the topics it left had spent: coming back gives nothing back.
    spent: float = 0.0

    def mark(self, names: Iterable[str]) -> None:
        """Topics to be taken again in the next round."""
        self.dirty.update(names)
        if self.dirty:
            self.wake.set()

    def end(self, code: int) -> None:
        """Close it in the next round."""
        self.ending = code
        self.wake.set()

    async def say(self, topic: str, data: str) -> None:
        """Send one message whose data is encoded already."""
        self.seq += 1
        LIVE_MESSAGES.labels(topic.partition(":")[0]).inc()
        await self.send(f'{{"seq":{self.seq},"topic":{encode(topic)},"data":{data}}}')


class LiveHub:
    """Knows every socket of this process, and follows the events for them all."""

    def __init__(self, topics: Sequence[Topic], follow: Callable[[], AsyncIterator[Sequence[Happened]]] | None) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._by_stream: dict[str, list[Topic]] = defaultdict(list)
        for topic in topics:
            for stream in topic.streams:
                self._by_stream[stream].append(topic)
        self._follow = follow
        self._sockets: dict[int, set[Socket]] = defaultdict(set)
        #: Who listens to a topic of a tenant: an event is held against these alone.
        self._listening: dict[tuple[int, str], set[tuple[Socket, Subscription]]] = defaultdict(set)
        self._views = SharedViews()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def following(self) -> bool:
        """Whether events are being followed."""
        return any(not task.done() for task in self._tasks)

    async def start(self) -> None:
        """Begin to follow the events."""
        if self._follow is not None:
            self._tasks.append(asyncio.create_task(self._run(), name="live hub"))

    async def stop(self) -> None:
        """Stop following; every socket is told to come back (to another process, or to this one restarted)."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sockets in self._sockets.values():
            for socket in sockets:
                socket.end(1012)

    async def _run(self) -> None:
        assert self._follow is not None
        while True:
            try:
                async for batch in self._follow():
                    self.happened(batch)
            except Exception as error:
                # The follower mends lost connections itself; whatever else it meets must not silence every page.
                log.error("live follower failed", extra={"error": type(error).__qualname__})
            await asyncio.sleep(1)
            self.everything_may_have_changed()

    def happened(self, batch: Sequence[Happened]) -> None:
        """Mark what these events may have changed, socket by socket."""
        for event in batch:
            self._views.changed(event.tenant_id)
            sockets = self._sockets.get(event.tenant_id)
            if not sockets:
                continue
            if event.stream == "session":
                self._session_changed(event, sockets)
            for topic in self._by_stream.get(event.stream, ()):
                self._mark(topic, event)

    def _mark(self, topic: Topic, event: Happened) -> None:
        listening = self._listening.get((event.tenant_id, topic.name))
        if not listening:
            return
        concerns = topic.concerns
        if topic.shared:
            # What everybody sees alike concerns everybody alike: asked once.
            someone, _ = next(iter(listening))
            if concerns is None or concerns(event, someone.actor, None):
                for socket, subscription in listening:
                    socket.mark((subscription.name,))
        else:
            for socket, subscription in listening:
                if concerns is None or concerns(event, socket.actor, subscription.key):
                    socket.mark((subscription.name,))

    def everything_may_have_changed(self) -> None:
        """After a gap in the events: take every view again."""
        for tenant_id, sockets in self._sockets.items():
            self._views.changed(tenant_id)
            for socket in sockets:
                socket.mark(socket.subscriptions)

    def _session_changed(self, event: Happened, sockets: set[Socket]) -> None:
        for socket in sockets:
            if socket.actor.session_id == event.stream_id:
                if event.kind == "revoked":
                    socket.end(ENDED)
                else:
                    socket.stale = True
                    socket.mark(("session",))

    async def serve(self, socket: Socket) -> None:
        """Speak on a socket until it ends; the reader of what the page says runs beside it (see `received`)."""
        tenant = self._sockets[socket.actor.tenant_id]
        tenant.add(socket)
        LIVE_SOCKETS.inc()
        try:
            await self._speak(socket)
        finally:
            tenant.discard(socket)
            for name in list(socket.subscriptions):
                self._leave(socket, name)
            LIVE_SOCKETS.dec()

    def received(self, socket: Socket, message: dict[str, Any]) -> None:
        """What the page said: `subscribe` and `unsubscribe` with lists of topics; anything counts as a sign of life."""
        socket.heard = time.monotonic()
        for name in _names(message.get("subscribe")):
            topic, key = self._find(name)
            if topic is not None and (name in socket.subscriptions or len(socket.subscriptions) < MAX_TOPICS):
                self._leave(socket, name)
                subscription = Subscription(topic, key, spent=socket.spent)
                socket.subscriptions[name] = subscription
                self._listening[socket.actor.tenant_id, topic.name].add((socket, subscription))
                socket.mark((name,))
        for name in _names(message.get("unsubscribe")):
            self._leave(socket, name)

    def _leave(self, socket: Socket, name: str) -> None:
        if left := socket.subscriptions.pop(name, None):
            socket.spent = max(socket.spent, left.spent)
            self._listening[socket.actor.tenant_id, left.topic.name].discard((socket, left))

    def _find(self, name: str) -> tuple[Topic | None, str | None]:
        base, colon, key = name.partition(":")
        topic = self._topics.get(base)
        # A view of everybody has no parts: a page that makes keys up must not have each of them kept.
        return (None if topic is not None and topic.shared and colon else topic), (key if colon else None)

    async def _speak(self, socket: Socket) -> None:
        born = time.monotonic()
        life = MAX_LIFE * random.uniform(0.8, 1.2)
        await socket.say("hello", "null")
        await self._tell_session(socket)
        pinged = looked = born
        while socket.ending is None:
            await self._wait(socket, pinged)
            if socket.ending is not None:
                break
            now = time.monotonic()
            if now - pinged >= PING_EVERY:
                pinged = now
                if now - socket.heard > SILENCE:
                    socket.ending = 1001
                    break
                if now - looked >= LOOK_EVERY:
                    looked = now
                    if not await self._refresh(socket):
                        break
                await socket.say("ping", "null")
            if now - born > life:
                socket.ending = RENEW
                break
            await self._round(socket)
        await socket.close(socket.ending or ENDED)

    async def _wait(self, socket: Socket, pinged: float) -> None:
        """Until something is dirty, or it is time to speak anyway."""
        due = [pinged + PING_EVERY]
        due += [s.taken + s.topic.every for s in socket.subscriptions.values() if s.topic.every]
        due += [s.ready for name in socket.dirty if (s := socket.subscriptions.get(name))]
        if not socket.wake.is_set():
            # A timer of the loop costs a fraction of a time-out, and every view of every page passes here.
            timer = asyncio.get_running_loop().call_later(max(0.0, min(due) - time.monotonic()), socket.wake.set)
            try:
                await socket.wake.wait()
            finally:
                timer.cancel()
        now = time.monotonic()
        socket.dirty.update(
            name for name, s in socket.subscriptions.items() if s.topic.every and now - s.taken >= s.topic.every
        )
        socket.wake.clear()

    async def _round(self, socket: Socket) -> None:
        """Send what is dirty, but for what was taken too often of late: that stays dirty."""
        dirty, socket.dirty = socket.dirty, set()
        if "session" in dirty and socket.stale:
            socket.stale = False
            if not await self._refresh(socket):
                return
            await self._tell_session(socket)
            dirty.update(socket.subscriptions)
        now = time.monotonic()
        for name in dirty:
            subscription = socket.subscriptions.get(name)
            if subscription is None:
                continue
            if subscription.ready > now:
                socket.dirty.add(name)
                continue
            subscription.take(now)
            data = await self._take(socket, subscription)
            if data is not None and data != subscription.sent:
                subscription.sent = data
                await socket.say(name, data)

    async def _take(self, socket: Socket, subscription: Subscription) -> str | None:
        try:
            if subscription.topic.shared:
                return await self._views.take(socket.actor, subscription.topic)
            return encode(await subscription.topic.snapshot(socket.actor, subscription.key))
        except (Forbidden, NotFound) as refused:
            return encode({"error": refused.id})
        except CarelineError as error:
            log.warning("live view failed", extra={"topic": subscription.topic.name, "error": error.id})
        except Exception as error:
            log.error("live view failed", extra={"topic": subscription.topic.name, "error": type(error).__qualname__})
        # Shown as it was; tried again shortly.
        asyncio.get_running_loop().call_later(2, socket.mark, (subscription.name,))
        return None

    async def _refresh(self, socket: Socket) -> bool:
        """Read the session again; False when it is over."""
        try:
            socket.actor, socket.locked = await socket.refresh()
        except CarelineError:
            socket.ending = ENDED
            return False
        except Exception as error:
            # The database is away: the session is believed until it can be asked again.
            log.warning("session of a live socket could not be read", extra={"error": type(error).__qualname__})
        return True

    async def _tell_session(self, socket: Socket) -> None:
        await socket.say("session", encode({"locked": socket.locked}))

    def count(self, session_id: UUID | None = None) -> int:
        """How many sockets are open, in all or of one session."""
        return sum(
            1 for s in self._sockets.values() for one in s if session_id is None or one.actor.session_id == session_id
        )


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str) and len(name) <= 100] if isinstance(value, list) else []
