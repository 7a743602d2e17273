"""What the pages of this capability share: reading forms, errors on the page, and where to go next."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.service import Security
from careline.security.sessions import Opened
from careline.security.web import session_cookie

Req = Request[Any, Any, Any]
#: The dependencies a handler may ask for by these names. `services` is `careline.bootstrap.Services`, which lies above.
By = NamedDependency[Actor]
Services = NamedDependency[Any]


class Form:
    """A sent form: missing fields are empty, files are nothing."""

    def __init__(self, data: FormMultiDict) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """One field without the spaces around it."""
        return self.secret(name).strip()

    def secret(self, name: str) -> str:
        """One field exactly as it was typed."""
        value = self._data.get(name)
        return value if isinstance(value, str) else ""

    def many(self, name: str) -> list[str]:
        """Every value of a field, such as ticked boxes."""
        return [value for value in self._data.getall(name, []) if isinstance(value, str)]


async def form_of(request: Req) -> Form:
    """The form of a request."""
    return Form(await request.form())


def security_of(services: Any) -> Security:
    """This capability's services out of the application's."""
    security: Security = services.security
    return security


def secure(services: Any) -> bool:
    """Whether cookies may be bound to HTTPS."""
    return bool(services.settings.secure_cookies)


def safe_next(target: str | None) -> str:
    """A path of our own to go on to; anything that a browser could take for another host means the first page."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable():
        return "/"
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and "\\" not in target else "/"


def page(name: str, /, *, error: CarelineError | None = None, **context: Any) -> Template:
    """One of this capability's pages; with an error it says what was wrong, and answers with the error's status."""
    problem = None
    if error is not None:
        problem = {"id": error.id, "text": sentence(error), "field": error.facts.get("field")}
    return Template(
        f"security/{name}.html",
        context={"problem": problem, **context},
        status_code=200 if error is None else error.status,
        media_type="text/html",
    )


def sentence(error: CarelineError) -> str:
    """The error in the language of the page."""
    seconds = error.facts.get("seconds")
    if isinstance(seconds, int):
        if seconds < 90:
            return _("Too many failed attempts. Try again in %(n)s seconds.") % {"n": seconds}
        return _("Too many failed attempts. Try again in %(n)s minutes.") % {"n": round(seconds / 60)}
    return _(error.detail)


def go(target: str) -> Redirect:
    """On to another page."""
    return Redirect(target, status_code=303)


def go_signed_in(services: Any, opened: Opened, target: str) -> Redirect:
    """On to another page with a new session secret."""
    return Redirect(target, status_code=303, cookies=[session_cookie(opened, secure=secure(services))])
