"""A caller's place in a flow while a step is made: variables, sub-flows, what expressions see, what is spoken. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from careline.flows.model import Cursor, Flow, FlowError, Frame, id_of, key_of
from careline.flows.moves import Env, Noted
from careline.flows.nodes import Hours, Node, SubFlow
from careline.flows.spoken import Prompt, Recording, Spoken, Words
from careline.kernel.expressions import Expression, Function

#: `{name}` or `{name:date}` in a text.
SLOT = re.compile(r"\{([a-z][a-z0-9_.]*)(?::([a-z]+))?\}")

#: How a value of a type is spoken: prompt and the name of its parameter.
SPOKEN_AS: Mapping[str, tuple[str, str]] = {
    "number": ("value.number", "number"),
    "digits": ("value.digits", "text"),
    "phone": ("value.phone", "text"),
    "date": ("value.date", "date"),
    "time": ("value.time", "time"),
    "money": ("value.money", "amount"),
    "ordinal": ("value.ordinal", "number"),
    "minutes": ("value.minutes", "number"),
    "name": ("value.name", "text"),
    "text": ("text", "text"),
}

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Names every expression may use, besides the flow's own variables.
BUILT_IN = frozenset(
    {"now", "date", "time", "hour", "weekday", "tomorrow", "language", "door", "caller.number", "caller.known",
     "caller.anonymous", "caller.returning", "line.name", "line.number", "channel"}
)  # fmt: skip
#: Functions of expressions and how many arguments each takes.
FUNCTIONS: Mapping[str, int] = {"table": 3, "listed": 2, "length": 1, "starts_with": 2, "last": 2}


@dataclass(slots=True)
class Place:
    """Where the caller is, being moved along."""

    root: Flow
    env: Env
    node: str
    flow: Flow
    variables: dict[str, Any]
    stack: list[Frame] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    tries: int = 0
    speaking: bool = False
    digits: str = ""
    secret: bool = False
    item: int = 0
    typed: Mapping[str, str] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    #: The nodes come to in this step, with the sub-flow's node before its own: `who > ask`.
    path: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, flow: Flow, env: Env) -> Place:
        """Before the first node."""
        return cls(root=flow, env=env, node=flow.start, flow=flow, variables=_defaults(flow))

    @classmethod
    def at(cls, flow: Flow, cursor: Cursor, env: Env) -> Place:
        """At a cursor."""
        return cls(
            root=flow,
            env=env,
            node=cursor.node,
            flow=inner(flow, cursor),
            variables=dict(cursor.variables),
            stack=list(cursor.stack),
            hidden=dict(cursor.hidden),
            language=cursor.language,
            tries=cursor.tries,
            speaking=cursor.speaking,
            digits=cursor.digits,
            secret=cursor.secret,
            item=cursor.item,
            typed=cursor.typed,
            needs=dict(cursor.needs),
        )

    def cursor(self) -> Cursor:
        """The place as it is remembered."""
        return Cursor(
            node=self.node,
            tries=self.tries,
            speaking=self.speaking,
            variables=self.variables,
            hidden=self.hidden,
            stack=tuple(self.stack),
            language=self.language,
            digits=self.digits,
            secret=self.secret,
            item=self.item,
            typed=self.typed,
            needs=self.needs,
        )

    def present(self) -> Node:
        """The node the caller is at. Raises `FlowError` for one that the flow does not have."""
        try:
            return self.flow.nodes[self.node]
        except KeyError:
            raise FlowError(f"the flow has no node {self.node}") from None

    def move(self, node: str) -> None:
        """Come to a node anew."""
        self.node = node
        self.path.append(self._whole_name())
        self.tries = self.item = 0
        self.speaking = self.secret = False
        self.digits = ""
        self.typed = {}

    def _whole_name(self) -> str:
        return " > ".join([*(frame.node for frame in self.stack), self.node])

    def choose(self, requirement: str) -> None:
        """What the choice at this menu asks of the agent; choosing anew takes the place of what was chosen before."""
        self.needs.pop(self._whole_name(), None)
        if requirement:
            self.needs[self._whole_name()] = requirement

    def needed(self, more: str | Expression) -> str:
        """A skill expression of everything chosen, and `more`."""
        asked = str(self.value(more) or "")
        parts = [part for part in dict.fromkeys((*self.needs.values(), asked)) if part.strip()]
        return parts[0] if len(parts) == 1 else " and ".join(f"({part})" for part in parts)

    # --- variables ----------------------------------------------------------------------------------------------------

    def set(self, name: str, value: Any, asked_at: str | None = None) -> None:
        """Give a variable a value. `asked_at`: the node to ask at again for a value that stays in memory (what a caller
        typed, what another system said, what was made of either): events hold nothing about a patient. Only a variable
        that the flow shows to the agent is written down."""
        self.variables[name] = value
        if self.is_secret(name) or (asked_at is not None and not self.is_shown(name)):
            self.hidden[name] = asked_at or self.node
            return
        self.hidden.pop(name, None)
        if self.is_shown(name):
            self.changed.add(name)

    def assign(self, name: str, given: Any) -> None:
        """Give a variable a plain value, or what an expression comes to; what is made of something hidden is hidden."""
        self.set(name, self.value(given), asked_at=self.source(given))

    def source(self, given: Any) -> str | None:
        """The node that asked for what a value is made of; None when nothing in it is hidden."""
        used = given.names if isinstance(given, Expression) else ()
        if isinstance(given, list):
            return next((found for item in given if (found := self.source(item))), None)
        return next((self.hidden[name] for name in sorted(used) if name in self.hidden), None)

    def is_secret(self, name: str) -> bool:
        """Whether a variable is kept out of events."""
        known = self.flow.variables.get(name)
        return known is not None and known.secret

    def is_shown(self, name: str) -> bool:
        """Whether the agent sees a variable, so that it is written down."""
        known = self.flow.variables.get(name)
        return known is not None and known.shown and not known.secret

    def noted(self) -> Noted | None:
        """What the agent is shown anew."""
        return Noted({name: self.variables[name] for name in sorted(self.changed)}) if self.changed else None

    def rewind(self) -> str | None:
        """Leave sub-flows until the outermost place where a secret was lost, and give the node that asked for it."""
        frames = [*self.stack, Frame(node=self.node, variables=self.variables, hidden=self.hidden)]
        for depth, frame in enumerate(frames):
            lost = [node for name, node in frame.hidden.items() if frame.variables.get(name) is None]
            if lost:
                self.variables, self.hidden = dict(frame.variables), dict(frame.hidden)
                del self.stack[depth:]
                self._find_flow()
                return lost[0]
        return None

    # --- sub-flows ----------------------------------------------------------------------------------------------------

    def push(self, node: SubFlow) -> str:
        """Enter a sub-flow; its first node."""
        inner = _sub_flow(self.flow, self.node)
        given = {name: (self.value(value), self.source(value)) for name, value in node.inputs.items()}
        self.stack.append(Frame(node=self.node, variables=self.variables, hidden=self.hidden))
        self.flow, self.variables, self.hidden = inner, _defaults(inner), {}
        for name, (value, source) in given.items():
            # Lost after an outage, it is asked again further out: where it was asked first.
            self.set(name, value, asked_at=inner.start if source else None)
        return inner.start

    def pop(self, exit: str) -> str:
        """Leave a sub-flow by an exit; the node of the outer flow to go on at."""
        inner, hidden = self.variables, self.hidden
        frame = self.stack.pop()
        self._find_flow()
        self.node, self.variables, self.hidden = frame.node, dict(frame.variables), dict(frame.hidden)
        node = self.present()
        assert isinstance(node, SubFlow)
        for name, theirs in node.outputs.items():
            self.set(name, inner.get(theirs), asked_at=frame.node if theirs in hidden else None)
        return node.exits.get(exit) or next(iter(node.exits.values()))

    def _find_flow(self) -> None:
        self.flow = self.root
        for outer in self.stack:
            self.flow = _sub_flow(self.flow, outer.node)

    # --- expressions --------------------------------------------------------------------------------------------------

    @property
    def spoken_language(self) -> str:
        """The caller's language."""
        return self.language or self.env.language

    def holds(self, condition: Expression) -> bool:
        """Whether a condition holds here and now."""
        return bool(self.evaluate(condition))

    def evaluate(self, expression: Expression) -> Any:
        """What an expression comes to here and now."""
        functions: dict[str, Function] = {
            "table": lambda name, key, column: (self.env.table(str(name), str(key)) or {}).get(str(column)),
            "listed": lambda name, key: self.env.table(str(name), str(key)) is not None,
            "length": lambda value: len(value) if value is not None else 0,
            "starts_with": lambda text, start: str(text).startswith(str(start)),
            "last": lambda text, count: str(text)[-int(count) :] if int(count) > 0 else "",
        }
        return expression.value(self.name, functions)

    def value(self, given: Any) -> Any:
        """A value as the flow gives it: plain, or an expression, or a list of these."""
        if isinstance(given, list):
            return [self.value(item) for item in given]
        return self.evaluate(given) if isinstance(given, Expression) else given

    def name(self, name: str) -> Any:
        """The value of a name in an expression or text."""
        if name in self.variables:
            return self.variables[name]
        local = self.env.now.astimezone(ZoneInfo(self.env.zone))
        match name:
            case "now":
                return local.isoformat(timespec="seconds")
            case "date":
                return local.date().isoformat()
            case "tomorrow":
                return (local.date() + timedelta(days=1)).isoformat()
            case "time":
                return local.strftime("%H:%M")
            case "hour":
                return local.hour
            case "weekday":
                return _DAYS[local.weekday()]
            case "language":
                return self.spoken_language
            case "door":
                return self.env.door()
            case _:
                return self.env.facts.get(name)

    def hours(self, node: Hours) -> str:
        """What the line, or a calendar, is now. A calendar that does not exist any more is closed."""
        door = self.env.door()
        if door == "closure" or node.calendar is None:
            return door
        return "open" if self.env.calendar(id_of(node.calendar)) else "closed"

    # --- speech -------------------------------------------------------------------------------------------------------

    def spoken(self, prompts: tuple[Spoken, ...]) -> tuple[Prompt, ...]:
        """Prompts with every value put in, for the caller's language."""
        said: list[Prompt] = []
        for prompt in prompts:
            match prompt:
                case Prompt(key, params):
                    filled = tuple((name, self._param(value)) for name, value in params)
                    if all(value is not None for _, value in filled):
                        said.append(Prompt(key, filled))
                case Words(texts):
                    said += self._words(_best(texts, self.spoken_language))
                case Recording(ids):
                    said.append(Prompt("recording", (("id", _best(ids, self.spoken_language)),)))
        return tuple(said)

    def fill(self, text: str) -> str:
        """A text with its values as plain characters, as in the path of a look-up."""

        def put(match: re.Match[str]) -> str:
            value = self.name(match[1])
            return "" if value is None else re.sub(r"[^\w.@+-]", "", str(value))

        return SLOT.sub(put, text)

    def _param(self, value: Any) -> Any:
        if isinstance(value, Expression):
            return self.evaluate(value)
        return value

    def _words(self, text: str) -> list[Prompt]:
        """A text cut at its values: words are spoken by the voice, values are put together from recordings."""
        said: list[Prompt] = []
        at = 0
        for slot in SLOT.finditer(text):
            said += _text(text[at : slot.start()])
            said += self._slot(slot[1], slot[2])
            at = slot.end()
        return said + _text(text[at:])

    def _slot(self, name: str, kind: str | None) -> list[Prompt]:
        value = self.name(name)
        if value is None or isinstance(value, bool | list):
            return []
        known = self.flow.variables.get(name)
        kind = kind or (known.type if known else _BUILT_IN_TYPES.get(name, "text"))
        if kind == "time" and isinstance(value, str) and "T" in value:
            value = value[11:16]
        key, param = SPOKEN_AS.get(kind, SPOKEN_AS["text"])
        if param == "number":
            try:
                value = int(float(value))
            except (TypeError, ValueError, OverflowError):
                key, param = SPOKEN_AS["text"]
        if kind == "date" and not _is_date(value):
            key, param = SPOKEN_AS["text"]
        if param != "number":
            value = str(value)[:200]
        return [Prompt(key, ((param, value),))] if value != "" else []


