"""A call played through a flow without a telephone: for the editor's phone and for flow tests. Virtual time, pure.

The state is JSON and holds everything, so that a browser can keep it: the server remembers nothing between two keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.flows.interpreter import follow
from careline.flows.model import Cursor, Flow, FlowError, Frame, id_of
from careline.flows.moves import (
    Action,
    Answered,
    Ask,
    Cause,
    Chosen,
    Consented,
    Env,
    Finish,
    Heard,
    Hush,
    Key,
    Listen,
    Noted,
    Speak,
    Stimulus,
    ToCallback,
    ToQueue,
    ToTransfer,
    ToVoicemail,
)
from careline.flows.nodes import Collect, Consent, EnterQueue, Hours, Menu, Ref, Verify
from careline.flows.spoken import Prompt
from careline.flows.start import Start

#: How long a prompt lasts in virtual time, in seconds.
PROMPT_SECONDS = 3.0
_MOST_PROMPTS = 200

#: Answers of the outside that a test or the person at the editor's phone did not give: nothing is known.
Rows = Callable[[str, str], Mapping[str, Any] | None]
Calendars = Callable[[UUID], bool | None]


class UnknownCalendar(FlowError):
    """The call depends on opening hours of which its start says nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The test does not say whether “{name}” is open: add it to “calendars” in its start.")
        self.name = name


