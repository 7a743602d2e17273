"""Patterns that a new flow may begin from. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Body = dict[str, Any]
_NOTICE = "greeting.emergency-notice"
#: How queues for appointments, and for whatever else there is, are called.
_BOOKING = re.compile("appointment|schedul|booking|cita|agenda", re.IGNORECASE)
_ANYTHING = re.compile("general|front desk|reception|recepci", re.IGNORECASE)


def _words(en: str, es: str) -> Body:
    return {"text": {"en": en, "es": es}}


def _flow(name: str, start: str, nodes: Body, tests: list[Body] | None = None) -> Body:
    body = {"careline": "flow/1", "name": name, "languages": ["en", "es"], "start": start, "nodes": nodes}
    return {**body, "tests": tests} if tests else body


def _doors() -> Body:
    return {
        "hours": {"kind": "hours", "exits": {"open": "greeting", "closed": "closed", "closure": "closure"}},
        "greeting": {"kind": "say", "prompts": [_NOTICE, "greeting.welcome"], "exits": {"next": "language"}},
        "language": {
            "kind": "menu",
            "prompts": ["language.choose"],
            "options": {"1": {"next": "menu", "language": "en"}, "2": {"next": "menu", "language": "es"}},
            "tries": 1,
            "exits": {"no_input": "menu", "no_match": "menu"},
        },
    }


def _closed() -> Body:
    return {
        "closed": {"kind": "say", "prompts": [_NOTICE, "closed.hours"], "exits": {"next": "voicemail"}},
        "closure": {"kind": "say", "prompts": [_NOTICE, "closed.closure"], "exits": {"next": "voicemail"}},
        "voicemail": {"kind": "voicemail"},
    }


def blank(name: str, queues: Sequence[str]) -> Body:  # noqa: ARG001 (every pattern is given the queues)
    """A greeting with the emergency notice, and nothing after it yet."""
    return _flow(name, "greeting", {"greeting": {"kind": "say", "prompts": [_NOTICE, "greeting.welcome"]}})


def one_queue(name: str, queues: Sequence[str]) -> Body:
    """Hours, greeting, a menu with a queue and a voicemail."""
    nodes = {
        **_doors(),
        "menu": {
            "kind": "menu",
            "prompts": [
                _words(
                    "To speak with someone, press one. To leave a message, press two.",
                    "Para hablar con alguien, oprima el uno. Para dejar un mensaje, oprima el dos.",
                )
            ],
            "options": {"1": {"next": "queue"}, "2": {"next": "voicemail"}},
            "exits": {"no_input": "queue", "no_match": "queue"},
        },
        "queue": {"kind": "queue", "queue": _at(queues, 0), "exits": {"leave": "voicemail", "overflow": "voicemail"}},
        **_closed(),
    }
    return _flow(name, "hours", nodes)


def two_queues(name: str, queues: Sequence[str]) -> Body:
    """Hours, greeting, a menu with two queues; whoever waits too long is called back.

    Of the practice's queues those are taken whose names say what they are for, else the first two.
    """
    booking = _named(queues, _BOOKING, _at(queues, 0))
    other = _named(queues, _ANYTHING, next((queue for queue in queues if queue != booking), booking))
    nodes = {
        **_doors(),
        "menu": {
            "kind": "menu",
            "prompts": [
                _words(
                    "For appointments, press one. For anything else, press two.",
                    "Para citas, oprima el uno. Para cualquier otro asunto, oprima el dos.",
                )
            ],
            "options": {"1": {"next": "appointments", "reason": "appointments"}, "2": {"next": "anything-else"}},
            "exits": {"no_input": "anything-else", "no_match": "anything-else"},
        },
        "appointments": {
            "kind": "queue",
            "queue": booking,
            "exits": {"leave": "voicemail", "callback": "call-back-appointments", "overflow": "anything-else"},
        },
        "anything-else": {
            "kind": "queue",
            "queue": other,
            "exits": {"leave": "voicemail", "callback": "call-back", "overflow": "call-back"},
        },
        # Each queue calls back its own callers: nobody is rung by people who do not know what it is about.
        "call-back-appointments": _call_back(booking),
        "call-back": _call_back(other),
        "goodbye": {"kind": "end"},
        **_closed(),
    }
    return _flow(name, "hours", nodes)


def after_hours(name: str, queues: Sequence[str]) -> Body:  # noqa: ARG001 (as above)
    """A notice and a voicemail, whatever the hour."""
    nodes = {
        "notice": {"kind": "say", "prompts": [_NOTICE, "closed.hours"], "exits": {"next": "voicemail"}},
        "voicemail": {"kind": "voicemail"},
    }
    return _flow(name, "notice", nodes)


def _call_back(queue: str) -> Body:
    exits = {"accepted": "goodbye", "declined": "voicemail", "failed": "voicemail"}
    return {"kind": "callback", "queue": queue, "exits": exits}


def _named(queues: Sequence[str], words: re.Pattern[str], otherwise: str) -> str:
    return next((queue for queue in queues if words.search(queue)), otherwise)


def _at(queues: Sequence[str], index: int) -> str:
    return queues[min(index, len(queues) - 1)] if queues else ""


PATTERNS: Mapping[str, Callable[[str, Sequence[str]], Body]] = {
    "blank": blank,
    "one-queue": one_queue,
    "two-queues": two_queues,
    "after-hours": after_hours,
}
