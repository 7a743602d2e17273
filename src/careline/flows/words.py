"""The practice's own words in a flow, as they will be spoken: so that a voice can speak them ahead of calls. Pure."""

from __future__ import annotations

from careline.flows.model import Flow
from careline.flows.place import pieces
from careline.flows.shape import prompts_of
from careline.flows.spoken import Words


def words_of(flow: Flow) -> set[tuple[str, str]]:
    """Every (language, words) of a flow and its sub-flows, cut where values are put in."""
    found: set[tuple[str, str]] = set()
    for node in flow.nodes.values():
        for _, spoken in prompts_of(node):
            if isinstance(spoken, Words):
                for language, text in spoken.texts.items():
                    for one in [language] if language else flow.languages or ("en",):
                        found |= {(one, words) for words in pieces(text)}
    for inner in flow.library.values():
        found |= words_of(inner)
    return found