@dataclass(slots=True)
class Rehearsal:
    """One call being played."""

    flow: Flow
    start: Start
    now: datetime
    cursor: Cursor | None = None
    language: str = "en"
    #: flow, queue, voicemail, transfer, callback, asking, ended
    phase: str = "flow"
    #: Until when a key, or an answer, is awaited.
    until: datetime | None = None
    listening: bool = False
    ask: dict[str, Any] | None = None
    #: What the caller has been handed to: queue and reason, department, number, outcome, consent …
    facts: dict[str, Any] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)
    #: What has happened since it was last looked at, for whoever watches.
    log: list[dict[str, Any]] = field(default_factory=list)
    rows: Rows = lambda _table, _key: None
    calendars: Calendars = lambda _id: None
    #: Whether opening hours of which nothing was said are an error; else they are closed, as for a caller.
    strict: bool = False
    #: Steps so far; a state that comes back from a browser is not trusted to end.
    steps: int = 0

    @classmethod
    def begin(
        cls,
        flow: Flow,
        start: Start,
        rows: Rows = lambda _t, _k: None,
        calendars: Calendars = lambda _i: None,
        *,
        strict: bool = False,
    ) -> Rehearsal:
        """The call comes in."""
        if unknown := sorted(set(start.variables) - set(flow.variables)):
            raise FlowError(f"The flow has no variable “{unknown[0]}”.")
        given = {name: replace(flow.variables[name], default=value) for name, value in start.variables.items()}
        begun = replace(flow, variables={**flow.variables, **given})
        made = cls(begun, start, start.at, language=start.language, rows=rows, calendars=calendars)
        made.strict = strict
        made._step(Stimulus.ENTERED)
        return made

    # --- what can be done ---------------------------------------------------------------------------------------------

    def act(self, do: str, value: Any = None) -> None:
        """Do one thing: spoken, press, type, say, silence, wait, answer, hang up. Raises `FlowError` for another."""
        self.steps += 1
        if self.steps > 2000:
            raise FlowError("This call has gone on too long.")
        if self.phase == "ended":
            return
        match do:
            case "spoken":
                self._spoken()
            case "press":
                self._press(str(value))
            case "type":
                for key in str(value)[:60]:
                    self._press(key)
            case "say":
                self.listen()
                self._step(Heard(str(value)))
            case "silence":
                self.settle()
                self._pass((self.until or self.now) - self.now)
                if self.listening:
                    self._step(Stimulus.SILENCE)
            case "wait":
                self._wait(float(value))
            case "answer":
                self._answer(value)
            case "hang up":
                self.phase = "ended"
                self.facts.setdefault("ended", "hung-up")
                self._note("hung-up")
            case _:
                raise FlowError(f"“{do}” is nothing a caller can do.")

    def settle(self) -> None:
        """Hear everything to its end, up to where something is needed from the caller or the outside."""
        for _ in range(_MOST_PROMPTS):
            if self.phase == "ended" or self.cursor is None or not self.cursor.speaking:
                return
            self._spoken()

    # --- how it goes --------------------------------------------------------------------------------------------------

    def env(self) -> Env:
        """What the flow sees."""
        names = {id_of(_ref(name)): is_open for name, is_open in self.start.calendars.items()}

        def row(table: str, key: str) -> Mapping[str, Any] | None:
            if table in self.start.tables:
                return self.start.tables[table].get(key)
            return self.rows(table, key)

        return Env(
            now=self.now,
            zone=self.start.zone,
            language=self.language,
            door=lambda: self.start.door,
            calendar=lambda id_: names[id_] if id_ in names else self._calendar(id_),
            table=row,
            facts=self.start.facts,
        )

    def _calendar(self, id_: UUID) -> bool | None:
        found = self.calendars(id_)
        if found is None and self.strict:
            name = next((str(ref) for ref in _calendars(self.flow) if id_of(ref) == id_), str(id_))
            raise UnknownCalendar(name)
        return found

    def _spoken(self) -> None:
        self._pass(timedelta(seconds=PROMPT_SECONDS))
        if self.phase == "asking" and self.until and self.until <= self.now:
            self._step(Answered("timeout"))
        else:
            self._step(Stimulus.SPOKEN)

    def _press(self, key: str) -> None:
        if len(key) != 1 or key not in "0123456789*#":
            raise FlowError(f"No telephone has the key “{key}”.")
        if key == "*":
            # Kept for emergencies: in a live call it never reaches the flow.
            self._note("emergency")
            return
        self.listen()
        self._step(Key(key))

    def listen(self) -> None:
        """Hear on to where a key means something: a person who tries a menu does not press during the greeting."""
        for _ in range(_MOST_PROMPTS):
            cursor = self.cursor
            if self.phase != "flow" or cursor is None or not cursor.speaking:
                return
            if isinstance(self._node(), Menu | Collect | Consent | Verify):
                return
            self._spoken()

    def _wait(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=max(0.0, min(seconds, 86_400.0)))
        for _ in range(_MOST_PROMPTS):
            if self.phase == "ended":
                break
            if self.cursor and self.cursor.speaking:
                if self.now + timedelta(seconds=PROMPT_SECONDS) > end:
                    break
                self._spoken()
            elif self.until and self.until <= end:
                self.now = self.until
                self._step(Answered("timeout") if self.phase == "asking" else Stimulus.SILENCE)
            else:
                break
        self.now = max(self.now, end)

    def _answer(self, value: Any) -> None:
        body = {"exit": value} if isinstance(value, str) else value
        if not isinstance(body, Mapping) or not isinstance(body.get("exit"), str):
            raise FlowError("An answer names its exit.")
        if self.cursor is not None and self.phase in ("transfer", "callback") and self.cursor.speaking:
            self._spoken()
        values = body.get("values") or {}
        if not isinstance(values, Mapping):
            raise FlowError("The values of an answer are names with values.")
        self._step(Answered(body["exit"], {str(k): v for k, v in values.items()}))

    def _pass(self, time: timedelta) -> None:
        self.now += max(time, timedelta())

    def _node(self) -> Any:
        assert self.cursor is not None
        flow = self.flow
        for frame in self.cursor.stack:
            node: Any = flow.nodes[frame.node]
            flow = flow.library[f"{node.flow}@{node.version}"]
        return flow.nodes[self.cursor.node]

    def _step(self, cause: Cause) -> None:
        before = self.cursor
        self.cursor, actions, path = follow(self.flow, self.cursor, cause, self.env())
        for node in path:
            self._note("node", node=node)
        if path or actions:
            self.listening = False
            if path:
                self.until, self.ask = None, None
                if self.phase != "ended":
                    self.phase = "flow"
        for action in actions:
            self._do(action)
        if before is not None and path and isinstance(self._node(), EnterQueue):
            self.phase = "queue"

    def _do(self, action: Action) -> None:
        match action:
            case Speak(prompts):
                self._heard(prompts)
            case Hush():
                self._note("hushed")
            case Listen(seconds, phrases):
                self.listening, self.until = True, self.now + timedelta(seconds=seconds)
                self._note("listening", seconds=seconds, phrases=list(phrases))
            case Chosen(_, digit, reason, language):
                self.language = language or self.language
                if reason:
                    # As in a live call: what the caller chose stays the reason unless a queue says another.
                    self.facts["reason"] = reason
                self._note("chosen", key=digit, reason=reason, language=language)
            case Noted(variables):
                self.noted.update(variables)
            case Consented(record):
                self.facts["consent"] = record
                self._note("consent", record=record)
            case Ask(kind, body, seconds):
                self.phase, self.until = "asking", self.now + timedelta(seconds=seconds)
                shown = dict(body) if kind != "verify" else {"factors": sorted(body["factors"])}
                self.ask = {"kind": kind, "seconds": seconds, "body": shown}
                self.facts["asked"] = str(body.get("endpoint", kind))
                self._note("asked", kind=kind, body=shown, seconds=seconds)
            case ToQueue(queue, reason):
                self.phase = "queue"
                self.facts |= {"queue": str(queue), "reason": reason or self.facts.get("reason")}
                self._note("queue", queue=str(queue), reason=reason)
            case ToCallback(queue, mode, reason):
                self.phase = "callback"
                self.facts |= {"callback": str(queue), "reason": reason or self.facts.get("reason")}
                self._note("callback", queue=str(queue), mode=mode)
            case ToTransfer(number, seconds):
                self.phase = "transfer"
                self.facts["transfer"] = number
                self._note("transfer", number=number, seconds=seconds)
            case ToVoicemail(department, prompts):
                # Who refused to be recorded is asked first whether a message may be.
                refused = (Prompt("voicemail.unrecorded"),) if self.facts.get("consent") is False else ()
                self._heard((*prompts, *refused))
                self.phase = "voicemail"
                self.facts["voicemail"] = str(department) if department else True
                self._note("voicemail", department=str(department) if department else None)
            case Finish(prompts, outcome):
                self._heard(prompts)
                self.phase = "ended"
                self.facts["ended"] = outcome
                self._note("ended", outcome=outcome)

    def _heard(self, prompts: tuple[Prompt, ...]) -> None:
        self._note("heard", language=self.language, prompts=[{"key": p.key, "params": dict(p.params)} for p in prompts])

    def _note(self, what: str, **facts: Any) -> None:
        self.log.append({"what": what, "at": self.now.isoformat(), **facts})

    # --- as JSON ------------------------------------------------------------------------------------------------------

    def to_body(self) -> dict[str, Any]:
        """The state, for a browser to keep. What is secret in it was typed by whoever tries the flow."""
        cursor = self.cursor
        return {
            "cursor": None if cursor is None else _whole(cursor),
            "now": self.now.isoformat(),
            "language": self.language,
            "phase": self.phase,
            "until": self.until.isoformat() if self.until else None,
            "listening": self.listening,
            "ask": self.ask,
            "facts": self.facts,
            "noted": self.noted,
            "steps": self.steps,
        }

    @classmethod
    def resume(
        cls,
        flow: Flow,
        start: Start,
        body: Mapping[str, Any],
        rows: Rows = lambda _t, _k: None,
        calendars: Calendars = lambda _i: None,
    ) -> Rehearsal:
        """From a state that a browser kept. Raises `FlowError` when it does not belong to this flow."""
        try:
            made = cls(
                flow,
                start,
                datetime.fromisoformat(body["now"]),
                cursor=_cursor(body["cursor"]),
                language=str(body["language"]),
                phase=str(body["phase"]),
                until=datetime.fromisoformat(body["until"]) if body.get("until") else None,
                listening=bool(body.get("listening")),
                ask=body.get("ask"),
                facts=dict(body.get("facts") or {}),
                noted=dict(body.get("noted") or {}),
                rows=rows,
                calendars=calendars,
                steps=int(body.get("steps", 0)),
            )
            if made.now.tzinfo is None or (made.until and made.until.tzinfo is None):
                raise ValueError("a time without a zone")
            made._node()
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError, OverflowError) as error:
            raise FlowError("This call does not belong to this flow any more: start it again.") from error
        return made


