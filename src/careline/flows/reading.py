"""Reading a flow from its text form, and everything that can be wrong with one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from careline.flows.model import (
    End,
    EnterQueue,
    Flow,
    FlowError,
    Hours,
    Menu,
    Node,
    Option,
    Prompt,
    Say,
    Voicemail,
)


def exits(node: Node) -> list[str]:
    """Every node a node can lead to."""
    match node:
        case Say():
            return [node.next]
        case Menu():
            return [*(o.next for o in node.options.values()), node.give_up]
        case Hours():
            return [node.open, node.closed, node.closure]
        case EnterQueue():
            return [node.leave] if node.leave else []
        case Voicemail() | End():
            return []


def problems(flow: Flow) -> list[str]:
    """Everything wrong with a flow, in words: unknown exits, unreachable nodes, keys that no telephone has, circles
    without a wait."""
    found: list[str] = []
    if flow.start not in flow.nodes:
        return [f"the flow starts at “{flow.start}”, which does not exist"]
    for name, node in flow.nodes.items():
        found += [f"“{name}” leads to “{to}”, which does not exist" for to in exits(node) if to not in flow.nodes]
        if isinstance(node, Menu):
            found += [f"“{name}” offers the key “{key}”" for key in node.options if key not in set("0123456789*#")]
            if not node.options:
                found.append(f"“{name}” is a menu without options")
    reached: set[str] = set()
    todo = [flow.start]
    while todo:
        name = todo.pop()
        if name not in reached and name in flow.nodes:
            reached.add(name)
            todo += exits(flow.nodes[name])
    found += [f"“{name}” can never be reached" for name in flow.nodes if name not in reached]
    found += [f"“{name}” can lead back to itself without a wait" for name in sorted(_circles(flow))]
    return found


def _circles(flow: Flow) -> set[str]:
    """Nodes on a circle of nothing but branches and speech: such a caller would never be heard."""

    def onward(name: str) -> list[str]:
        node = flow.nodes.get(name)
        return exits(node) if isinstance(node, (Say, Hours)) else []

    looping: set[str] = set()
    for first in flow.nodes:
        seen: set[str] = set()
        todo = onward(first)
        while todo:
            name = todo.pop()
            if name == first:
                looping.add(first)
                break
            if name not in seen:
                seen.add(name)
                todo += onward(name)
    return looping


def parse(data: Mapping[str, Any]) -> Flow:
    """A flow from its JSON or YAML form. Raises `FlowError` naming every problem; nothing half-valid gets out."""
    try:
        nodes = {str(name): _node(dict(body)) for name, body in dict(data["nodes"]).items()}
        flow = Flow(start=str(data["start"]), nodes=nodes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FlowError(f"the flow cannot be read: {error!r}") from error
    if found := problems(flow):
        raise FlowError("; ".join(found))
    return flow


def _prompts(data: Any) -> tuple[Prompt, ...]:
    made = []
    for item in data:
        if isinstance(item, str):
            made.append(Prompt(item))
        else:
            values = dict(item)
            made.append(Prompt(values.pop("key"), tuple(sorted(values.items()))))
    return tuple(made)


def _node(body: dict[str, Any]) -> Node:
    kind = body.pop("kind")
    if "prompts" in body:
        body["prompts"] = _prompts(body["prompts"])
    match kind:
        case "say":
            return Say(**body)
        case "menu":
            body["options"] = {str(k): Option(**v) for k, v in body["options"].items()}
            return Menu(**body)
        case "hours":
            return Hours(**body)
        case "queue":
            return EnterQueue(**{**body, "queue": UUID(str(body["queue"]))})
        case "voicemail":
            department = body.get("department")
            return Voicemail(**{**body, "department": UUID(str(department)) if department else None})
        case "end":
            return End(**body)
        case other:
            raise FlowError(f"unknown kind of node: {other}")
