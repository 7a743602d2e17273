"""What the flow editor's scripts ask for: saving the draft, checking, trying a call, running tests, publishing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from litestar import get, put
from litestar.params import FromPath, JSONBody
from litestar.response import Template

from careline.flows.kinds import KINDS
from careline.platform.i18n import gettext as _
from careline.platform.words import words
from careline.security.actor import Actor

#: The scripts of the editor.
_SCRIPTS = tuple(
    f"static/flow-{name}.js"
    for name in (
        "edit", "form", "graph", "lists", "model", "parts", "phone", "publish", "settings", "tests", "text", "words",
    )
)  # fmt: skip


def kinds() -> dict[str, Any]:
    """The language's kinds of steps, described in the page's language."""
    found: dict[str, Any] = {}
    for kind in KINDS.values():
        body = {key: value for key, value in asdict(kind).items() if key not in ("node", "name", "waits")}
        body["doc"] = _(kind.doc)
        for field in body["fields"]:
            field["doc"] = _(field["doc"])
        found[kind.name] = body
    return found


def problem_of(problem: Any) -> dict[str, Any]:
    """A problem for the scripts, its sentence in the page's language."""
    return {
        "node": problem.node, "field": problem.field, "code": problem.code, "text": _(problem.text),
        "severity": problem.severity,
    }  # fmt: skip


@get("/flows/{flow_id:uuid}")
async def editor(services: Any, actor: Actor, flow_id: FromPath[UUID]) -> Template:
    """The drawn flow and the form of the chosen step."""
    draft = await services.flows.draft(actor, flow_id)
    names = await services.flows.names(actor)
    lines = await services.organization.lines(actor)
    data = {
        "id": str(flow_id),
        "body": draft.body,
        "text": draft.text,
        "revision": draft.revision,
        "problems": [problem_of(p) for p in draft.problems],
        "kinds": kinds(),
        "refs": {kind: sorted(found.values()) for kind, found in names.items()},
        "names": {str(id_): name for found in names.values() for id_, name in found.items()},
        "lines": [{"id": str(line.line_id), "label": line.label} for line in lines if line.active],
        "emergency_key": "*",
        "words": words("careline.web", *_SCRIPTS),
    }
    return Template("flows/editor.html", context={"flow": draft, "data": data})


@put("/flows/{flow_id:uuid}/draft")
async def save(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """Save the draft: `body`, or its `text`, based on a `revision`."""
    raise NotImplementedError


handlers: list[Any] = [editor, save]