def _ref(name: str) -> Ref:
    try:
        return UUID(name)
    except ValueError:
        return name


def _calendars(flow: Flow) -> set[Ref]:
    """The opening hours that a flow and its sub-flows name."""
    found = {n.calendar for n in flow.nodes.values() if isinstance(n, Hours) and n.calendar is not None}
    return found.union(*(_calendars(inner) for inner in flow.library.values()))


def _whole(cursor: Cursor) -> dict[str, Any]:
    return {
        **cursor.to_body(),
        "variables": dict(cursor.variables),
        "stack": [{"node": f.node, "variables": dict(f.variables), "hidden": dict(f.hidden)} for f in cursor.stack],
        "digits": cursor.digits,
        "secret": cursor.secret,
        "item": cursor.item,
        "typed": dict(cursor.typed),
    }


def _cursor(body: Mapping[str, Any]) -> Cursor:
    return Cursor(
        node=str(body["node"]),
        tries=int(body.get("tries", 0)),
        speaking=bool(body.get("speaking")),
        variables=dict(body.get("variables") or {}),
        hidden=dict(body.get("hidden") or {}),
        stack=tuple(
            Frame(node=str(f["node"]), variables=dict(f["variables"]), hidden=dict(f["hidden"]))
            for f in body.get("stack") or []
        ),
        language=body.get("chosen"),
        digits=str(body.get("digits") or "")[:60],
        secret=bool(body.get("secret")),
        item=max(0, int(body.get("item", 0))),
        typed={str(k): str(v) for k, v in dict(body.get("typed") or {}).items()},
    )
