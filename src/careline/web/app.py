"""The web application: every capability's pages and API under one shell."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.template import TemplateConfig

import careline
from careline.web import health, static_files
from careline.web.csrf import CsrfMiddleware
from careline.web.errors import answer_error
from careline.web.i18n import load_catalogues
from careline.web.middleware import EdgeMiddleware
from careline.web.navigation import Navigation
from careline.web.static_files import StaticFiles
from careline.web.templating import make_engine

#: Capabilities, in the order of their pages. Each may have `pages.py` and `api.py` with a list `handlers`,
#: `templates/` and `static/`.
CAPABILITIES = (
    "security",
    "organization",
    "queues",
    "flows",
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


def create_app(services: Any) -> Litestar:
    """Assemble the application around the services of `careline.bootstrap`."""
    load_catalogues()
    folders = [Path(__file__).parent, *(_PACKAGE / name for name in CAPABILITIES)]
    roots = {name: _PACKAGE / name / "static" for name in CAPABILITIES}
    static = StaticFiles({"": Path(__file__).parent / "static", **roots})
    navigation = Navigation()
    security = import_module("careline.security.web") if find_spec("careline.security.web") else None
    secure = bool(getattr(services.settings, "secure_cookies", False))

    pages = Router("/", route_handlers=[*_handlers("pages"), *_shell()], include_in_schema=False)
    programs = Router("/", route_handlers=_handlers("api"))
    app = Litestar(
        route_handlers=[pages, programs, static_files.serve_static],
        dependencies={
            "services": Provide(_services, sync_to_thread=False),
            **({"actor": Provide(security.provide_actor)} if security else {}),
        },
        guards=[security.require_signed_in] if security else [],
        middleware=[
            *(security.middleware(services) if security else []),
            DefineMiddleware(CsrfMiddleware, secure=secure),
        ],
        exception_handlers={Exception: answer_error},
        template_config=TemplateConfig(instance=make_engine([f / "templates" for f in folders], static, navigation)),
        state=State({"services": services, "static": static, "navigation": navigation}),
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Careline", version=careline.__version__, path="/api/schema", render_plugins=[JsonRenderPlugin()]
        ),
        on_app_init=[_quiet],
    )
    # Around everything, routing included: an unknown address too gets its headers and its request id.
    app.asgi_handler = EdgeMiddleware(app.asgi_handler, secure=secure)
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


def _shell() -> Sequence[Any]:
    from careline.web import pages

    return [*health.handlers, *pages.handlers]


def _services(state: State) -> Any:
    return state.services


def _quiet(config: AppConfig) -> AppConfig:
    """Litestar's own request logging would put addresses into the log; ours is in `middleware` and `errors`."""
    config.logging_config = None
    return config


