"""The publish gate: everything that can be wrong with a flow although it can be read. Pure.

What passes here never makes the interpreter raise or spin, whatever a caller does (property-tested).
"""

from __future__ import annotations

from careline.flows import addresses
from careline.flows.judge import Context, Judge
from careline.flows.model import Flow, Problem, key_of
from careline.flows.nodes import (
    Branch,
    CallbackOffer,
    Collect,
    Consent,
    EnterQueue,
    Hours,
    Lookup,
    Menu,
    Node,
    SetValues,
    SubFlow,
    TableLookup,
    Transfer,
    Verify,
    VoiceAgent,
    Voicemail,
    ways,
)
from careline.flows.shape import DEEPEST, circles, depth, expressions_of, prompts_of, reachable, returns, unheard
from careline.kernel.expressions import Expression
from careline.kernel.phone import to_e164
from careline.queues import skills

#: Problems with which a flow cannot be walked at all, not even in a rehearsal.
BLOCKING = frozenset(
    {"start-missing", "exit-dangling", "exit-missing", "nodes-missing", "kind-unknown", "node-invalid",
     "text-unreadable", "subflow-unknown", "subflow-exit", "subflow-circle", "loop-without-wait"}
)  # fmt: skip


def problems(flow: Flow, context: Context | None = None, *, names: frozenset[str] | None = None) -> list[Problem]:
    """Everything wrong with a flow that has been read. `names`: the nodes there are, where some could not be read."""
    judge = Judge(flow, context or Context())
    known = names or frozenset(flow.nodes)
    if flow.start not in known:
        judge.wrong("start", "start-missing", f"The flow starts at “{flow.start}”, which does not exist.")
    for name, node in flow.nodes.items():
        judge.node = name
        for way, to in ways(node):
            if to and to not in known:
                judge.wrong(_field(way), "exit-dangling", f"“{way}” leads to “{to}”, which does not exist.")
        _node(judge, node)
    judge.node = None
    _shape(judge, known)
    return judge.found


def _field(way: str) -> str:
    kind, _, number = way.partition(" ")
    if kind == "key":
        return f"options.{number}.next"
    return f"cases.{int(number) - 1}.next" if kind == "case" and number else f"exits.{way}"


# --- one node ---------------------------------------------------------------------------------------------------------


def _node(judge: Judge, node: Node) -> None:
    for name, spoken in prompts_of(node):
        judge.prompt(name, spoken)
    for name, expression in expressions_of(node):
        judge.expression(name, expression)
    match node:
        case Menu():
            _menu(judge, node)
        case Consent():
            for name, key in (("accept", node.accept), ("refuse", node.refuse)):
                judge.key(name, key)
            if node.accept == node.refuse:
                judge.wrong("refuse", "key-twice", "Yes and no need different keys.")
        case Collect():
            judge.variable("variable", node.variable)
            judge.key("terminator", node.terminator)
            if node.terminator.isdigit():
                judge.wrong("terminator", "key-twice", "A digit cannot end digits: use #.")
            judge.limits("most", node.least, node.most)
            if node.type == "date" and (node.least, node.most) != (8, 8):
                judge.wrong("most", "limits", "A date is typed with eight digits: month, day and year.")
        case Branch():
            if not node.cases:
                judge.wrong("cases", "field-missing", "A branch has at least one case.")
        case SetValues():
            for name, value in node.values.items():
                judge.variable(f"values.{name}", name)
                _shown(judge, f"values.{name}", name, value)
        case TableLookup():
            _table(judge, node)
        case Lookup() | VoiceAgent():
            if not node.seconds or node.seconds <= 0:
                judge.wrong("seconds", "time-out-missing", "A look-up needs a time-out.")
            judge.known("endpoint", node.endpoint, judge.context.endpoints, "system")
            for name in node.into:
                judge.variable(f"into.{name}", name)
            if isinstance(node, Lookup):
                judge.slots("path", node.path)
                addresses.judge(judge, node)
                if "//" in node.path or ".." in node.path or "\\" in node.path:
                    judge.wrong("path", "path-invalid", "A path lies below the system's own address.")
        case SubFlow():
            _sub_flow(judge, node)
        case Hours():
            judge.reference("calendar", node.calendar, judge.context.calendars, "opening hours")
        case Verify():
            if not node.factors:
                judge.wrong("factors", "field-missing", "A verification asks for at least one thing.")
            for i, factor in enumerate(node.factors):
                judge.limits(f"factors.{i}.most", factor.least, factor.most)
                if not factor.prompts:
                    judge.wrong(f"factors.{i}.prompts", "prompt-empty", "The caller must be told what to type.")
            if len({f.name for f in node.factors}) != len(node.factors):
                judge.wrong("factors", "field-invalid", "The same thing is asked twice.")
        case EnterQueue():
            _queue(judge, node)
        case CallbackOffer():
            judge.reference("queue", node.queue, judge.context.queues, "queue")
        case Transfer() if isinstance(node.number, str) and to_e164(node.number) is None:
            judge.wrong("number", "number-invalid", "This is not a telephone number.")
        case Transfer() if addresses.depends(node.number, addresses.typed_names(judge.flow), tables=False):
            # Whoever types the number to be rung rings the world at the practice's cost.
            judge.wrong("number", "number-typed", "A caller may not choose the number: let a table give it.")
        case Voicemail():
            judge.reference("department", node.department, judge.context.departments, "department")


