"""The publish gate: everything that can be wrong with a flow although it can be read. Pure.

What passes here never makes the interpreter raise or spin, whatever a caller does (property-tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

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
    Prompt,
    Recording,
    SetValues,
    Spoken,
    SubFlow,
    TableLookup,
    Transfer,
    Verify,
    VoiceAgent,
    Voicemail,
    Words,
    ways,
)
from careline.flows.place import BUILT_IN, FUNCTIONS, SLOT, SPOKEN_AS
from careline.flows.shape import DEEPEST, circles, depth, expressions_of, prompts_of, reachable, returns, unheard
from careline.kernel.expressions import Expression
from careline.kernel.phone import to_e164

#: The keys of a telephone.
KEYS = frozenset("0123456789*#")
#: Problems with which a flow cannot be walked at all, not even in a rehearsal.
BLOCKING = frozenset(
    {"start-missing", "exit-dangling", "exit-missing", "nodes-missing", "kind-unknown", "node-invalid",
     "text-unreadable", "subflow-unknown", "subflow-exit", "subflow-circle", "loop-without-wait"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a flow may name. None: not known here, and not judged."""

    queues: Mapping[UUID, str] | None = None
    departments: Mapping[UUID, str] | None = None
    calendars: Mapping[UUID, str] | None = None
    flows: Mapping[UUID, str] | None = None
    #: Table -> its columns.
    tables: Mapping[str, tuple[str, ...]] | None = None
    #: Systems for look-ups, and programs that talk.
    endpoints: frozenset[str] | None = None
    #: Prompt of the catalogue -> languages it is spoken in; a `*` at the end of a key stands for anything.
    prompts: Mapping[str, frozenset[str]] | None = None
    #: Ids of uploaded recordings.
    recordings: frozenset[str] | None = None
    #: Keys that raise an emergency on the lines this flow is for.
    emergency_keys: frozenset[str] = frozenset("*")


@dataclass(slots=True)
class _Judge:
    flow: Flow
    context: Context
    found: list[Problem] = field(default_factory=list)
    node: str | None = None

    def wrong(self, name: str, code: str, text: str, severity: Literal["error", "warning"] = "error") -> None:
        self.found.append(Problem(self.node, name, code, text, severity))


def problems(flow: Flow, context: Context | None = None, *, names: frozenset[str] | None = None) -> list[Problem]:
    """Everything wrong with a flow that has been read. `names`: the nodes there are, where some could not be read."""
    judge = _Judge(flow, context or Context())
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


def _node(judge: _Judge, node: Node) -> None:
    for name, spoken in prompts_of(node):
        _prompt(judge, name, spoken)
    for name, expression in expressions_of(node):
        _expression(judge, name, expression)
    match node:
        case Menu():
            _menu(judge, node)
        case Consent():
            for name, key in (("accept", node.accept), ("refuse", node.refuse)):
                _key(judge, name, key)
            if node.accept == node.refuse:
                judge.wrong("refuse", "key-twice", "Yes and no need different keys.")
        case Collect():
            _variable(judge, "variable", node.variable)
            _key(judge, "terminator", node.terminator)
            if node.terminator.isdigit():
                judge.wrong("terminator", "key-twice", "A digit cannot end digits: use #.")
            _limits(judge, "most", node.least, node.most)
            if node.type == "date" and (node.least, node.most) != (8, 8):
                judge.wrong("most", "limits", "A date is typed with eight digits: month, day and year.")
        case Branch():
            if not node.cases:
                judge.wrong("cases", "field-missing", "A branch has at least one case.")
        case SetValues():
            for name in node.values:
                _variable(judge, f"values.{name}", name)
        case TableLookup():
            _table(judge, node)
        case Lookup() | VoiceAgent():
            if not node.seconds or node.seconds <= 0:
                judge.wrong("seconds", "time-out-missing", "A look-up needs a time-out.")
            _known(judge, "endpoint", node.endpoint, judge.context.endpoints, "system")
            for name in node.into:
                _variable(judge, f"into.{name}", name)
            if isinstance(node, Lookup):
                _slots(judge, "path", node.path)
                if "//" in node.path or ".." in node.path or "\\" in node.path:
                    judge.wrong("path", "path-invalid", "A path lies below the system's own address.")
        case SubFlow():
            _sub_flow(judge, node)
        case Hours():
            _reference(judge, "calendar", node.calendar, judge.context.calendars, "opening hours")
        case Verify():
            if not node.factors:
                judge.wrong("factors", "field-missing", "A verification asks for at least one thing.")
            for i, factor in enumerate(node.factors):
                _limits(judge, f"factors.{i}.most", factor.least, factor.most)
                if not factor.prompts:
                    judge.wrong(f"factors.{i}.prompts", "prompt-empty", "The caller must be told what to type.")
            if len({f.name for f in node.factors}) != len(node.factors):
                judge.wrong("factors", "field-invalid", "The same thing is asked twice.")
        case EnterQueue() | CallbackOffer():
            _reference(judge, "queue", node.queue, judge.context.queues, "queue")
        case Transfer() if isinstance(node.number, str) and to_e164(node.number) is None:
            judge.wrong("number", "number-invalid", "This is not a telephone number.")
        case Voicemail():
            _reference(judge, "department", node.department, judge.context.departments, "department")


def _menu(judge: _Judge, node: Menu) -> None:
    if not node.options:
        judge.wrong("options", "field-missing", "A menu has at least one choice.")
    for digit, option in node.options.items():
        _key(judge, f"options.{digit}", digit)
        languages = judge.flow.languages
        if option.language and languages and option.language not in languages:
            judge.wrong(
                f"options.{digit}.language", "language-unknown", f"The flow does not speak “{option.language}”."
            )
        if option.phrases and (missing := [x for x in languages if not option.phrases.get(x)]):
            text = f"The words for key {digit} are missing in: {', '.join(missing)}."
            judge.wrong(f"options.{digit}.phrases", "prompt-language", text)
    if not node.prompts:
        judge.wrong("prompts", "prompt-empty", "The caller must hear the choices.")


