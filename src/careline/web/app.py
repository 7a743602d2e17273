"""The web application: every capability's pages and API under one shell."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import LitestarDeprecationWarning
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.template import TemplateConfig

import careline
from careline.platform import outbox
from careline.platform.i18n import use_language
from careline.platform.live import Topic
from careline.security.limits import Limiter
from careline.security.web import middleware, provide_actor, require_signed_in
from careline.web import caller, health, i18n, pages, sockets, softphone, static_files
from careline.web.csrf import CsrfMiddleware
from careline.web.errors import answer_error
from careline.web.live import LiveHub
from careline.web.methods import AllowedMethods
from careline.web.middleware import EdgeMiddleware
from careline.web.navigation import Navigation
from careline.web.static_files import StaticFiles
from careline.web.telephones import Telephones
from careline.web.templating import make_engine
from careline.web.tickets import Tickets

#: Capabilities, in the order of their pages. Each may have `pages.py` and `api.py` with a list `handlers`,
#: `templates/` and `static/`.
CAPABILITIES = (
    "security",
    "organization",
    "queues",
    "flows",
    "lookups",
    "voice_agents",
    "telephony",
    "calls",
    "recordings",
    "patients",
    "messages",
    "reporting",
    "demo",
    "api",
)
MAX_BODY = 4 * 1024 * 1024

_PACKAGE = Path(careline.__file__).parent
_SHELL: list[Any] = [*health.handlers, *pages.handlers, *softphone.handlers, *caller.handlers]


def create_app(services: Any) -> Litestar:
    """Assemble the application around the services of `careline.bootstrap`."""
    i18n.load_catalogues()
    folders = [Path(__file__).parent, *(_PACKAGE / name for name in CAPABILITIES)]
    roots = {name: _PACKAGE / name / "static" for name in CAPABILITIES}
    static = StaticFiles({"": Path(__file__).parent / "static", **roots})
    navigation = Navigation()
    engine = make_engine([f / "templates" for f in folders], static, navigation)
    secure = services.settings.secure_cookies
    relay_url = services.addresses.relay
    hub = LiveHub(_topics(services), lambda: outbox.follow(relay_url))

    telephones = Telephones(services.telephony_grant.retire)

    people = Router("/", route_handlers=[*_handlers("pages"), *_SHELL], include_in_schema=False)
    programs = Router("/", route_handlers=_handlers("api"))
    with warnings.catch_warnings():
        # Litestar 3 will want its dependencies marked in every handler; the lock file holds us below 3.
        warnings.filterwarnings("ignore", category=LitestarDeprecationWarning)
        app = Litestar(
            route_handlers=[people, programs, *sockets.handlers, static_files.serve_static],
            dependencies={
                "services": Provide(_services, sync_to_thread=False),
                "actor": Provide(provide_actor),
            },
            guards=[require_signed_in],
            middleware=[DefineMiddleware(CsrfMiddleware, secure=secure), *middleware(services)],
            before_request=_speak_their_language,
            exception_handlers={Exception: answer_error},
            template_config=TemplateConfig(instance=engine),
            state=State(
                {
                    "services": services,
                    "static": static,
                    "navigation": navigation,
                    "live": hub,
                    "telephones": telephones,
                    "tickets": Tickets.load(services.settings.home / "keys" / "web.key"),
                    "caller_limiter": Limiter(caller.RATE),
                }
            ),
            on_startup=[hub.start],
            on_shutdown=[hub.stop, telephones.stop],
            request_max_body_size=MAX_BODY,
            openapi_config=OpenAPIConfig(
                title="Careline", version=careline.__version__, path="/api/schema", render_plugins=[JsonRenderPlugin()]
            ),
            on_app_init=[_quiet],
        )
    # Around everything, routing included: an unknown address too gets its headers and its request id.
    app.asgi_handler = EdgeMiddleware(app.asgi_handler, secure=secure, allowed=AllowedMethods(app.routes))
    navigation.know({route.path for route in app.routes})
    return app


def _handlers(module: str) -> list[Any]:
    """The `handlers` of every capability's pages or API, for those that have such a module."""
    found: list[Any] = []
    for name in CAPABILITIES:
        full = f"careline.{name}.{module}"
        if find_spec(f"careline.{name}") and find_spec(full):
            found.extend(import_module(full).handlers)
    return found


def _topics(services: Any) -> list[Topic]:
    """The live topics of every capability that has a `live.py`."""
    found: list[Topic] = []
    for name in CAPABILITIES:
        full = f"careline.{name}.live"
        if find_spec(f"careline.{name}") and find_spec(full):
            found.extend(import_module(full).topics(services))
    return found


async def _speak_their_language(request: Request[Any, Any, Any]) -> None:
    """A person's own language, unless this browser was told another."""
    session = request.scope["state"].get("session")
    if session is not None and i18n.COOKIE not in request.cookies:
        use_language(session.language)


def _services(state: State) -> Any:
    return state.services


def _quiet(config: AppConfig) -> AppConfig:
    """Litestar's own request logging would put addresses into the log; ours is in `middleware` and `errors`."""
    config.logging_config = None
    return config
