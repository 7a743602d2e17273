"""The shape of a flow: what leads where, which ways go in circles, what lies in what. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import UUID

from careline.flows.kinds import KIND_OF
from careline.flows.model import Flow, key_of
from careline.flows.nodes import Branch, Collect, Consent, End, Menu, Node, SubFlow, Verify, ways
from careline.flows.spoken import Prompt, Spoken
from careline.kernel.expressions import Expression

#: How deep sub-flows may lie in each other.
DEEPEST = 5


def reachable(flow: Flow, start: str) -> set[str]:
    """Every node that can be come to from a node, itself included."""
    reached: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name in flow.nodes and name not in reached:
            reached.add(name)
            todo += [to for _, to in ways(flow.nodes[name])]
    return reached


def circles(flow: Flow) -> set[str]:
    """Nodes on a circle of nothing but branches, look-ups and speech: such a caller would never be heard."""
    return _on_a_circle(
        {n: [to for _, to in ways(node)] for n, node in flow.nodes.items() if not KIND_OF[type(node)].waits}
    )


def unheard(flow: Flow) -> set[str]:
    """Listening nodes on a circle that silence alone keeps up."""
    graph: dict[str, list[str]] = {}
    for name, node in flow.nodes.items():
        if isinstance(node, Menu | Collect | Consent | Verify):
            graph[name] = [node.exits[x] for x in ("no_input",) if x in node.exits]
        elif not KIND_OF[type(node)].waits:
            graph[name] = [to for _, to in ways(node)]
    return {n for n in _on_a_circle(graph) if isinstance(flow.nodes[n], Menu | Collect | Consent | Verify)}


def _on_a_circle(graph: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    for first in graph:
        seen: set[str] = set()
        todo = list(graph[first])
        while todo:
            name = todo.pop()
            if name == first:
                found.add(first)
                break
            if name in graph and name not in seen:
                seen.add(name)
                todo += graph[name]
    return found


def depth(flow: Flow, above: tuple[str, ...]) -> int:
    if len(above) > DEEPEST:
        return len(above)
    depths = [len(above)]
    for node in flow.nodes.values():
        if isinstance(node, SubFlow):
            inner = flow.library.get(key_of(node.flow, node.version))
            if inner is not None:
                depths.append(depth(inner, (*above, str(node.flow))))
            else:
                depths.append(len(above) + 1)
    return max(depths)


def prompts_of(node: Node) -> Iterator[tuple[str, Spoken]]:
    """Every prompt of a node with the field it stands in."""
    for i, spoken in enumerate(getattr(node, "prompts", ())):
        yield f"prompts.{i}", spoken
    if isinstance(node, Verify):
        for n, factor in enumerate(node.factors):
            for i, spoken in enumerate(factor.prompts):
                yield f"factors.{n}.prompts.{i}", spoken


def expressions_of(node: Node) -> Iterator[tuple[str, Expression]]:
    """Every expression of a node with the field it stands in."""
    for name in ("key", "number", "requirement"):
        if isinstance(value := getattr(node, name, None), Expression):
            yield name, value
    for name in ("values", "query", "inputs", "tells"):
        for key, value in (getattr(node, name, None) or {}).items():
            if isinstance(value, Expression):
                yield f"{name}.{key}", value
    if isinstance(node, Branch):
        for i, case in enumerate(node.cases):
            yield f"cases.{i}.when", case.when
    for name, spoken in prompts_of(node):
        if isinstance(spoken, Prompt):
            for param, value in spoken.params:
                if isinstance(value, Expression):
                    yield f"{name}.{param}", value


def with_library(flow: Flow, library: Mapping[str, Flow]) -> Flow:
    """The flow with its sub-flows."""
    return replace(flow, library=library)


def inside(flow: Flow, node: SubFlow) -> set[UUID]:
    """The flows that lie in a sub-flow node, at any depth."""
    found = {node.flow} if isinstance(node.flow, UUID) else set()
    inner = flow.library.get(key_of(node.flow, node.version))
    for other in inner.nodes.values() if inner else ():
        if inner and isinstance(other, SubFlow):
            found |= inside(inner, other)
    return found


def returns(flow: Flow) -> frozenset[str]:
    """The exits by which a sub-flow comes back; none for a flow that only lines can use."""
    return frozenset(node.returns for node in flow.nodes.values() if isinstance(node, End) and node.returns)
