"""Help from outside for an emergency that nobody here takes: how far it is, folded from its events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """Nobody here has the emergency yet: outside numbers are rung in turn."""

    #: When the next number is rung at the latest; None: one rings, or is asked, just now.
    next_at: datetime | None = None
    #: It is rung as soon as what the caller hears has been heard.
    soon: bool = False
    #: Attempts so far, over all rounds.
    tried: int = 0
    #: The list has been tried to its end, and is tried again.
    again: bool = False
    #: Until when whoever picked up outside is asked to take the call.
    asked_until: datetime | None = None


def awaited(body: Mapping[str, Any]) -> Help:
    """From a moment on the next number is rung."""
    return Help(
        next_at=datetime.fromisoformat(body["at"]), soon=body["soon"], tried=body["tried"], again=body["why"] == "again"
    )


def called(before: Help | None, body: Mapping[str, Any]) -> Help:
    """A number rings."""
    return replace(before or Help(), next_at=None, soon=False, again=False, tried=body["tried"], asked_until=None)


def asked(before: Help | None, body: Mapping[str, Any]) -> Help:
    """Somebody picked up outside and is asked to press a key, which no answering machine does."""
    return replace(before or Help(), next_at=None, asked_until=datetime.fromisoformat(body["until"]))


def moments(help: Help | None, *, rings_here: bool) -> list[datetime | None]:
    """What is due to it, in no order. While it rings at somebody here nothing is."""
    if help is None:
        return []
    return [help.asked_until, None if rings_here else help.next_at]