_BUILT_IN_TYPES = {"date": "date", "tomorrow": "date", "time": "time", "hour": "number", "caller.number": "phone"}


def inner(flow: Flow, cursor: Cursor) -> Flow:
    """The flow or sub-flow a cursor is in. Raises `FlowError` when one of them is missing."""
    for frame in cursor.stack:
        flow = _sub_flow(flow, frame.node)
    return flow


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _text(words: str) -> list[Prompt]:
    # Punctuation alone between two values is nothing to say, and none begins a sentence.
    return [Prompt("text", (("text", words.strip().lstrip(",.;: ")),))] if re.search(r"\w", words) else []


def pieces(text: str) -> list[str]:
    """The words of a text between its values, as they are spoken."""
    found = [_text(text[start:end]) for start, end in _between(text)]
    return [str(prompt.params[0][1]) for prompts in found for prompt in prompts]


def _between(text: str) -> list[tuple[int, int]]:
    slots = list(SLOT.finditer(text))
    return list(zip([0, *(slot.end() for slot in slots)], [*(slot.start() for slot in slots), len(text)], strict=True))


def _best(by_language: Mapping[str, str], language: str) -> str:
    return by_language.get(language) or next(iter(by_language.values()), "")


def _defaults(flow: Flow) -> dict[str, Any]:
    return {name: variable.default for name, variable in flow.variables.items() if variable.default is not None}


def node_at(flow: Flow, cursor: Cursor) -> Node | None:
    """The node at a cursor, in the sub-flow the caller is in; None when the flow no longer has it."""
    try:
        for frame in cursor.stack:
            flow = _sub_flow(flow, frame.node)
    except FlowError:
        return None
    return flow.nodes.get(cursor.node)


def _sub_flow(flow: Flow, node: str) -> Flow:
    reference = flow.nodes.get(node)
    if not isinstance(reference, SubFlow):
        raise FlowError(f"the flow has no sub-flow at {node}")
    found = flow.library.get(key_of(reference.flow, reference.version))
    if found is None:
        raise FlowError(f"the sub-flow of {node} is missing")
    return found
