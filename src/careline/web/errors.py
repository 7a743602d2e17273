"""Every failure as an answer: problem+json (RFC 9457) for programs, a calm page for people."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect, Template
from psycopg_pool import PoolTimeout

from careline.kernel.errors import CarelineError, InvalidInput, NotFound, NotSignedIn, TooManyRequests, Unavailable
from careline.platform.i18n import gettext as _

log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]

_BY_STATUS = {
    401: ("not-signed-in", "Sign in first."),
    403: ("forbidden", "You do not have permission to do this."),
    404: ("not-found", "There is nothing here, or you may not see it."),
    405: ("method-not-allowed", "This address does not take that method."),
    413: ("too-large", "That is larger than Careline accepts."),
    415: ("unsupported-media-type", "That kind of content is not accepted here."),
    429: ("too-many-requests", "Too many attempts; wait a little."),
    503: ("unavailable", "A part of Careline is not available just now."),
}


def describe(exc: Exception) -> dict[str, Any]:
    """The problem document of an exception: stable `id`, `status`, a sentence, and whether repeating can help."""
    extra: dict[str, Any] = {}
    if isinstance(exc, CarelineError):
        error_id, status, detail, retryable = exc.id, exc.status, exc.detail, exc.retryable
        extra = {k: v for k, v in exc.facts.items() if isinstance(v, (str, int, float, bool, list, dict)) or v is None}
    elif isinstance(exc, ValidationException):
        error_id, status, detail, retryable = InvalidInput.id, 400, "The request is not valid.", False
        if isinstance(exc.extra, list):
            extra["errors"] = [
                {k: str(e[k]) for k in ("message", "key", "source") if k in e} for e in exc.extra if isinstance(e, dict)
            ]
    elif isinstance(exc, (psycopg.OperationalError, PoolTimeout)):
        error_id, status, retryable = Unavailable.id, 503, True
        detail = "The database cannot be reached just now. Nothing was changed; calls in progress go on."
    elif isinstance(exc, HTTPException) and exc.status_code < 500:
        status = exc.status_code
        error_id, detail = _BY_STATUS.get(status, (InvalidInput.id, "The request is not valid."))
        retryable = status == TooManyRequests.status
    else:
        error_id, status, retryable = CarelineError.id, 500, False
        detail = "Something went wrong inside Careline. It has been noted."
    return {
        **extra,
        "type": f"urn:careline:error:{error_id}",
        "id": error_id,
        "title": detail,
        "status": status,
        "detail": detail,
        "retryable": retryable,
    }


def wants_json(request: AnyRequest) -> bool:
    """Whether the one who asks is a program: the API, or a script that says so."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or ("json" in accept and "text/html" not in accept)


def answer_error(request: AnyRequest, exc: Exception) -> Response[Any]:
    """The one exception handler of the application."""
    problem = describe(exc)
    request_id = request.scope["state"].get("request_id", "")
    problem["request_id"] = request_id
    if problem["status"] >= 500:
        # The exception's text may quote a row, so it stays out of the log; its type and place do not.
        unexpected = problem["id"] == CarelineError.id
        log.error(
            "request failed",
            extra={"request_id": request_id, "error": type(exc).__qualname__, "where": _place(exc)},
            exc_info=_bare(exc) if unexpected else None,
        )
    headers = {"retry-after": "5"} if problem["retryable"] else {}
    if wants_json(request):
        body = {**problem, "title": _(problem["title"]), "detail": _(problem["detail"])}
        return Response(body, status_code=problem["status"], media_type="application/problem+json", headers=headers)
    if isinstance(exc, NotSignedIn) or problem["status"] == 401:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = "/sign-in" if request.method != "GET" or here == "/" else f"/sign-in?next={quote(here, safe='/')}"
        return Redirect(target, status_code=303)
    fragment = request.headers.get("hx-request") == "true"
    return Template(
        "error-fragment.html" if fragment else "error.html",
        context={"problem": problem, "advice": advice(problem)},
        status_code=problem["status"],
        headers=headers,
        media_type="text/html",
    )


def advice(problem: dict[str, Any]) -> str:
    """What to do next, in a sentence."""
    if problem["retryable"]:
        return _("Wait a moment, then try again.")
    if problem["status"] == NotFound.status:
        return _("Check the address, or start again from the first page.")
    if problem["status"] == 403:
        return _("If you need this for your work, ask an administrator for the role that allows it.")
    if problem["status"] < 500:
        return _("Nothing was changed. Go back, correct the entry and send it again.")
    return _("Nothing that was saved before is lost. If it happens again, tell your administrator the reference.")


def _place(exc: BaseException) -> str:
    """File and line where it was raised."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"


def _bare(exc: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """The exception with its trace but without its text."""
    return (RuntimeError, RuntimeError(type(exc).__qualname__), exc.__traceback__)
