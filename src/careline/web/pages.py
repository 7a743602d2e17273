"""The shell's own pages: where to start, the Manage overview, the choice of language."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Template

from careline.api.openapi import complete
from careline.platform.i18n import LANGUAGES
from careline.web.i18n import COOKIE
from careline.web.templating import actor_of


@get("/", name="home", opt={"public": True})
async def home(request: Request[Any, Any, Any]) -> Redirect:
    """Sends each person to where their work is."""
    actor = actor_of(request)
    return Redirect(request.app.state.navigation.home(actor) if actor else "/sign-in", status_code=303)


@get("/manage")
async def manage() -> Template:
    """Everything this person may set up, with a sentence for each."""
    return Template("manage.html")


@post("/language", opt={"public": True})
async def choose_language(
    request: Request[Any, Any, Any],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    """Remember the language of the pages for this browser."""
    wanted = data.get("language", LANGUAGES[0])
    here = data.get("here", "/")
    # Only a path of ours: an address that a browser could read as another host is not followed.
    target = here if here.startswith("/") and not here.startswith(("//", "/\\")) else "/"
    secure = request.url.scheme == "https"
    cookie = Cookie(
        COOKIE,
        value=wanted if wanted in LANGUAGES else LANGUAGES[0],
        max_age=365 * 86_400,
        samesite="lax",
        httponly=True,
        secure=secure,
    )
    return Redirect(target, status_code=303, cookies=[cookie])


@get("/api/openapi.json", include_in_schema=False, opt={"public": True})
async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description of the public API (OpenAPI 3.1)."""
    return complete(request.app.openapi_schema.to_schema())


handlers = [openapi, home, manage, choose_language]
