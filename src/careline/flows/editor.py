"""What the flow editor's scripts ask for: saving the draft, checking, trying a call, running tests, publishing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from litestar.response import Template

from careline.flows import text
from careline.flows.kinds import KINDS
from careline.flows.model import FlowError, Problem
from careline.flows.views import DraftView, NotPublishable
from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.platform.i18n import language
from careline.platform.words import words
from careline.security.actor import Actor
from careline.security.permissions import Permission

Body = dict[str, Any]

#: The scripts of the editor.
_SCRIPTS = tuple(
    f"static/flow-{name}.js"
    for name in (
        "draft", "edit", "form", "graph", "lists", "model", "parts", "phone", "publish", "settings", "tests", "text",
        "upload", "words",
    )
)  # fmt: skip


#: Conditions to begin from, in the language of flows.
_CONDITIONS = (
    'weekday in ["sat", "sun"]', "hour >= 17", "caller.known", "caller.anonymous", 'language == "es"', 'door == "open"',
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


def sentences() -> dict[str, str]:
    """What each code of a problem means, without the names that the English sentence holds."""
    return {
        "column-unknown": _("The table has no such column."),
        "exit-dangling": _("This exit leads to a step that does not exist."),
        "exit-missing": _("This exit leads nowhere."),
        "exit-unknown": _("This kind of step has no such exit."),
        "expression-invalid": _("This condition cannot be read."),
        "answer-in-address": _("What was typed or looked up stays in logs when it stands in an address."),
        "number-typed": _("A caller may not choose the number: let a table give it."),
        "requirement-invalid": _("These skills cannot be read."),
        "secret-in-address": _("This tells who calls and may not stand in an address: ask for it in the body."),
        "secret-told": _("This is secret, and what agents see is written down."),
        "skill-unknown": _("Nobody has this skill yet: such callers would wait."),
        "field-invalid": _("This value does not fit here."),
        "field-missing": _("Something that is needed is missing here."),
        "field-unknown": _("This kind of step has no such field."),
        "function-arguments": _("This function takes another number of values."),
        "function-unknown": _("There is no such function."),
        "key-emergency": _("This key is kept for emergencies."),
        "key-invalid": _("No telephone has this key."),
        "key-twice": _("This key is used twice."),
        "kind-unknown": _("There is no such kind of step."),
        "loop-without-wait": _("The call can go round in circles here without a wait."),
        "name-ambiguous": _("More than one thing has this name."),
        "name-invalid": _("This name cannot be used."),
        "unreachable": _("Nothing leads to this step."),
        "nodes-missing": _("A flow has at least one step."),
        "number-invalid": _("This is not a telephone number."),
        "prompt-empty": _("There is nothing to say here."),
        "prompt-language": _("This is not said in every language of the flow."),
        "prompt-unknown": _("There is no such ready sentence."),
        "reference-unknown": _("There is nothing of this name."),
        "silent-loop": _("A caller who presses nothing never leaves this circle."),
        "start-missing": _("The step at which calls start does not exist."),
        "subflow-exit": _("The other flow can come back by an exit that leads nowhere."),
        "subflow-unknown": _("The other flow has no such published version."),
        "text-unreadable": _("The text cannot be read."),
        "time-out-missing": _("A look-up needs a time-out."),
        "value-type": _("This value cannot be spoken so."),
        "variable-unknown": _("There is no such variable."),
    }


def problem_of(problem: Problem) -> Body:
    """A problem for the scripts, its sentence in the page's language: where it names things, a plainer one."""
    if language() == "en":
        return asdict(problem)
    known = sentences()
    code = "reference-unknown" if problem.code.endswith("-unknown") and problem.code not in known else problem.code
    return {**asdict(problem), "text": known.get(code, problem.text)}


