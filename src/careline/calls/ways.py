"""The ways a flow leaves to a caller in its queue: another node for a key, or when the queue turns away. Pure."""

from __future__ import annotations

from careline.calls.step import Step
from careline.flows.model import FlowError
from careline.flows.nodes import CallbackOffer, EnterQueue, Node
from careline.flows.place import inner


def way(s: Step, exit: str) -> str | None:
    """The node that the flow's queue leads to by an exit (`callback`, `overflow`); None when it says nothing, or the
    call stands in another queue by now."""
    node = _node(s)
    if not isinstance(node, EnterQueue) or s.call.connected_at:
        return None
    return node.exits.get(exit)


def offers_callback(s: Step) -> bool:
    """Whether the caller was asked about a callback by a node of the flow."""
    return isinstance(_node(s), CallbackOffer)


def _node(s: Step) -> Node | None:
    cursor = s.call.cursor
    if cursor is None:
        return None
    try:
        return inner(s.line.flow, cursor).nodes.get(cursor.node)
    except FlowError:
        return None
