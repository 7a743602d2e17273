"""Systems that flows ask for data while a caller waits: their addresses, and what is taken from their answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from careline.kernel.errors import Conflict, InvalidInput

Kind = Literal["http", "fhir"]

#: No answer is read further than this.
MOST_BYTES = 256 * 1024
#: The longest value taken from an answer into a variable.
LONGEST_VALUE = 200
#: A FHIR answer is JSON by this name (FHIR R4, section 3.1.0.1.10).
ACCEPT: Mapping[Kind, str] = {"http": "application/json", "fhir": "application/fhir+json"}


class InvalidEndpoint(InvalidInput):
    """This system's address is not valid."""

    id = "invalid-lookup-endpoint"


class NameTaken(Conflict):
    """A system of this name exists already."""

    id = "lookup-endpoint-exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A system that may be asked."""

    id: UUID
    name: str
    kind: Kind
    base_url: str
    header: str | None
    has_secret: bool
    max_seconds: int

    @property
    def host(self) -> str:
        """Host and port, as an operator lists them."""
        return urlsplit(self.base_url).netloc.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One look-up of a call. `query` may hold what the caller typed: it is sent and forgotten."""

    endpoint: str
    kind: Kind = "http"
    path: str = ""
    #: Whether a plain question travels in the body of a POST or in the address of a GET.
    send: Literal["body", "address"] = "body"
    query: Mapping[str, Any] = field(default_factory=dict)
    #: Variable -> path in the answer.
    into: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 5.0


#: How a look-up can end: the exits of the node.
Exit = Literal["next", "not_found", "timeout", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    exit: Exit
    values: Mapping[str, Any] = field(default_factory=dict)
    #: A code for the log and the metrics: ok, empty, timeout, refused, status, too-large, not-json, circuit …
    why: str = "ok"


def check_endpoint(name: str, kind: str, base_url: str, header: str | None, max_seconds: int) -> None:
    """Refuse what could not be asked, or would send a secret in the open. Raises `InvalidEndpoint`."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
        raise InvalidEndpoint("A name has small letters, digits and hyphens, and begins with a letter.", field="name")
    if kind not in ("http", "fhir"):
        raise InvalidEndpoint("A system is asked by HTTP or by FHIR.", field="kind")
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise InvalidEndpoint("This is not a web address.", field="base_url") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or len(base_url) > 500 or port == 0:
        raise InvalidEndpoint("This is not a web address.", field="base_url")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise InvalidEndpoint("Only this machine itself may be asked without encryption: use https.", field="base_url")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidEndpoint("The address holds no name, password, question or fragment.", field="base_url")
    if header is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", header):
        raise InvalidEndpoint("This is not the name of a header.", field="header")
    if header is not None and header.lower() in ("host", "content-length", "transfer-encoding", "connection"):
        raise InvalidEndpoint("This header is not yours to set.", field="header")
    if not 1 <= max_seconds <= 30:
        raise InvalidEndpoint("The longest wait is between 1 and 30 seconds.", field="max_seconds")


def address(base_url: str, path: str, query: Mapping[str, Any]) -> str:
    """The address to ask: always below the system's own. Raises `InvalidEndpoint` for a path that leads out of it."""
    if re.search(r"[\\?#\s]|//|(^|/)\.\.?(/|$)|%2e|%2f|%5c", path, re.IGNORECASE) or len(path) > 500:
        raise InvalidEndpoint("A path stays below the system's address.", field="path")
    whole = base_url.rstrip("/") + ("/" + path.strip("/") if path.strip("/") else "")
    asked = {k: v for k, v in query.items() if v is not None}
    return f"{whole}?{urlencode({k: _text(v) for k, v in asked.items()})}" if asked else whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it travels: at most one of `form` and `json` is there."""

    method: Literal["GET", "POST"]
    url: str
    form: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None


def request(endpoint: Endpoint, question: Question) -> Asked:
    """The question as it travels. What identifies a patient stays out of addresses, and so out of the other side's
    access log: a FHIR search is a form (R4, 3.1.1.1.4), a plain question a JSON object, unless the flow says that it
    may stand in the address. Raises `InvalidEndpoint`."""
    asked = {k: v for k, v in question.query.items() if v is not None}
    if endpoint.kind == "fhir" and asked:
        form = {k: _text(v) for k, v in asked.items()}
        url = address(endpoint.base_url, f"{question.path.strip('/')}/_search", {})
        return Asked(method="POST", url=url, form=form)
    if asked and question.send == "body":
        return Asked(method="POST", url=address(endpoint.base_url, question.path, {}), json=asked)
    return Asked(method="GET", url=address(endpoint.base_url, question.path, asked))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def pick(document: Any, path: str) -> Any:
    """What a simple path finds in an answer: names and numbers with dots, `entry.0.resource.id`; None when nothing is
    there, or something that is not one plain value."""
    found = document
    for part in path.split(".") if path else ():
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and re.fullmatch(r"\d{1,4}", part) and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    if isinstance(found, str):
        return found[:LONGEST_VALUE]
    return found if isinstance(found, bool | int | float) else None


def read(question: Question, document: Any) -> Answer:
    """What an answer means: a search without entries found nothing, a FHIR failure is a failure."""
    if question.kind == "fhir" and isinstance(document, dict):
        kind = document.get("resourceType")
        if kind == "OperationOutcome":
            return Answer(exit="failed", why="operation-outcome")
        if kind == "Bundle" and not document.get("entry"):
            return Answer(exit="not_found", why="empty")
    if document in (None, [], {}):
        return Answer(exit="not_found", why="empty")
    values = {variable: pick(document, path) for variable, path in question.into.items()}
    if question.into and all(value is None for value in values.values()):
        return Answer(exit="not_found", why="empty")
    return Answer(exit="next", values=values)
