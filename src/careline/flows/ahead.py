"""Keys pressed before a question was put: whether they answer it. Pure."""

from __future__ import annotations

from typing import Literal

from careline.flows import listening
from careline.flows.model import Cursor, Flow
from careline.flows.moves import Env
from careline.flows.nodes import Collect, Consent, Menu, Verify
from careline.flows.place import Place


def understood(flow: Flow, cursor: Cursor, digit: str, env: Env) -> Literal["yes", "no", "later"]:
    """Whether a key answers the question at a cursor; `later`: nothing is being asked there yet."""
    place = Place.at(flow, cursor, env)
    node = place.present()
    if not isinstance(node, Menu | Collect | Consent | Verify):
        return "later"
    if isinstance(node, Verify) and place.item >= len(node.factors):
        return "later"
    ends = digit == (node.terminator if isinstance(node, Collect) else "#") and bool(place.digits)
    return "yes" if listening.wants(node, digit) or ends else "no"
