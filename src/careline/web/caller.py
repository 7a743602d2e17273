"""`/call`: a telephone in the caller's own browser, without a sign-in. It reaches Careline's lines and nothing else."""

from __future__ import annotations

import time
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie, State
from litestar.params import JSONBody
from litestar.response import Template

from careline.kernel.errors import Forbidden, InvalidInput
from careline.kernel.phone import pretty, to_e164
from careline.security.limits import Limiter, Rate
from careline.security.web import address_of
from careline.web.softphone import credentials
from careline.web.tickets import Tickets

CALLER_COOKIE = "careline_caller"
#: A caller's page may register for so long after it was opened; a call in progress goes on.
MAX_AGE = 4 * 3600
#: Calls from one address: a handful at once (a household, a clinic's own network), then one every 20 seconds.
RATE = Rate(burst=10, per_second=0.05)


class NotALine(InvalidInput):
    """That is not a number that can be called from here."""

    id = "not-a-line"


@get("/call", opt={"public": True})
async def call_page(request: Request[Any, Any, Any], state: State) -> Response[Any]:
    """The caller's page; `?number=` fills in the line to call."""
    tickets: Tickets = state.tickets
    now = int(time.time())
    cookie = request.cookies.get(CALLER_COOKIE, "")
    issued = tickets.issued(cookie)
    number = to_e164(request.query_params.get("number", "")[:32], state.services.settings.region)
    page = Template("call.html", context={"number": number or "", "shown": pretty(number) if number else ""})
    if issued is None or now - issued > MAX_AGE // 2:
        secure = request.url.scheme == "https"
        page.set_cookie(
            Cookie(
                CALLER_COOKIE,
                value=tickets.sign(now),
                max_age=MAX_AGE,
                httponly=True,
                samesite="strict",
                secure=secure,
            )
        )
    return page


@post("/call/ticket", status_code=200, opt={"public": True})
async def call_ticket(request: Request[Any, Any, Any], state: State, data: JSONBody[dict[str, str]]) -> dict[str, Any]:
    """Telephone credentials for one call from this page, and the number as the switch takes it."""
    tickets: Tickets = state.tickets
    cookie = request.cookies.get(CALLER_COOKIE, "")
    issued = tickets.issued(cookie)
    if issued is None or time.time() - issued > MAX_AGE:
        raise Forbidden("Open the page again to call.")
    number = to_e164(str(data.get("number", ""))[:32], state.services.settings.region)
    if number is None:
        raise NotALine
    limiter: Limiter = state.caller_limiter
    limiter.take(f"caller {address_of(request.scope)}")
    return {**await credentials(state, "caller", cookie, None), "number": number}


handlers: list[Any] = [call_page, call_ticket]
