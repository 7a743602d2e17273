"""Why a call rang where it did, or rings nowhere, in words a supervisor can read: from the router's codes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls.views import CandidateView, WhyView
from careline.platform.i18n import gettext as _
from careline.queues.wording import statuses, strategy_words

#: What speaks against somebody, from who may take the call soonest to who never will: in this order they are shown.
_NEARNESS = ("later", "tried", "ringing", "offered", "wrap_up", "talking", "busy-otherwise", "reserve",
             "kept-for-another", "not_responding", "away", "phone-offline", "not-in-ring", "language", "skills",
             "offline", "not-member")  # fmt: skip


def against() -> dict[str, str]:
    """What can speak against an agent, in words."""
    return {
        **statuses(),
        "not-member": _("Does not serve this queue"),
        "not-in-ring": _("Not in the group that is asked now"),
        "language": _("Does not speak the caller's language"),
        "skills": _("Lacks a skill the call needs"),
        "reserve": _("Reserve, not called on now"),
        "kept-for-another": _("The call is kept for somebody else"),
        "tried": _("Rang for this call a moment ago"),
        "ringing": _("Rings for this call already"),
        "phone-offline": _("Telephone not reachable"),
        "busy-otherwise": _("Busy with other work"),
        "later": _("Comes later in the order"),
    }


def turns() -> dict[str, str]:
    """Whose turn it is, in words."""
    return {
        "emergency": _("First of all: an emergency"),
        "maximum-wait": _("First in line: the longest wait of its class is over"),
        "in-turn": _("In turn"),
    }


def states() -> dict[str, str]:
    """Why a waiting call rings nobody, in words."""
    return {
        "nobody-free": _("Nobody who may take this call is free"),
        "not-yet": _("It is not to be offered yet"),
        "next": _("It is about to ring"),
        "no-such-queue": _("Its queue is not in service"),
    }


def people_in(why: Mapping[str, Any]) -> set[UUID]:
    """Everybody whom an explanation mentions."""
    named = {str(c["agent"]) for c in why.get("candidates", ())}
    return {UUID(one) for one in named | set(why.get("chosen", ())) | set(why.get("kept_for", ()))}


def tell(at: datetime, why: Mapping[str, Any], names: Mapping[UUID, str]) -> WhyView:
    """One explanation, ready to be shown."""
    turn = why.get("turn") or {}
    words = against()
    strategy = str(why.get("strategy", ""))
    return WhyView(
        at=at,
        chosen=[_name(one, names) for one in why.get("chosen", ())],
        state=states().get(str(why["state"]), str(why["state"])) if why.get("state") else None,
        strategy=strategy_words().get(strategy, strategy),
        ring=int(why.get("step", 0)) + 1,
        requirement=str(why.get("requirement") or "").replace(">=", "≥").replace("<=", "≤") or None,
        turn=turns().get(str(turn.get("tier")), str(turn.get("tier", ""))),
        waited_seconds=float(turn.get("waited", 0.0)),
        score=float(turn.get("score", 0.0)),
        position=why.get("position"),
        passed_over=int(why.get("passed_over", 0)),
        kept_for=[_name(one, names) for one in why.get("kept_for", ())],
        candidates=sorted((_candidate(one, names, words) for one in why.get("candidates", ())), key=_nearest),
        more={words.get(code, code): count for code, count in (why.get("more") or {}).items()},
    )


def _candidate(one: Mapping[str, Any], names: Mapping[UUID, str], words: Mapping[str, str]) -> CandidateView:
    code = one.get("against")
    merit = one.get("merit")
    return CandidateView(
        agent=_name(one["agent"], names),
        order=one.get("order"),
        against=words.get(str(code), str(code)) if code else None,
        code=code,
        merit=float(merit) if isinstance(merit, int | float) else None,
    )


def _nearest(one: CandidateView) -> tuple[int, int]:
    if one.code is None:
        return -1, one.order or 0
    return _NEARNESS.index(one.code) if one.code in _NEARNESS else len(_NEARNESS), one.order or 0


def _name(agent_id: object, names: Mapping[UUID, str]) -> str:
    return names.get(UUID(str(agent_id))) or _("an agent")