@get("/flows/{flow_id:uuid}")
async def editor(services: Any, actor: Actor, flow_id: FromPath[UUID]) -> Template:
    """The drawn flow and the form of the chosen step."""
    actor.require(Permission.FLOW_EDIT, Permission.FLOW_PUBLISH)
    draft: DraftView = await services.flows.draft(actor, flow_id)
    known = await services.flows.names(actor)
    named = {
        "queue": known.queues,
        "person": known.people,
        "department": known.departments,
        "calendar": known.calendars,
        "flow": known.flows,
    }
    refs = {kind: sorted(one.name for one in found) for kind, found in named.items()}
    data = {
        "id": str(draft.flow_id),
        "name": draft.name,
        "person": str(actor.person_id),
        "body": draft.body or {"careline": "flow/1", "start": "", "nodes": {}},
        "text": draft.text,
        "readable": draft.body is not None,
        "revision": draft.revision,
        "problems": [problem_of(p) for p in draft.problems],
        "kinds": kinds(),
        "refs": {**refs, "table": sorted(known.tables), "recording": known.recordings},
        "names": {str(one.id): one.name for found in named.values() for one in found},
        "zone": await services.organization.zone(actor),
        "emergency_key": "*",
        "may_upload": actor.may(Permission.ORGANIZATION_MANAGE),
        "words": words("careline.web", *_SCRIPTS),
    }
    page = {
        "flow": draft,
        # The first version of a flow is for all calls.
        "live": (await services.flows.get(actor, flow_id)).live,
        "endpoints": known.endpoints,
        "conditions": _CONDITIONS,
        "may_publish": actor.may(Permission.FLOW_PUBLISH),
    }
    # As one string: the page's own JSON would sort the names of steps and exits.
    return Template("flows/editor.html", context={**page, "data": json.dumps(data)})


@put("/flows/{flow_id:uuid}/draft")
async def save(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> Body:
    """Save the draft: its `text`, or its `body`, based on a `revision`. Raises `StaleDraft`."""
    revision = data.get("revision")
    if not isinstance(revision, int):
        raise InvalidInput(field="revision")
    saved: DraftView = await services.flows.save_draft(
        actor, flow_id, _content(data), based_on=revision, base=_base(data)
    )
    return {"revision": saved.revision, "problems": [problem_of(p) for p in saved.problems]}


@post("/flows/{flow_id:uuid}/name", status_code=200)
async def rename(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[dict[str, str]]) -> Body:
    """Give the flow another name. Raises `FlowNameTaken`."""
    return {"name": (await services.flows.rename(actor, flow_id, data.get("name", ""))).name}


@post("/flows/{flow_id:uuid}/check", status_code=200)
async def check(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> Body:
    """Judge a text as it is typed: the flow it is (null while it cannot be read) and its problems."""
    written = str(data.get("text", ""))
    try:
        body: Body | None = text.load(written)
    except FlowError as error:
        return {"body": None, "problems": [problem_of(Problem(None, "", "text-unreadable", error.detail))]}
    found = await services.flows.check(actor, written, flow_id)
    return {"body": body, "problems": [problem_of(p) for p in found.problems]}


@post("/flows/{flow_id:uuid}/text", status_code=200)
async def as_text(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> dict[str, str]:
    """A flow's data as the text it would be saved as."""
    return {"text": await services.flows.laid_into(actor, flow_id, _content(data), _base(data))}


@post("/flows/{flow_id:uuid}/simulate", status_code=200)
async def simulate(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> Body:  # noqa: ARG001
    """One moment of a call played through the flow as it stands in the editor. Raises `FlowError`."""
    start, state, act = data.get("start"), data.get("state"), data.get("act")
    if not isinstance(start, dict) or not isinstance(state, dict | None) or not isinstance(act, dict | None):
        raise InvalidInput
    answer: Body = await services.flows.simulate(actor, _content(data), start, state, act)
    return answer


@post("/flows/{flow_id:uuid}/tests", status_code=200)
async def tests(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> Body:
    """Play the flow's tests."""
    found = await services.flows.check(actor, _content(data), flow_id, tests=True)
    return {
        "results": [
            {"name": t.name, "ok": t.ok, "said": t.said, "step": t.step, "node": t.node, "path": t.path}
            for t in found.tests
        ]
    }


@post("/flows/{flow_id:uuid}/publish", status_code=200)
async def publish(services: Any, actor: Actor, flow_id: FromPath[UUID], data: JSONBody[Body]) -> Body:
    """Give the draft to callers. Raises `NotPublishable` with its problems and failing tests."""
    share = data.get("share", 100)
    if not isinstance(share, int):
        raise InvalidInput(field="share")
    try:
        made = await services.flows.publish(actor, flow_id, note=str(data.get("note", "")), share=share)
    except NotPublishable as refused:
        refused.detail = _(refused.detail)
        raise
    return {"live": [{"number": one.number, "share": one.share} for one in made.live]}


def _base(data: Body) -> str | None:
    """The text that was typed before the drawing was changed."""
    base = data.get("base")
    return base if isinstance(base, str) and len(base) <= text.LONGEST else None


def _content(data: Body) -> str | Body:
    content = data.get("text") if data.get("text") is not None else data.get("body")
    if not isinstance(content, str | dict):
        raise InvalidInput
    return content


handlers: list[Any] = [editor, save, rename, check, as_text, simulate, tests, publish]
