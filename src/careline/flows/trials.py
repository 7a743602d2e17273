"""Flow tests: data beside the flow, played on virtual time with the interpreter that serves real callers. Pure.

A test says how a call begins, what the caller does, and what must come of it; see docs/flows.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careline.flows.model import Flow, FlowError, id_of
from careline.flows.nodes import Ref
from careline.flows.rehearsal import Calendars, Rehearsal, Rows, UnknownCalendar
from careline.flows.start import Start

_EXPECT = frozenset(
    {"heard", "not_heard", "node", "passed", "not_passed", "queue", "reason", "callback", "voicemail", "transfer",
     "ended", "asked", "consent", "language", "variables"}
)  # fmt: skip
_STEPS = frozenset({"press", "type", "say", "silence", "wait", "answer", "hang up", "expect"})
_MOST_TESTS, _MOST_STEPS = 200, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One test and how it went."""

    name: str
    ok: bool
    #: What was wrong, in one sentence; empty when all is well.
    said: str = ""
    #: The step that failed, from 1; None for the start or the end.
    step: int | None = None
    #: Where the caller was then.
    node: str | None = None
    path: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


class _Failed(Exception):
    """An expectation was not met."""


def run(
    flow: Flow,
    tests: Any,
    *,
    names: Mapping[str, str] | None = None,
    rows: Rows = lambda _table, _key: None,
    calendars: Calendars = lambda _id: None,
) -> list[Trial]:
    """Play every test. `names`: id -> name of queues and departments, for flows in which names have become ids."""
    if tests is None:
        return []
    if not isinstance(tests, Sequence) or isinstance(tests, str) or len(tests) > _MOST_TESTS:
        return [Trial(name="tests", ok=False, said=f"Tests are a list of at most {_MOST_TESTS}.")]
    return [_run(flow, number, test, names or {}, rows, calendars) for number, test in enumerate(tests, 1)]


def _run(flow: Flow, number: int, test: Any, names: Mapping[str, str], rows: Rows, calendars: Calendars) -> Trial:
    name = str(test.get("name") or f"test {number}") if isinstance(test, Mapping) else f"test {number}"
    call: Rehearsal | None = None
    step: int | None = None
    try:
        if not isinstance(test, Mapping):
            raise _Failed("A test has a name, steps and what is expected.")
        if unknown := sorted(set(test) - {"name", "start", "steps", "expect", "answers"}):
            raise _Failed(f"A test has no “{unknown[0]}”.")
        steps = test.get("steps") or []
        if not isinstance(steps, Sequence) or isinstance(steps, str) or len(steps) > _MOST_STEPS:
            raise _Failed(f"Steps are a list of at most {_MOST_STEPS}.")
        if not steps and not test.get("expect"):
            raise _Failed("This test expects nothing.")
        begin = test.get("start") or {}
        if not isinstance(begin, Mapping):
            raise _Failed("The start is a list of names with values.")
        answers = test.get("answers") or {}
        if not isinstance(answers, Mapping):
            raise _Failed("Answers are nodes, each with its answer.")
        begin = {**begin, "calendars": _by_id(begin.get("calendars"), names)}
        call = Rehearsal.begin(
            flow, Start.from_body({"language": (flow.languages or ("en",))[0], **begin}), rows, calendars, strict=True
        )
        _answer(call, answers)
        for number_of_step, action in enumerate(steps, 1):
            step = number_of_step
            _do(call, action, answers, names)
        step = None
        call.settle()
        _answer(call, answers)
        _expect(call, test.get("expect") or {}, names)
    except (_Failed, FlowError) as error:
        said = str(error) if isinstance(error, _Failed) else error.detail
        if isinstance(error, UnknownCalendar):
            said = said.replace(f"“{error.name}”", f"“{names.get(error.name, error.name)}”")
        return Trial(name=name, ok=False, said=said, step=step, **_seen(call))
    return Trial(name=name, ok=True, **_seen(call))


def _by_id(calendars: Any, names: Mapping[str, str]) -> Any:
    """Opening hours by name, and by the id the name has become."""
    if not isinstance(calendars, Mapping):
        return calendars
    return {**calendars, **{id_: calendars[name] for id_, name in names.items() if name in calendars}}


def _seen(call: Rehearsal | None) -> dict[str, Any]:
    if call is None:
        return {}
    return {"node": call.cursor.node if call.cursor else None, "path": passed(call), "heard": heard(call)}


