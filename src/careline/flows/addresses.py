"""What may stand in the address of a look-up: never what identifies a caller. Pure.

Addresses are kept by access logs, proxies and browsers on both sides; a body is not. So what is asked travels in the
body, and only what is no secret may be put into a path, or into the address by `send: address`.
"""

from __future__ import annotations

from careline.flows.judge import Judge
from careline.flows.model import Flow
from careline.flows.nodes import Collect, Lookup, SetValues, VoiceAgent
from careline.flows.place import SLOT
from careline.kernel.expressions import Expression

#: A telephone number is an identifier of its own (45 CFR 164.514(b)(2)(i)(D)).
CALLERS = frozenset({"caller.number"})


def secret_names(flow: Flow) -> frozenset[str]:
    """Names whose value tells who a caller is: secret variables, the caller's number, and what was made from them."""
    return _made_of(flow, CALLERS | {name for name, variable in flow.variables.items() if variable.secret})


def typed_names(flow: Flow) -> frozenset[str]:
    """Names whose value a caller typed or another system said, and what was made from them but by way of a table."""
    return _made_of(flow, answered_names(flow), tables=False)


def _made_of(flow: Flow, seeds: frozenset[str], *, tables: bool = True) -> frozenset[str]:
    found = set(seeds)
    changed = True
    while changed:
        changed = False
        for node in flow.nodes.values():
            for name, source in node.values.items() if isinstance(node, SetValues) else ():
                if name not in found and depends(source, frozenset(found), tables=tables):
                    found.add(name)
                    changed = True
    return frozenset(found)


def depends(value: object, names: frozenset[str], *, tables: bool = True) -> bool:
    """Whether a value is made from any of these names; without `tables`, what a table says for them is not."""
    if isinstance(value, list):
        return any(depends(item, names, tables=tables) for item in value)
    if not isinstance(value, Expression) or not value.names & names:
        return False
    return tables or all(function != "table" for function, _count, _first in value.calls)


def answered_names(flow: Flow) -> frozenset[str]:
    """Variables that hold what a caller typed or another system said."""
    found: set[str] = set()
    for node in flow.nodes.values():
        if isinstance(node, Collect):
            found.add(node.variable)
        elif isinstance(node, Lookup | VoiceAgent):
            found |= set(node.into)
    return frozenset(found)


def judge(judge: Judge, node: Lookup) -> None:
    """Refuse a look-up that would put a secret into an address; warn of one that puts there what a caller typed."""
    secret, answered = secret_names(judge.flow), answered_names(judge.flow)
    for field, used in _in_address(node):
        for name in sorted(used & secret):
            text = f"“{name}” tells who calls and may not stand in an address: ask for it in the body."
            judge.wrong(field, "secret-in-address", text)
        for name in sorted((used & answered) - secret):
            text = f"“{name}” was typed or looked up: in an address it stays in logs. Ask for it in the body."
            judge.wrong(field, "answer-in-address", text, "warning")


def _in_address(node: Lookup) -> list[tuple[str, frozenset[str]]]:
    found = [("path", frozenset(slot[1] for slot in SLOT.finditer(node.path)))]
    if node.send == "address" and node.method == "http":
        found += [(f"query.{name}", value.names) for name, value in node.query.items() if isinstance(value, Expression)]
    return found