def _key(judge: _Judge, name: str, key: str) -> None:
    if key not in KEYS:
        judge.wrong(name, "key-invalid", f"No telephone has the key “{key}”.")
    elif key in judge.context.emergency_keys:
        judge.wrong(name, "key-emergency", f"The key {key} is kept for emergencies.")


def _limits(judge: _Judge, name: str, least: int, most: int) -> None:
    if least > most:
        judge.wrong(name, "limits", "The most digits are fewer than the fewest.")


def _variable(judge: _Judge, name: str, variable: str) -> None:
    if variable not in judge.flow.variables:
        judge.wrong(name, "variable-unknown", f"The variable “{variable}” is not declared.")


def _expression(judge: _Judge, name: str, expression: Expression) -> None:
    for used in sorted(expression.names):
        if used not in judge.flow.variables and used not in BUILT_IN and not used.startswith("caller."):
            judge.wrong(name, "variable-unknown", f"“{used}” is no variable of this flow.")
    for function, count, first in expression.calls:
        if function not in FUNCTIONS:
            judge.wrong(name, "function-unknown", f"There is no function “{function}”.")
        elif count != FUNCTIONS[function]:
            judge.wrong(name, "function-arguments", f"“{function}” takes {FUNCTIONS[function]} values, not {count}.")
        elif function in ("table", "listed") and isinstance(first, str):
            _known(judge, name, first, judge.context.tables, "table")


def _slots(judge: _Judge, name: str, text: str) -> None:
    for slot in SLOT.finditer(text):
        if slot[1] not in judge.flow.variables and slot[1] not in BUILT_IN:
            judge.wrong(name, "variable-unknown", f"“{slot[1]}” is no variable of this flow.")
        if slot[2] and slot[2] not in SPOKEN_AS:
            judge.wrong(name, "value-type", f"A value cannot be spoken as “{slot[2]}”.")


def _prompt(judge: _Judge, name: str, prompt: Spoken) -> None:
    languages = judge.flow.languages
    match prompt:
        case Words(texts):
            _languages(judge, name, texts, languages)
            for language, text in texts.items():
                if not text.strip():
                    judge.wrong(f"{name}.text.{language}", "prompt-empty", "There is nothing to say.")
                _slots(judge, f"{name}.text.{language}", text)
        case Recording(ids):
            _languages(judge, name, ids, languages)
            for id_ in ids.values():
                _known(judge, name, id_, judge.context.recordings, "recording")
        case Prompt(key) if judge.context.prompts is not None:
            spoken = _catalogue(judge.context.prompts, key)
            if spoken is None:
                judge.wrong(name, "prompt-unknown", f"The catalogue has no prompt “{key}”.")
            elif missing := [x for x in languages if x not in spoken]:
                judge.wrong(name, "prompt-language", f"“{key}” is not spoken in: {', '.join(missing)}.")


def _catalogue(prompts: Mapping[str, frozenset[str]], key: str) -> frozenset[str] | None:
    if key in prompts:
        return prompts[key]
    return next((spoken for known, spoken in prompts.items() if known[-1:] == "*" and key.startswith(known[:-1])), None)


def _languages(judge: _Judge, name: str, texts: Mapping[str, Any], languages: tuple[str, ...]) -> None:
    if not texts:
        judge.wrong(name, "prompt-empty", "There is nothing to say.")
    elif set(texts) == {""}:
        if len(languages) > 1:
            judge.wrong(name, "prompt-language", f"Say this in each language: {', '.join(languages)}.")
    elif missing := [x for x in languages if not texts.get(x)]:
        judge.wrong(name, "prompt-language", f"This is not said in: {', '.join(missing)}.")


def _known(judge: _Judge, name: str, value: str, known: Any, what: str) -> None:
    if known is not None and value not in known:
        judge.wrong(name, f"{what.replace(' ', '-')}-unknown", f"There is no {what} “{value}”.")


def _reference(judge: _Judge, name: str, value: UUID | str | None, known: Mapping[UUID, str] | None, what: str) -> None:
    if value is None or known is None:
        return
    if value not in known and value not in known.values():
        judge.wrong(name, f"{what.replace(' ', '-')}-unknown", f"There is no {what} “{value}”.")
    elif isinstance(value, str) and sum(1 for other in known.values() if other == value) > 1:
        judge.wrong(name, "name-ambiguous", f"There is more than one {what} “{value}”.")


def _table(judge: _Judge, node: TableLookup) -> None:
    tables = judge.context.tables
    _known(judge, "table", node.table, tables, "table")
    for name, column in node.into.items():
        _variable(judge, f"into.{name}", name)
        if tables is not None and node.table in tables and column not in tables[node.table]:
            judge.wrong(f"into.{name}", "column-unknown", f"“{node.table}” has no column “{column}”.")


def _sub_flow(judge: _Judge, node: SubFlow) -> None:
    _reference(judge, "flow", node.flow, judge.context.flows, "flow")
    for name in node.outputs:
        _variable(judge, f"outputs.{name}", name)
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
        if name not in inner.variables:
            judge.wrong(f"inputs.{name}", "variable-unknown", f"The sub-flow has no variable “{name}”.")
    for name, theirs in node.outputs.items():
        if theirs not in inner.variables:
            judge.wrong(f"outputs.{name}", "variable-unknown", f"The sub-flow has no variable “{theirs}”.")


# --- the whole --------------------------------------------------------------------------------------------------------


def _shape(judge: _Judge, known: frozenset[str]) -> None:
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