def _menu(judge: Judge, node: Menu) -> None:
    if not node.options:
        judge.wrong("options", "field-missing", "A menu has at least one choice.")
    for digit, option in node.options.items():
        judge.key(f"options.{digit}", digit)
        languages = judge.flow.languages
        if option.language and languages and option.language not in languages:
            judge.wrong(
                f"options.{digit}.language", "language-unknown", f"The flow does not speak “{option.language}”."
            )
        if option.phrases and (missing := [x for x in languages if not option.phrases.get(x)]):
            text = f"The words for key {digit} are missing in: {', '.join(missing)}."
            judge.wrong(f"options.{digit}.phrases", "prompt-language", text)
        _requirement(judge, f"options.{digit}.requirement", option.requirement)
    if not node.prompts:
        judge.wrong("prompts", "prompt-empty", "The caller must hear the choices.")


def _queue(judge: Judge, node: EnterQueue) -> None:
    context = judge.context
    people = context.people or {}
    if context.queues is not None and (node.queue in people or node.queue in people.values()):
        # A person's own queue; after it, the line's.
        judge.reference("queue", node.queue, {**context.queues, **people}, "queue")
    else:
        judge.reference("queue", node.queue, context.queues, "queue")
    judge.reference("person", node.person, context.people, "person")
    _requirement(judge, "requirement", node.requirement)


def _shown(judge: Judge, name: str, variable: str, value: object) -> None:
    """What agents see is written down: nothing secret goes there."""
    shown = judge.flow.variables.get(variable)
    if shown and shown.shown and not shown.secret and addresses.depends(value, _declared(judge.flow)):
        judge.wrong(name, "secret-told", f"“{variable}” is shown to agents and written down: it may hold no secret.")


def _declared(flow: Flow) -> frozenset[str]:
    return addresses.secret_names(flow) - addresses.CALLERS


def _requirement(judge: Judge, name: str, given: object) -> None:
    """What an agent must be able to do; an expression of the flow is judged as such, and read when a caller comes."""
    if isinstance(given, Expression):
        for secret in sorted(given.names & addresses.secret_names(judge.flow)):
            judge.wrong(name, "secret-told", f"“{secret}” tells who calls, and agents see what is asked of them.")
        return
    if not isinstance(given, str):
        judge.wrong(name, "field-invalid", "This is a text.")
        return
    try:
        asked = skills.skills_in(skills.parse(given))
    except skills.BadExpression as error:
        judge.wrong(name, "requirement-invalid", error.detail)
        return
    known = judge.context.skills
    for skill in sorted(asked - known) if known is not None else ():
        judge.wrong(name, "skill-unknown", f"Nobody has the skill “{skill}” yet: such callers would wait.", "warning")


def _table(judge: Judge, node: TableLookup) -> None:
    tables = judge.context.tables
    judge.known("table", node.table, tables, "table")
    for name, column in node.into.items():
        judge.variable(f"into.{name}", name)
        if tables is not None and node.table in tables and column not in tables[node.table]:
            judge.wrong(f"into.{name}", "column-unknown", f"“{node.table}” has no column “{column}”.")


def _sub_flow(judge: Judge, node: SubFlow) -> None:
    judge.reference("flow", node.flow, judge.context.flows, "flow")
    for name in node.outputs:
        judge.variable(f"outputs.{name}", name)
    if node.version != "live" and not node.version.isdigit():
        judge.wrong("version", "field-invalid", "A version is `live` or a number.")
    inner = judge.flow.library.get(key_of(node.flow, node.version))
    if inner is None:
        if judge.context.flows is not None:
            judge.wrong("flow", "subflow-unknown", "This flow has no such version that is published.")
        return
    back = returns(inner)
    for exit in sorted(back - set(node.exits)):
        judge.wrong(f"exits.{exit}", "subflow-exit", f"The sub-flow can come back by “{exit}”, which leads nowhere.")
    for exit in sorted(set(node.exits) - back):
        judge.wrong(f"exits.{exit}", "subflow-exit-unused", f"The sub-flow never comes back by “{exit}”.", "warning")
    for name in node.inputs:
        if name in inner.variables and inner.variables[name].shown and not inner.variables[name].secret:
            if addresses.depends(node.inputs[name], _declared(judge.flow)):
                judge.wrong(f"inputs.{name}", "secret-told", f"“{name}” is shown to agents: it may hold no secret.")
        elif name not in inner.variables:
            judge.wrong(f"inputs.{name}", "variable-unknown", f"The sub-flow has no variable “{name}”.")
    for name, theirs in node.outputs.items():
        ours = judge.flow.variables.get(name)
        if theirs in addresses.secret_names(inner) and ours and ours.shown and not ours.secret:
            judge.wrong(f"outputs.{name}", "secret-told", f"“{name}” is shown to agents: it may hold no secret.")
        if theirs not in inner.variables:
            judge.wrong(f"outputs.{name}", "variable-unknown", f"The sub-flow has no variable “{theirs}”.")


# --- the whole --------------------------------------------------------------------------------------------------------


def _shape(judge: Judge, known: frozenset[str]) -> None:
    flow = judge.flow
    reached = reachable(flow, flow.start)
    for name in flow.nodes:
        if name not in reached and flow.start in known:
            judge.node = name
            judge.wrong("", "unreachable", "No way leads to this node.")
    for name in sorted(circles(flow)):
        judge.node = name
        judge.wrong("", "loop-without-wait", "A caller can come back here without ever being heard.")
    for name in sorted(unheard(flow)):
        judge.node = name
        judge.wrong("", "silent-loop", "A caller who presses nothing never leaves this circle.", "warning")
    judge.node = None
    if depth(flow, ()) > DEEPEST:
        judge.wrong(
            "nodes", "subflow-depth", f"Sub-flows lie more than {DEEPEST} deep in each other, or in themselves."
        )
