"""The two sockets of a page: `/live` for updates, `/sip/<name>` for its telephone (a guarded way to the switch)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

from careline.kernel.errors import CarelineError
from careline.platform.i18n import use_language
from careline.security.actor import Actor
from careline.security.permissions import Permission
from careline.security.sessions import Session
from careline.security.web import cookie_of, read_session
from careline.web import i18n
from careline.web.caller import CALLER_COOKIE, MAX_AGE
from careline.web.csrf import same_origin
from careline.web.live import ENDED, LiveHub, Socket
from careline.web.metrics import SIP_REFUSED, SIP_SOCKETS
from careline.web.sip_guard import MAX_MESSAGE, SipRefused, check
from careline.web.tickets import Kind, Tickets

log = logging.getLogger(__name__)

AnySocket = WebSocket[Any, Any, Any]
#: Close codes of ours: not your telephone, or not what a telephone says; the switch cannot be reached.
REFUSED, UNREACHABLE = 4403, 1013
#: A telephone says a few messages a second at most (keys are the quickest).
MESSAGES_PER_10_S = 200


@websocket("/live", opt={"public": True})
async def live(socket: AnySocket, state: State) -> None:
    """Live updates for whoever is signed in; a locked screen keeps its call bar."""
    hub: LiveHub = state.live
    await socket.accept()
    session: Session | None = socket.scope["state"].get("session")
    if session is None or session.stage != "full" or not same_origin(dict(socket.headers)):
        await socket.close(await _why_not(socket, state))
        return
    if i18n.COOKIE not in socket.cookies:
        use_language(session.language)

    async def refresh() -> tuple[Actor, bool]:
        return await read_session(socket, state.services)

    page = Socket(session.actor, socket.send_text, lambda code: _close(socket, code), refresh, locked=session.locked)

    async def hear() -> None:
        while True:
            message = msgspec.json.decode(await socket.receive_text())
            if not isinstance(message, dict):
                raise ValueError("a live message is an object")
            hub.received(page, message)
            secret = cookie_of(socket.headers)
            if message.get("active") and secret:
                # The person did something on a page that asks nothing of the server: not idle.
                with suppress(CarelineError):
                    await state.services.security.sessions.read(secret, active=True)

    await _first(hub.serve(page), hear())
    with suppress(Exception):
        await socket.close(1008)


async def _why_not(socket: AnySocket, state: State) -> int:
    """The close code for a page without a session: signed out for good, or the database is away just now."""
    try:
        await read_session(socket, state.services)
    except CarelineError:
        return ENDED
    except Exception as error:
        log.warning("live socket could not be opened", extra={"error": type(error).__qualname__})
        return UNREACHABLE
    return ENDED


@websocket("/sip/{name:str}", opt={"public": True})
async def sip(socket: AnySocket, state: State, name: FromPath[str]) -> None:
    """A browser telephone's way to the switch: its own messages only, for as long as its session stands."""
    kind = await _whose(socket, state, name)
    if kind is None or "sip" not in socket.scope.get("subprotocols", ()):
        SIP_REFUSED.labels("not-yours").inc()
        await socket.accept()
        await socket.close(REFUSED)
        return
    url = f"ws://127.0.0.1:{state.services.settings.asterisk_http_port}/ws"
    await socket.accept(subprotocols="sip")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=3)) as client,
            client.ws_connect(url, protocols=("sip",), max_msg_size=MAX_MESSAGE, autoping=True) as switch,
        ):
            with SIP_SOCKETS.labels(kind).track_inprogress(), state.telephones.in_use(name):
                out = _to_switch(socket, switch, name, kind)
                await _first(out, _to_browser(switch, socket), _watch(socket, state, name))
    except (aiohttp.ClientError, OSError, TimeoutError):
        SIP_REFUSED.labels("switch-unreachable").inc()
        await _close(socket, UNREACHABLE)
    except SipRefused as refused:
        why = str(refused.facts.get("why"))
        SIP_REFUSED.labels(why).inc()
        log.warning("sip message refused", extra={"reason": why, "kind": kind})
        await _close(socket, REFUSED)
    else:
        await _close(socket, 1001)


async def _whose(socket: AnySocket, state: State, name: str) -> Kind | None:
    """What kind of telephone this is, if it belongs to who asks."""
    if not same_origin(dict(socket.headers)):
        return None
    tickets: Tickets = state.tickets
    if name.startswith("w-"):
        cookie = socket.cookies.get(CALLER_COOKIE, "")
        issued = tickets.issued(cookie)
        fresh = issued is not None and time.time() - issued < MAX_AGE
        return tickets.kind_of(name, cookie) if fresh else None
    try:
        actor, _ = await read_session(socket, state.services)
    except CarelineError:
        return None
    if not actor.may(Permission.CALL_HANDLE):
        return None
    return tickets.kind_of(name, str(actor.session_id))


async def _to_switch(socket: AnySocket, switch: aiohttp.ClientWebSocketResponse, name: str, kind: Kind) -> None:
    window, count = time.monotonic(), 0
    while True:
        message = await socket.receive_text()
        now = time.monotonic()
        if now - window > 10:
            window, count = now, 0
        count += 1
        if count > MESSAGES_PER_10_S:
            raise SipRefused(why="too-many")
        check(message, name, kind)
        await switch.send_str(message)


async def _to_browser(switch: aiohttp.ClientWebSocketResponse, socket: AnySocket) -> None:
    async for message in switch:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_text(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_text(message.data.decode("utf-8", "replace"))


async def _watch(socket: AnySocket, state: State, name: str) -> None:
    """Ends when the telephone's session has ended. A locked screen keeps its telephone: it may be in a call."""
    while True:
        await asyncio.sleep(30)
        try:
            if await _whose(socket, state, name) is None:
                return
        except Exception as error:
            # The database is away: whoever was let in stays in.
            log.warning("session of a telephone could not be read", extra={"error": type(error).__qualname__})


async def _first(*work: Awaitable[None]) -> None:
    """Run side by side until one ends; the others are stopped. A page that goes away is an ordinary end."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        with suppress(WebSocketDisconnect, ValueError, msgspec.DecodeError, RuntimeError):
            task.result()


async def _close(socket: AnySocket, code: int) -> None:
    with suppress(Exception):
        await socket.close(code)


handlers: list[Any] = [live, sip]