def _do(call: Rehearsal, action: Any, answers: Mapping[str, Any], names: Mapping[str, str]) -> None:
    if isinstance(action, str):
        action = {action: None}
    if not isinstance(action, Mapping) or len(action) != 1 or next(iter(action)) not in _STEPS:
        raise _Failed(f"A step is one of: {', '.join(sorted(_STEPS))}.")
    do, value = next(iter(action.items()))
    if do == "expect":
        _expect(call, value, names)
        return
    if do == "wait" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _Failed("A wait is a number of seconds.")
    if call.phase == "ended":
        raise _Failed("The call was over already.")
    if do == "answer":
        call.settle()
    call.act(do, value)
    _answer(call, answers)


def _answer(call: Rehearsal, answers: Mapping[str, Any]) -> None:
    """Give the answers the test has prepared, as long as one is asked for."""
    for _ in range(50):
        call.listen()
        node = call.cursor.node if call.cursor else None
        if node is None or node not in answers or call.phase not in ("asking", "queue", "callback", "transfer"):
            return
        call.act("answer", answers[node])


def _expect(call: Rehearsal, expected: Any, names: Mapping[str, str]) -> None:
    if not isinstance(expected, Mapping):
        raise _Failed("What is expected is a list of names with values.")
    if unknown := sorted(str(name) for name in expected if name not in _EXPECT):
        raise _Failed(f"Nothing called “{unknown[0]}” can be expected.")
    for what, value in expected.items():
        match what:
            case "heard" | "not_heard":
                said = heard(call)
                for words in _many(value):
                    there = any(_says(line, str(words)) for line in said)
                    if there is (what == "not_heard"):
                        raise _Failed(f"“{words}” was {'heard' if there else 'not heard'}.")
            case "passed" | "not_passed":
                for node in _many(value):
                    if (str(node) in passed(call)) is (what == "not_passed"):
                        raise _Failed(f"The call came {'to' if what == 'not_passed' else 'never to'} “{node}”.")
            case "variables":
                _variables(call, value)
            case "node":
                at = call.cursor.node if call.cursor else None
                if at != value:
                    raise _Failed(f"The call is at “{at}”, not at “{value}”.")
            case "language":
                if call.language != value:
                    raise _Failed(f"The language is “{call.language}”, not “{value}”.")
            case _:
                _fact(call, what, value, names)


def _fact(call: Rehearsal, what: str, value: Any, names: Mapping[str, str]) -> None:
    found = call.facts.get(what)
    if value is True and what not in ("consent",):
        if found is None:
            raise _Failed(f"Expected a {what}; the call is at “{call.cursor.node if call.cursor else ''}”.")
        return
    if value is False and what != "consent":
        if found is not None:
            raise _Failed(f"Expected no {what}, but there was one: {names.get(str(found), found)}.")
        return
    wanted = {value, str(value)} if not isinstance(value, str) else {value}
    if what in ("queue", "callback", "voicemail") and isinstance(value, str):
        wanted |= {str(id_of(_ref(value)))} | {id_ for id_, name in names.items() if name == value}
    if found not in wanted:
        shown = "nothing" if found is None else f"“{names.get(str(found), _name_of(call, found))}”"
        raise _Failed(f"{what.capitalize()}: expected “{value}”, found {shown}.")


def _ref(value: str) -> Ref:
    return value


def _name_of(call: Rehearsal, found: Any) -> Any:
    """The name of an unpublished reference, looked for among those the flow makes."""
    for node in call.flow.nodes.values():
        for name in ("queue", "department"):
            if isinstance(ref := getattr(node, name, None), str) and str(id_of(ref)) == str(found):
                return ref
    return found


def _variables(call: Rehearsal, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise _Failed("Variables are names with values.")
    have = call.cursor.variables if call.cursor else {}
    for name, wanted in value.items():
        if have.get(name) != wanted and str(have.get(name)) != str(wanted):
            raise _Failed(f"The variable “{name}” is “{have.get(name)}”, not “{wanted}”.")


def passed(call: Rehearsal) -> list[str]:
    """Every node the call came to, in order."""
    return [str(entry["node"]) for entry in call.log if entry["what"] == "node"]


def heard(call: Rehearsal) -> list[str]:
    """What was spoken, in order: keys of the catalogue, and own words."""
    said: list[str] = []
    for entry in call.log:
        if entry["what"] == "heard":
            said += [line(prompt) for prompt in entry["prompts"]]
    return said


def line(prompt: Mapping[str, Any]) -> str:
    """One prompt as a line: own words as they are, others by key and values."""
    params = prompt["params"]
    if prompt["key"] == "text":
        return str(params.get("text", ""))
    return " ".join([str(prompt["key"]), *(str(value) for value in params.values())])


def _says(line: str, words: str) -> bool:
    return words.casefold() in line.casefold()


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
