"""Walks a flow: `step(flow, cursor, cause, env)` tells what to do next. Pure.

The interpreter never waits and never speaks; it returns actions and a new cursor, and is called again with what
happened: the prompt ended, a key was pressed, nothing was pressed in time, a look-up answered. What does not fit the
place (a key where none is wanted, an answer nobody asked for) changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from careline.flows import listening
from careline.flows.model import Cursor, Flow, FlowError, id_of
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
    Speak,
    Stimulus,
    ToCallback,
    ToQueue,
    ToTransfer,
    ToVoicemail,
)
from careline.flows.nodes import (
    Branch,
    CallbackOffer,
    Closure,
    Collect,
    Consent,
    End,
    EnterQueue,
    Hours,
    Lookup,
    Menu,
    Say,
    SetValues,
    SubFlow,
    TableLookup,
    Transfer,
    Verify,
    VoiceAgent,
    Voicemail,
)
from careline.flows.place import Place
from careline.flows.spoken import Prompt, Spoken

#: Nodes passed without waiting before a flow is called endless. The publish gate lets no such flow through.
_MOST_STEPS = 5000


def step(flow: Flow, cursor: Cursor | None, cause: Cause, env: Env) -> tuple[Cursor, list[Action]]:
    """The next cursor and what to do now. `cursor` None begins the flow."""
    if cursor is None:
        return _Walk(Place.begin(flow, env)).enter(flow.start)
    walk = _Walk(Place.at(flow, cursor, env))
    walk.go(cause)
    return walk.result()


def follow(flow: Flow, cursor: Cursor | None, cause: Cause, env: Env) -> tuple[Cursor, list[Action], list[str]]:
    """As `step`, with every node that was come to on the way, for those who watch a flow being walked."""
    walk = _Walk(Place.at(flow, cursor, env) if cursor else Place.begin(flow, env))
    if cursor is None:
        walk.enter(flow.start)
    else:
        walk.go(cause)
    return walk.at.cursor(), walk.actions, walk.at.path


def enter_node(flow: Flow, cursor: Cursor | None, name: str, env: Env) -> tuple[Cursor, list[Action]]:
    """Continue at a named node of the flow or sub-flow the cursor is in, as when a waiting caller asks to leave a
    message."""
    place = Place.at(flow, cursor, env) if cursor else Place.begin(flow, env)
    return _Walk(place).enter(name)


def resume(flow: Flow, cursor: Cursor, env: Env) -> tuple[Cursor, list[Action]]:
    """Begin the present node again after an outage. Where something secret was lost, it is asked again."""
    place = Place.at(flow, cursor, env)
    return _Walk(place).enter(place.rewind() or place.node)


class _Walk:
    """One step: moves a place along and collects what is to be done."""

    def __init__(self, place: Place) -> None:
        self.at = place
        self.actions: list[Action] = []

    def result(self) -> tuple[Cursor, list[Action]]:
        if noted := self.at.noted():
            self.actions.insert(0, noted)
        return self.at.cursor(), self.actions

    def go(self, cause: Cause) -> None:
        """Let the present node take what happened."""
        at, node = self.at, self.at.present()
        match node, cause:
            case (Say(), Stimulus.SPOKEN) if at.speaking:
                self._enter(node.exits["next"])
            case (Say(interruptible=True), Key()) if at.speaking:
                self.actions.append(Hush())
                self._enter(node.exits["next"], cause)
            case (Menu() | Consent() | Collect() | Verify(), _):
                self._listen(node, cause)
            case ((Lookup() | VoiceAgent() | Transfer() | CallbackOffer() | EnterQueue()), Answered()):
                self._answered(node, cause)
            case ((Transfer() | CallbackOffer() | VoiceAgent()), Stimulus.SPOKEN) if at.speaking:
                at.speaking = False
                self._hand_over(node)
            case (Lookup(), Stimulus.SPOKEN):
                at.speaking = False

    def enter(self, name: str) -> tuple[Cursor, list[Action]]:
        """Go to a node and on from there."""
        self._enter(name)
        return self.result()

    # --- passing nodes ----------------------------------------------------------------------------------------------

    def _enter(self, name: str, key: Key | None = None) -> None:
        for _ in range(_MOST_STEPS):
            self.at.move(name)
            onward = self._pass(key)
            if onward is None:
                return
            name = onward
        raise FlowError(f"the flow runs in a circle without waiting, at node {name}")

    def _pass(self, key: Key | None) -> str | None:
        """Do what the present node does at once; the node to go on to, None where the flow waits."""
        at, node = self.at, self.at.present()
        match node:
            case Hours():
                return node.exits[at.hours(node)]
            case Closure():
                return node.exits["on" if at.env.door() == "closure" else "off"]
            case Branch():
                return next((case.next for case in node.cases if at.holds(case.when)), node.exits["otherwise"])
            case SetValues():
                for variable, value in node.values.items():
                    at.assign(variable, value)
                return node.exits["next"]
            case TableLookup():
                return self._table(node)
            case SubFlow():
                return at.push(node)
            case End(returns=str(exit)) if at.stack:
                return at.pop(exit)
            case Say() if node.interruptible and key:
                return node.exits["next"]
            case Say():
                self._speak(node.prompts)
            case Menu() | Collect() | Consent() | Verify():
                return self._begin_listening(node, key)
            case Lookup() | Transfer() | CallbackOffer() | VoiceAgent():
                self._begin_handing_over(node)
            case EnterQueue():
                self.actions.append(
                    ToQueue(
                        id_of(node.queue),
                        node.reason,
                        node.exits.get("leave"),
                        node.exits.get("callback"),
                        node.exits.get("overflow"),
                        priority=node.priority,
                        requirement=at.needed(node.requirement),
                        person=id_of(node.person) if node.person else None,
                        person_seconds=node.person_seconds,
                    )
                )
            case Voicemail():
                department = id_of(node.department) if node.department else None
                self.actions.append(ToVoicemail(department, at.spoken(node.prompts)))
            case End():
                self.actions.append(Finish(at.spoken(node.prompts), node.outcome))
        return None

    def _table(self, node: TableLookup) -> str:
        key = self.at.evaluate(node.key)
        row = None if key is None else self.at.env.table(node.table, str(key))
        if row is None:
            return node.exits["not_found"]
        for variable, column in node.into.items():
            self.at.set(variable, row.get(column), asked_at=self.at.source(node.key))
        return node.exits["next"]

    # --- listening --------------------------------------------------------------------------------------------------

    def _begin_listening(self, node: Menu | Collect | Consent | Verify, key: Key | None) -> str | None:
        at = self.at
        at.secret = isinstance(node, Verify) or (isinstance(node, Collect) and not at.is_shown(node.variable))
        if key and listening.wants(node, key.digit):
            # Typed ahead: who knows the choice need not hear it.
            at.speaking = False
            return self._apply(listening.key(at, node, key.digit))
        self._speak(listening.prompts(at, node))
        return None

    def _listen(self, node: Menu | Collect | Consent | Verify, cause: Cause) -> None:
        at, outcome = self.at, None
        if isinstance(node, Verify) and at.item >= len(node.factors):
            # All typed: now the answer counts.
            if isinstance(cause, Answered):
                self._answered(node, cause)
            return
        match cause:
            case Key(digit):
                if at.speaking:
                    self.actions.append(Hush())
                    at.speaking = False
                outcome = listening.key(at, node, digit)
            case Heard() if isinstance(node, Menu):
                if at.speaking:
                    self.actions.append(Hush())
                    at.speaking = False
                outcome = listening.heard(at, node, cause)
            case Stimulus.SPOKEN if at.speaking:
                at.speaking = False
                outcome = listening.listen(at, node)
            case Stimulus.SILENCE if not at.speaking:
                outcome = listening.silence(at, node)
        if outcome is not None and (onward := self._apply(outcome)):
            self._enter(onward)

    def _apply(self, outcome: listening.Outcome) -> str | None:
        """Do what listening made of it; the node to go on to."""
        at = self.at
        match outcome:
            case listening.More(seconds, phrases):
                self.actions.append(Listen(seconds, phrases))
            case listening.Again(sorry):
                node = at.present()
                assert isinstance(node, Menu | Collect | Consent | Verify)
                self.actions.append(Speak((*sorry, *at.spoken(listening.prompts(at, node)))))
                at.speaking = True
            case listening.Chose(option, digit):
                self.actions.append(Chosen(at.node, digit, option.reason, option.language))
                at.language = option.language or at.language
                at.choose(option.requirement)
                return option.next
            case listening.Agreed(record, to):
                self.actions.append(Consented(record))
                return to
            case listening.Typed(variable, value, to):
                at.set(variable, value, asked_at=at.node)
                return to
            case listening.Complete(factors, seconds):
                self.actions.append(Ask("verify", {"factors": factors}, seconds))
            case listening.Leave(to):
                return to
        return None

    # --- asking and handing over --------------------------------------------------------------------------------------

    def _begin_handing_over(self, node: Lookup | Transfer | CallbackOffer | VoiceAgent) -> None:
        if isinstance(node, Lookup):
            # The other system is asked while the caller hears the words.
            self._speak(node.prompts)
            self._hand_over(node)
        elif node.prompts:
            self._speak(node.prompts)
        else:
            self._hand_over(node)

    def _hand_over(self, node: Lookup | Transfer | CallbackOffer | VoiceAgent) -> None:
        at = self.at
        match node:
            case Lookup():
                body: dict[str, Any] = {
                    "endpoint": node.endpoint,
                    "method": node.method,
                    "path": at.fill(node.path),
                    "send": node.send,
                    "query": {name: at.value(value) for name, value in node.query.items()},
                    "into": dict(node.into),
                }
                self.actions.append(Ask("lookup", body, node.seconds))
            case VoiceAgent():
                tells = {name: at.value(value) for name, value in node.tells.items()}
                body = {"endpoint": node.endpoint, "tells": tells, "into": dict(node.into)}
                self.actions.append(Ask("agent", body, node.seconds))
            case Transfer():
                number = at.value(node.number)
                if isinstance(number, str) and number:
                    self.actions.append(ToTransfer(number, node.seconds))
                else:
                    self._enter(node.exits["failed"])
            case CallbackOffer():
                self.actions.append(ToCallback(id_of(node.queue), node.mode, node.reason, at.needed("")))

    def _answered(
        self, node: Lookup | Transfer | CallbackOffer | VoiceAgent | EnterQueue | Verify, answer: Answered
    ) -> None:
        to = node.exits.get(answer.exit) or node.exits.get("failed")
        if to is None:
            return
        if self.at.speaking:
            self.actions.append(Hush())
        if isinstance(node, Lookup | VoiceAgent):
            for variable in node.into:
                if variable in answer.values:
                    self.at.set(variable, _plain(answer.values[variable]), asked_at=self.at.node)
        self._enter(to)

    def _speak(self, prompts: tuple[Spoken, ...]) -> None:
        spoken: tuple[Prompt, ...] = self.at.spoken(prompts)
        if spoken:
            self.actions.append(Speak(spoken))
            self.at.speaking = True


def _plain(value: Any) -> Any:
    """What another system sent, as far as a variable can hold it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value[:50] if not isinstance(item, list | Mapping)]
    return str(value)[:500]
