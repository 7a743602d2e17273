"""The live socket's hub: who hears what, how often, and when a socket ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from careline.kernel.errors import Forbidden, NotSignedIn
from careline.kernel.ids import new_id
from careline.platform.live import Topic
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.web.live import AT_ONCE, BREATH, ENDED, LiveHub, Socket, Subscription
from careline.web.live_views import SLICE, SharedViews

pytestmark = pytest.mark.unit

SOMETHING = UUID(int=1)


@dataclass(frozen=True)
class Event:
    """An event as the hub sees it."""

    stream: str
    tenant_id: int = 1
    kind: str = "happened"
    stream_id: UUID = SOMETHING
    person_id: UUID | None = None


class Page:
    """The far side of a socket: keeps what it was told."""

    def __init__(self, hub: LiveHub, *, tenant_id: int = 1, role: Role = Role.AGENT) -> None:
        self.hub = hub
        self.actor = Actor(
            tenant_id=tenant_id, kind="person", person_id=new_id(), roles=frozenset({role}), session_id=new_id()
        )
        self.locked = False
        self.over = False
        self.messages: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.news = asyncio.Event()
        self.socket = Socket(self.actor, self._send, self._close, self._refresh)
        self.task = asyncio.create_task(hub.serve(self.socket))

    async def _send(self, text: str) -> None:
        self.messages.append(msgspec.json.decode(text))
        self.news.set()

    async def _close(self, code: int) -> None:
        self.closed = code
        self.news.set()

    async def _refresh(self) -> tuple[Actor, bool]:
        if self.over:
            raise NotSignedIn
        return self.actor, self.locked

    def heard(self, topic: str) -> list[Any]:
        """What was said on a topic."""
        return [m["data"] for m in self.messages if m["topic"] == topic]

    async def until(self, condition: Any) -> None:
        """Wait for more messages until the condition holds."""
        async with asyncio.timeout(5):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def leave(self) -> None:
        """Close the tab."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Counter:
    """A view that counts how often it is taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def __call__(self, actor: Actor, key: str | None) -> Any:
        self.taken += 1
        return {"taken": self.taken, "key": key, "who": str(actor.person_id)}


def hub_of(view: Any, **options: Any) -> LiveHub:
    """A hub with one topic."""
    return LiveHub([Topic(name="board", snapshot=view, streams=frozenset({"call"}), **options)], None)


async def test_a_subscriber_gets_a_view_at_once_and_after_each_change_with_rising_numbers() -> None:
    view = Counter()
    hub = hub_of(view)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": ["board", "unknown", 7]})
    await page.until(lambda: page.heard("board"))
    hub.happened([Event("call")])
    await page.until(lambda: len(page.heard("board")) == 2)
    assert [m["seq"] for m in page.messages] == list(range(1, len(page.messages) + 1))
    assert page.messages[0]["topic"] == "hello"
    await page.leave()
    assert hub.count() == 0


async def test_a_burst_of_events_is_one_message() -> None:
    view = Counter()
    hub = hub_of(view)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": ["board"]})
    await page.until(lambda: page.heard("board"))
    for _ in range(500):
        hub.happened([Event("call")])
    await page.until(lambda: len(page.heard("board")) == 2)
    assert view.taken == 2
    await page.leave()


def test_after_a_pause_a_view_is_taken_at_once_and_in_a_rush_once_a_breath() -> None:
    one = Subscription(Topic(name="board", snapshot=Counter(), streams=frozenset()), None)
    for _ in range(AT_ONCE):
        assert one.ready <= 1000.0
        one.take(1000.0)
    assert one.ready == pytest.approx(1000.0 + BREATH)
    one.take(1000.0 + BREATH)
    assert one.ready == pytest.approx(1000.0 + 2 * BREATH)
    one.take(2000.0)
    assert one.ready < 2000.0


async def test_a_rush_in_one_view_delays_no_other() -> None:
    board, desk = Counter(), Counter()
    topics = [
        Topic(name="board", snapshot=board, streams=frozenset({"call"})),
        Topic(name="me", snapshot=desk, streams=frozenset({"agent"})),
    ]
    page = Page(LiveHub(topics, None))
    page.hub.received(page.socket, {"subscribe": ["board", "me"]})
    await page.until(lambda: page.heard("board") and page.heard("me"))
    page.socket.subscriptions["board"].spent += 3600
    page.hub.happened([Event("call")])
    page.hub.happened([Event("agent")])
    await page.until(lambda: len(page.heard("me")) == 2)
    assert len(page.heard("board")) == 1
    assert page.socket.dirty == {"board"}
    await page.leave()


async def test_a_page_that_leaves_and_comes_back_gets_no_more_views_than_one_that_stays() -> None:
    hub = hub_of(Counter())
    page = Page(hub)
    for _ in range(AT_ONCE):
        hub.received(page.socket, {"subscribe": ["board"]})
        page.socket.subscriptions["board"].take(1000.0)
        hub.received(page.socket, {"unsubscribe": ["board"]})
    hub.received(page.socket, {"subscribe": ["board"]})
    assert page.socket.subscriptions["board"].ready == pytest.approx(1000.0 + BREATH)
    await page.leave()


async def test_other_tenants_streams_and_unconcerning_events_say_nothing() -> None:
    mine = UUID(int=7)
    view = Counter()
    hub = hub_of(view, concerns=lambda event, actor, key: str(event.stream_id) == key)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": [f"board:{mine}"]})
    await page.until(lambda: page.heard(f"board:{mine}"))
    hub.happened([Event("call", tenant_id=2, stream_id=mine), Event("agent", stream_id=mine), Event("call")])
    assert page.socket.dirty == set()
    hub.happened([Event("call", stream_id=mine)])
    await page.until(lambda: len(page.heard(f"board:{mine}")) == 2)
    assert view.taken == 2
    await page.leave()


async def test_hundreds_of_screens_of_one_view_let_others_have_a_turn() -> None:
    taken, go = Counter(), asyncio.Event()

    async def view(actor: Actor, key: str | None) -> Any:
        await go.wait()
        return await taken(actor, key)

    views, actor = SharedViews(), Actor(tenant_id=1, kind="person", person_id=new_id(), roles=frozenset())
    topic = Topic(name="board", snapshot=view, streams=frozenset(), shared=True)
    served: list[str] = []

    async def look() -> None:
        await views.take(actor, topic)
        served.append("screen")

    looking = [asyncio.create_task(look()) for _ in range(10 * SLICE)]
    await asyncio.sleep(0)
    looking[0].cancel()
    go.set()
    while not served:
        await asyncio.sleep(0)
    assert len(served) < 2 * SLICE, "all of them were served in one turn"
    await asyncio.gather(*looking, return_exceptions=True)
    assert len(served) == 10 * SLICE - 1
    assert taken.taken == 1


async def test_an_event_is_asked_once_whether_it_concerns_what_everybody_sees() -> None:
    asked: list[str] = []

    def concerns(event: Event, actor: Actor, key: str | None) -> bool:
        asked.append(event.kind)
        return event.kind == "queued"

    hub = hub_of(Counter(), shared=True, concerns=concerns)
    pages = [Page(hub) for _ in range(5)]
    for page in pages:
        hub.received(page.socket, {"subscribe": ["board"]})
    for page in pages:
        await page.until(lambda page=page: page.heard("board"))
    hub.happened([Event("call", kind="announced"), Event("call", kind="queued")])
    for page in pages:
        await page.until(lambda page=page: len(page.heard("board")) == 2)
    assert asked == ["announced", "queued"]
    for page in pages:
        await page.leave()
    hub.happened([Event("call", kind="later")])
    assert asked == ["announced", "queued"], "nobody listens any more"


async def test_a_shared_view_is_taken_once_for_all_with_the_same_roles() -> None:
    view = Counter()
    hub = hub_of(view, shared=True)
    pages = [Page(hub) for _ in range(20)] + [Page(hub, role=Role.SUPERVISOR), Page(hub, tenant_id=2)]
    for page in pages:
        hub.received(page.socket, {"subscribe": ["board"]})
    for page in pages:
        await page.until(lambda page=page: page.heard("board"))
    assert view.taken == 3
    assert len({page.heard("board")[0]["who"] for page in pages}) == 3
    for page in pages:
        await page.leave()


async def test_a_shared_view_has_no_keys_that_a_page_could_make_up() -> None:
    view = Counter()
    hub = hub_of(view, shared=True)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": [f"board:{number}" for number in range(20)]})
    assert page.socket.subscriptions == {}, "nothing is taken or kept for a key"
    hub.received(page.socket, {"subscribe": ["board"]})
    await page.until(lambda: page.heard("board"))
    assert view.taken == 1
    await page.leave()


async def test_what_is_not_allowed_is_said_and_hides_what_was_shown() -> None:
    allowed = True

    async def view(actor: Actor, key: str | None) -> Any:
        if not allowed:
            raise Forbidden
        return "secret"

    hub = hub_of(view)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": ["board"]})
    await page.until(lambda: page.heard("board") == ["secret"])
    allowed = False
    page.locked = True
    hub.happened([Event("session", kind="locked", stream_id=page.actor.session_id or UUID(int=0))])
    await page.until(lambda: page.heard("board")[-1] == {"error": "forbidden"})
    assert page.heard("session") == [{"locked": False}, {"locked": True}]
    await page.leave()


async def test_a_revoked_session_ends_its_sockets_and_no_other() -> None:
    hub = hub_of(Counter())
    page, other = Page(hub), Page(hub)
    await page.until(lambda: page.heard("session"))
    hub.happened([Event("session", kind="revoked", stream_id=page.actor.session_id or UUID(int=0))])
    await page.until(lambda: page.closed is not None)
    assert page.closed == ENDED
    assert other.closed is None
    await other.leave()


async def test_a_failing_view_is_tried_again_and_the_old_one_stays(caplog: pytest.LogCaptureFixture) -> None:
    fails = False

    async def view(actor: Actor, key: str | None) -> Any:
        if fails:
            raise RuntimeError("the patient's name would be here")
        return "fine"

    hub = hub_of(view)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": ["board"]})
    await page.until(lambda: page.heard("board"))
    fails = True
    hub.happened([Event("call")])
    while "live view failed" not in caplog.text:
        await asyncio.sleep(0)
    assert page.heard("board") == ["fine"]
    assert "name would be here" not in caplog.text
    await page.leave()


async def test_unsubscribing_ends_a_topic_and_too_many_are_not_taken() -> None:
    view = Counter()
    hub = hub_of(view)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": [f"board:{n}" for n in range(100)]})
    assert len(page.socket.subscriptions) == 32
    hub.received(page.socket, {"unsubscribe": [f"board:{n}" for n in range(100)]})
    assert page.socket.subscriptions == {}
    await page.leave()


async def test_the_follower_failing_does_not_silence_the_pages() -> None:
    rounds = 0

    async def follow() -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise RuntimeError("broken")
        yield [Event("call")]
        await asyncio.Event().wait()

    view = Counter()
    hub = LiveHub([Topic(name="board", snapshot=view, streams=frozenset({"call"}))], follow)
    page = Page(hub)
    hub.received(page.socket, {"subscribe": ["board"]})
    await hub.start()
    await page.until(lambda: len(page.heard("board")) >= 2)
    assert hub.following
    await hub.stop()
    await page.until(lambda: page.closed == 1012)
