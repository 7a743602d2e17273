"""Reading a flow from its data: every field by the table of `kinds`, every mistake as a `Problem`. Pure.

A flow with mistakes is still read as far as it makes sense, so that an editor can show all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from careline.flows import gate
from careline.flows.kinds import FACTORS, KINDS, VARIABLE_TYPES, Field, Kind
from careline.flows.model import Flow, FlowError, Problem, Variable
from careline.flows.nodes import Case, Factor, Node, Option
from careline.flows.spoken import Prompt, Recording, Spoken, Words
from careline.flows.text import load
from careline.kernel.expressions import Expression, ExpressionError
from careline.kernel.expressions import read as read_expression

FORMAT = "flow/1"

#: Bounds of a flow; far above any that people draw.
MOST_NODES, MOST_ITEMS = 500, 200

#: Numbers stay below this: what is greater, infinite or none at all cannot be spoken, nor kept.
GREATEST = 1e15

_TOP = ("careline", "name", "description", "languages", "start", "variables", "nodes", "tests")
_NAME = re.compile(r"[^\W_][\w .:-]{0,59}")
_VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a flow's data: the flow as far as it can be read, and what is wrong with the rest."""

    flow: Flow
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether it can be walked at all."""
        return not self.problems


def parse(data: Mapping[str, Any]) -> Flow:
    """A flow that can be walked. Raises `FlowError` naming every problem; nothing half-valid gets out."""
    reading = read(data)
    found = [*reading.problems, *gate.problems(reading.flow)]
    if errors := [p for p in found if p.severity == "error"]:
        raise FlowError("; ".join(f"{p.node or 'flow'}: {p.text}" for p in errors[:20]))
    return reading.flow


def read_text(text: str) -> Reading:
    """A flow from its YAML text; a text that is no YAML is one problem."""
    try:
        data = load(text)
    except FlowError as error:
        return Reading(Flow(start="", nodes={}), (Problem(None, "", "text-unreadable", error.detail),))
    return read(data)


def read(data: Mapping[str, Any]) -> Reading:
    """A flow from its data, with everything that cannot be read."""
    reader = _Reader()
    nodes: dict[str, Node] = {}
    given = data.get("nodes")
    if not isinstance(given, Mapping) or not given:
        reader.wrong("nodes", "nodes-missing", "A flow has at least one node.")
        given = {}
    if len(given) > MOST_NODES:
        reader.wrong("nodes", "too-many", f"A flow has at most {MOST_NODES} nodes.")
        given = {}
    if "careline" in data and data["careline"] != FORMAT:
        reader.wrong("careline", "format-unknown", f"This is not a flow of format “{FORMAT}”.")
    for name in data:
        if name not in _TOP:
            reader.wrong(str(name), "field-unknown", f"A flow has no “{name}”.")
    variables = reader.variables(data.get("variables"))
    for name, body in given.items():
        reader.node = str(name)
        if not _NAME.fullmatch(str(name)):
            reader.wrong(
                "", "name-invalid", "A node's name begins with a letter or digit and has at most 60 characters."
            )
        if (made := reader.make(body)) is not None:
            nodes[str(name)] = made
    reader.node = None
    flow = Flow(
        start=str(data.get("start") or ""),
        nodes=nodes,
        name=str(data.get("name") or "")[:100],
        languages=reader.languages(data.get("languages")),
        variables=variables,
    )
    return Reading(flow, tuple(reader.problems))


@dataclass(slots=True)
class _Reader:
    problems: list[Problem] = field(default_factory=list)
    node: str | None = None

    def wrong(self, name: str, code: str, text: str, severity: Literal["error", "warning"] = "error") -> None:
        self.problems.append(Problem(self.node, name, code, text, severity))

    # --- the flow -----------------------------------------------------------------------------------------------------

    def languages(self, given: Any) -> tuple[str, ...]:
        if given is None:
            return ()
        if not isinstance(given, list) or not all(isinstance(x, str) and _LANGUAGE.fullmatch(x) for x in given):
            self.wrong("languages", "field-invalid", "Languages are codes of two or three small letters: [en, es].")
            return ()
        return tuple(dict.fromkeys(given))

    def variables(self, given: Any) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for name, body in self.mapping("variables", given).items():
            if not _VARIABLE.fullmatch(name):
                self.wrong(f"variables.{name}", "name-invalid", "A variable is written in small letters, digits and _.")
            if not isinstance(body, Mapping):
                found[name] = Variable(default=body, type="number" if _is_number(body) else "text")
                continue
            kind = body.get("type", "text")
            if kind not in VARIABLE_TYPES:
                self.wrong(
                    f"variables.{name}", "field-invalid", f"A variable's type is one of {', '.join(VARIABLE_TYPES)}."
                )
                kind = "text"
            if unknown := set(body) - {"type", "default", "secret", "shown"}:
                self.wrong(f"variables.{name}", "field-unknown", f"A variable has no “{sorted(unknown)[0]}”.")
            found[name] = Variable(
                type=kind,
                default=body.get("default"),
                secret=body.get("secret") is True,
                shown=body.get("shown") is True,
            )
        return found

    # --- a node -------------------------------------------------------------------------------------------------------

    def make(self, body: Any) -> Node | None:
        if not isinstance(body, Mapping):
            self.wrong("", "node-invalid", "A node says its kind and its fields.")
            return None
        kind = KINDS.get(str(body.get("kind")))
        if kind is None:
            self.wrong("kind", "kind-unknown", f"There is no kind of node “{body.get('kind')}”.")
            return None
        known = {spec.name for spec in kind.fields} | {"kind", "exits", "next", "at"}
        for name in body:
            if name not in known or (name == "next" and "next" not in kind.exits):
                self.wrong(str(name), "field-unknown", f"“{kind.name}” has no “{name}”.")
        values: dict[str, Any] = {"exits": self.exits(kind, body)}
        for spec in kind.fields:
            if body.get(spec.name) is None:
                if spec.needed:
                    self.wrong(spec.name, "field-missing", f"“{spec.name}” is missing.")
                    values[spec.name] = _EMPTY.get(spec.type, "")
                continue
            made = self.field(spec, body[spec.name])
            values[spec.name] = _EMPTY.get(spec.type, "") if made is None and spec.needed else made
        node: Node = kind.node(**{name: value for name, value in values.items() if value is not None})
        return node

    def exits(self, kind: Kind, body: Mapping[str, Any]) -> dict[str, str]:
        given = self.mapping("exits", body.get("exits"))
        if "next" in kind.exits and isinstance(body.get("next"), str):
            given = {"next": body["next"], **given}
        found: dict[str, str] = {}
        for name, to in given.items():
            if not kind.free and name not in (*kind.exits, *kind.optional):
                self.wrong(f"exits.{name}", "exit-unknown", f"“{kind.name}” has no exit “{name}”.")
            elif not isinstance(to, str) or not to:
                self.wrong(f"exits.{name}", "exit-missing", f"The exit “{name}” leads nowhere.")
            else:
                found[name] = to
        for name in kind.exits:
            if name not in given:
                self.wrong(f"exits.{name}", "exit-missing", f"The exit “{name}” leads nowhere.")
        if kind.free and not given:
            self.wrong("exits", "exit-missing", "A sub-flow needs an exit for each way it can come back.")
        return found

    def field(self, spec: Field, given: Any) -> Any:
        match spec.type:
            case "prompts":
                return self.prompts(spec.name, given)
            case "number" | "integer":
                return self.number(spec, given)
            case "boolean":
                if not isinstance(given, bool):
                    self.wrong(spec.name, "field-invalid", "This is true or false.")
                return given is True
            case "choice":
                if given not in spec.choices:
                    self.wrong(spec.name, "field-invalid", f"This is one of {', '.join(spec.choices)}.")
                    return spec.default
                return given
            case "queue" | "person" | "department" | "calendar" | "flow":
                return _reference(self.words(spec.name, given))
            case "condition":
                return self.condition(spec.name, given)
            case "value":
                return self.value(spec.name, given)
            case "values":
                return {n: self.value(f"{spec.name}.{n}", v) for n, v in self.mapping(spec.name, given).items()}
            case "into":
                return {n: self.words(f"{spec.name}.{n}", v) for n, v in self.mapping(spec.name, given).items()}
            case "options":
                return {k: self.option(f"{spec.name}.{k}", v) for k, v in self.mapping(spec.name, given).items()}
            case "cases":
                return tuple(self.case(f"{spec.name}.{i}", c) for i, c in enumerate(self.items(spec.name, given)))
            case "factors":
                return tuple(self.factor(f"{spec.name}.{i}", f) for i, f in enumerate(self.items(spec.name, given)))
            case _:
                return self.words(spec.name, given)

    # --- values -------------------------------------------------------------------------------------------------------

    def mapping(self, name: str, given: Any) -> dict[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, Mapping) or len(given) > MOST_ITEMS:
            self.wrong(name, "field-invalid", f"“{name}” is a list of names, each with its value.")
            return {}
        return {str(key): value for key, value in given.items()}

    def items(self, name: str, given: Any) -> list[Any]:
        if not isinstance(given, list) or len(given) > MOST_ITEMS:
            self.wrong(name, "field-invalid", f"“{name}” is a list.")
            return []
        return given

    def words(self, name: str, given: Any) -> str:
        if isinstance(given, bool) or not isinstance(given, str | int | float) or len(str(given)) > 2000:
            self.wrong(name, "field-invalid", "This is a text.")
            return ""
        if "\x00" in str(given):
            self.wrong(name, "field-invalid", "Text may not contain the character NUL.")
            return ""
        return str(given)

    def number(self, spec: Field, given: Any) -> float | int:
        least, most = spec.least or 0, spec.most if spec.most is not None else 1e6
        whole = spec.type == "integer"
        if not _is_number(given) or not least <= given <= most or (whole and given != int(given)):
            kind = "a whole number" if whole else "a number"
            self.wrong(spec.name, "field-invalid", f"This is {kind} from {least:g} to {most:g}.")
            return spec.default if spec.default is not None else least
        return int(given) if whole else float(given)

    def condition(self, name: str, given: Any) -> Expression:
        text = self.words(name, given) if not isinstance(given, bool) else str(given).lower()
        try:
            return read_expression(text)
        except ExpressionError as error:
            self.wrong(name, "expression-invalid", error.detail)
            return read_expression("false")

    def value(self, name: str, given: Any) -> Any:
        """A plain value, or an expression behind `=`."""
        if isinstance(given, str):
            if given.startswith("="):
                return self.condition(name, given[1:])
            return self.words(name, given)
        if isinstance(given, list):
            return [self.value(name, item) for item in given[:MOST_ITEMS] if not isinstance(item, list | Mapping)]
        if given is None or isinstance(given, bool) or _is_number(given):
            return given
        self.wrong(name, "field-invalid", "This is a text, a number, true or false.")
        return None

    def prompts(self, name: str, given: Any) -> tuple[Spoken, ...]:
        if isinstance(given, str | Mapping):
            given = [given]
        found = (self.prompt(f"{name}.{i}", item) for i, item in enumerate(self.items(name, given)))
        return tuple(prompt for prompt in found if prompt is not None)

    def prompt(self, name: str, given: Any) -> Spoken | None:
        if isinstance(given, str) and given:
            return Prompt(given)
        if isinstance(given, Mapping):
            if "text" in given and len(given) == 1:
                return Words(self.by_language(f"{name}.text", given["text"]))
            if "recording" in given and len(given) == 1:
                return Recording(self.by_language(f"{name}.recording", given["recording"]))
            if isinstance(key := given.get("key"), str) and key:
                params = {str(k): self.value(f"{name}.{k}", v) for k, v in given.items() if k != "key"}
                return Prompt(key, tuple(sorted(params.items())))
        self.wrong(name, "prompt-invalid", "A prompt is a name of the catalogue, {text: …} or {recording: …}.")
        return None

    def by_language(self, name: str, given: Any) -> dict[str, str]:
        if isinstance(given, str):
            # One text for every language; the gate asks for the others where the flow speaks more than one.
            return {"": self.words(name, given)}
        return {language: self.words(f"{name}.{language}", x) for language, x in self.mapping(name, given).items()}

    def option(self, name: str, given: Any) -> Option:
        body = {"next": given} if isinstance(given, str) else self.mapping(name, given)
        if unknown := set(body) - {"next", "reason", "language", "phrases", "requirement"}:
            self.wrong(name, "field-unknown", f"A choice has no “{sorted(unknown)[0]}”.")
        if not isinstance(body.get("next"), str) or not body["next"]:
            self.wrong(f"{name}.next", "exit-missing", "This choice leads nowhere.")
        phrases: dict[str, tuple[str, ...]] = {}
        for language, said in self.mapping(f"{name}.phrases", body.get("phrases")).items():
            said = [said] if isinstance(said, str) else said
            phrases[language] = tuple(self.words(f"{name}.phrases", x) for x in self.items(f"{name}.phrases", said))
        reason, spoken, needed = body.get("reason"), body.get("language"), body.get("requirement")
        return Option(
            next=str(body.get("next") or ""),
            reason=self.words(f"{name}.reason", reason) if reason is not None else None,
            language=self.words(f"{name}.language", spoken) if spoken is not None else None,
            phrases=phrases,
            requirement=self.words(f"{name}.requirement", needed) if needed is not None else "",
        )

    def case(self, name: str, given: Any) -> Case:
        body = self.mapping(name, given)
        if not isinstance(body.get("next"), str) or not body["next"]:
            self.wrong(f"{name}.next", "exit-missing", "This case leads nowhere.")
        if body.get("when") is None:
            self.wrong(f"{name}.when", "field-missing", "This case has no condition.")
        if unknown := set(body) - {"when", "next"}:
            self.wrong(name, "field-unknown", f"A case has no “{sorted(unknown)[0]}”.")
        return Case(when=self.condition(f"{name}.when", body.get("when", "false")), next=str(body.get("next") or ""))

    def factor(self, name: str, given: Any) -> Factor:
        body = self.mapping(name, given)
        factor = body.get("name")
        if factor not in FACTORS:
            self.wrong(f"{name}.name", "field-invalid", f"What is asked is one of {', '.join(FACTORS)}.")
        if unknown := set(body) - {"name", "prompts", "least", "most"}:
            self.wrong(name, "field-unknown", f"A factor has no “{sorted(unknown)[0]}”.")
        if "prompts" not in body:
            self.wrong(f"{name}.prompts", "field-missing", "“prompts” is missing.")
        birthday = factor == "date_of_birth"
        limit = Field(name=f"{name}.least", type="integer", doc="", least=1, most=40, default=1)
        least = 8 if birthday else int(self.number(limit, body.get("least", 1)))
        most = 8 if birthday else int(self.number(limit, body.get("most", 20)))
        kind: Literal["date", "digits"] = "date" if birthday else "digits"
        prompts = self.prompts(f"{name}.prompts", body.get("prompts", []))
        return Factor(name=str(factor), prompts=prompts, type=kind, least=least, most=most)


_EMPTY: Mapping[str, Any] = {
    "prompts": (),
    "options": {},
    "cases": (),
    "values": {},
    "factors": (),
    "condition": read_expression("none"),
    "number": 5.0,
    "integer": 1,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < GREATEST


def _reference(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text
