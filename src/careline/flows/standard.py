"""The usual flow of a practice's line, made from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuChoice:
    """One key of the standard flow's menu."""

    digit: str
    reason: str
    queue: UUID
    #: The words of this choice where the prompt catalogue has none for its reason: {"en": "…"}.
    words: Mapping[str, str] | None = None
    #: What a caller may say instead of pressing the key, by language.
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The settings of the standard flow: greeting, languages, menu, queue or voicemail."""

    line_name: str
    languages: tuple[str, ...] = ("en", "es")
    choices: tuple[MenuChoice, ...] = field(default_factory=tuple)
    #: The queue for callers who press nothing.
    fallback_queue: UUID
    department: UUID | None = None
    announce_recording: bool = True
    #: The practice's own words instead of "Thank you for calling …", by language.
    greeting: Mapping[str, str] = field(default_factory=dict)
    #: Straight into the queue, without a word: internal lines and measurements.
    direct: bool = False


def _spoken(choice: MenuChoice) -> dict[str, Any]:
    if choice.words is None:
        return {"key": f"menu.option.{choice.reason}", "digit": choice.digit}
    return {"key": "menu.words", "digit": choice.digit, **choice.words}


def _option(choice: MenuChoice, languages: tuple[str, ...]) -> dict[str, Any]:
    option: dict[str, Any] = {"next": f"queue-{choice.digit}", "reason": choice.reason}
    if all(choice.said.get(language) for language in languages):
        option["phrases"] = {language: [choice.said[language]] for language in languages}
    return option


def standard(settings: Standard) -> dict[str, Any]:
    """The standard flow as data: hours; greeting with the emergency notice first; language; menu; queue or
    voicemail. Closed and emergency closure lead to a notice and a voicemail."""
    if settings.direct:
        return {"start": "queue", "nodes": {"queue": {"kind": "queue", "queue": str(settings.fallback_queue)}}}
    bilingual = len(settings.languages) > 1
    fallback = {"kind": "queue", "queue": str(settings.fallback_queue), "exits": {"leave": "voicemail"}}
    greeting = {"key": "greeting.line", "name": settings.line_name}
    greeting |= {f"own_{language}": words for language, words in settings.greeting.items()}
    menu_or_queue = "menu" if settings.choices else "fallback"
    nodes: dict[str, Any] = {
        "hours": {
            "kind": "hours",
            "exits": {"open": "greeting", "closed": "closed", "closure": "closure"},
        },
        "greeting": {
            "kind": "say",
            "prompts": [
                "greeting.emergency-notice",
                greeting,
                *(["record.notice"] if settings.announce_recording else []),
            ],
            "next": "language" if bilingual else menu_or_queue,
        },
        "closed": {
            "kind": "say",
            "prompts": [
                "greeting.emergency-notice",
                greeting,
                "closed.hours",
                "closed.voicemail",
            ],
            "next": "voicemail",
        },
        "closure": {
            "kind": "say",
            "prompts": ["greeting.emergency-notice", "closed.closure", "closed.voicemail"],
            "next": "voicemail",
        },
        "voicemail": {
            "kind": "voicemail",
            "department": str(settings.department) if settings.department else None,
        },
    }
    if bilingual:
        keys = {"1": "en", "2": "es"}
        nodes["language"] = {
            "kind": "menu",
            "prompts": ["language.choose"],
            "options": {k: {"next": menu_or_queue, "language": v} for k, v in keys.items() if v in settings.languages},
            "exits": {"no_input": menu_or_queue, "no_match": menu_or_queue},
            "tries": 2,
        }
    if settings.choices:
        nodes["menu"] = {
            "kind": "menu",
            "prompts": ["menu.intro", *(_spoken(c) for c in settings.choices), "menu.stay"],
            "options": {c.digit: _option(c, settings.languages) for c in settings.choices},
            "exits": {"no_input": "fallback", "no_match": "fallback"},
        }
        for choice in settings.choices:
            nodes[f"queue-{choice.digit}"] = {
                "kind": "queue",
                "queue": str(choice.queue),
                "reason": choice.reason,
                "exits": {"leave": "voicemail"},
            }
    nodes["fallback"] = fallback
    return {"start": "hours", "nodes": nodes}
