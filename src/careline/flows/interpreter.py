"""Walks a flow: `step(flow, cursor, stimulus)` tells what to do next. Pure.

The interpreter never waits and never speaks; it returns actions and a new cursor, and is called again with what
happened: the prompt ended, a key was pressed, nothing was pressed in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from careline.flows.model import (
    Action,
    Chosen,
    Cursor,
    End,
    EnterQueue,
    Finish,
    Flow,
    FlowError,
    Hours,
    Hush,
    Key,
    Listen,
    Menu,
    Prompt,
    Say,
    Speak,
    Stimulus,
    ToQueue,
    ToVoicemail,
    Voicemail,
)

Door = Callable[[], Literal["open", "closed", "closure"]]

#: Nodes passed without waiting before a flow is called endless.
_MOST_STEPS = 50


def step(
    flow: Flow,
    cursor: Cursor | None,
    stimulus: Stimulus | Key,
    hours: Door,
) -> tuple[Cursor, list[Action]]:
    """The next cursor and what to do now. `cursor` None begins the flow."""
    actions: list[Action] = []
    if cursor is None:
        return _enter(flow, flow.start, actions, hours, None)
    node = flow.nodes[cursor.node]
    match node, stimulus:
        case Say(), Stimulus.SPOKEN:
            return _enter(flow, node.next, actions, hours, None)
        case Say(interruptible=True), Key():
            actions.append(Hush())
            return _enter(flow, node.next, actions, hours, stimulus)
        case Menu(), Key(digit):
            if cursor.speaking:
                actions.append(Hush())
            return _press(flow, cursor, node, digit, actions, hours)
        case Menu(), Stimulus.SPOKEN:
            actions.append(Listen(node.seconds))
            return replace(cursor, speaking=False), actions
        case Menu(), Stimulus.SILENCE:
            return _again(flow, cursor, node, Prompt("no-input"), actions, hours)
        case _:
            return cursor, actions


def _enter(
    flow: Flow,
    name: str,
    actions: list[Action],
    hours: Door,
    key: Key | None,
) -> tuple[Cursor, list[Action]]:
    for _ in range(_MOST_STEPS):
        node = flow.nodes[name]
        match node:
            case Hours():
                name = {"open": node.open, "closed": node.closed, "closure": node.closure}[hours()]
            case Say() if not (node.interruptible and key):
                actions.append(Speak(node.prompts))
                return Cursor(node=name, speaking=True), actions
            case Say():
                name = node.next
            case Menu():
                if key and key.digit in node.options:
                    return _press(flow, Cursor(node=name), node, key.digit, actions, hours)
                actions.append(Speak(node.prompts))
                return Cursor(node=name, speaking=True), actions
            case EnterQueue():
                actions.append(ToQueue(node.queue, node.reason, node.leave))
                return Cursor(node=name), actions
            case Voicemail():
                actions.append(ToVoicemail(node.department, node.prompts))
                return Cursor(node=name), actions
            case End():
                actions.append(Finish(node.prompts, node.outcome))
                return Cursor(node=name), actions
    raise FlowError(f"the flow runs in a circle without waiting, at node {name}")


def _press(
    flow: Flow,
    cursor: Cursor,
    node: Menu,
    digit: str,
    actions: list[Action],
    hours: Door,
) -> tuple[Cursor, list[Action]]:
    option = node.options.get(digit)
    if option is None:
        return _again(flow, cursor, node, Prompt("invalid-key"), actions, hours)
    actions.append(Chosen(cursor.node, digit, option.reason, option.language))
    return _enter(flow, option.next, actions, hours, None)


def _again(
    flow: Flow,
    cursor: Cursor,
    node: Menu,
    sorry: Prompt,
    actions: list[Action],
    hours: Door,
) -> tuple[Cursor, list[Action]]:
    if cursor.tries + 1 >= node.tries:
        return _enter(flow, node.give_up, actions, hours, None)
    actions.append(Speak((sorry, *node.prompts)))
    return Cursor(node=cursor.node, tries=cursor.tries + 1, speaking=True), actions


def enter_node(flow: Flow, name: str, hours: Door) -> tuple[Cursor, list[Action]]:
    """Continue a flow at a named node, as when a waiting caller asks to leave a message."""
    return _enter(flow, name, [], hours, None)
