"""Judging what is known of a caller: candidates in order, one attempt to verify, where verification stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.patients.model import Candidate, Candidates, Outcome, Record, Stated, Verification, VerificationNeeded
from careline.patients.policy import Policy
from careline.patients.verification import Authority, compare, similar, with_earlier

#: More candidates than this help nobody on a call.
SHOWN = 8

#: An attempt as it is stored.
Attempt = Mapping[str, Any]


def initials(*names: str) -> str:
    """Of a patient's names, what may be shown before verification."""
    return " ".join(f"{name[0].upper()}." for name in names if name)


def ranked(
    scored: list[tuple[int, tuple[str, ...], Record]], levels: dict[UUID, int], now: datetime, policy: Policy
) -> Candidates:
    """Scored records, best first, as they may be shown."""
    found = tuple(
        Candidate(
            patient_id=record.id,
            label=f"Candidate {chr(ord('A') + place)}",
            initials=initials(record.given, record.family),
            age_group="minor" if record.age(now.date()) < policy.minor_age else "adult",
            matched=reasons,
            score=score,
            level=levels.get(record.id, 0),
        )
        for place, (score, reasons, record) in enumerate(scored[:SHOWN])
    )
    return Candidates(found=found, more=len(scored) - len(found))


def assess(
    policy: Policy,
    stated: Stated,
    record: Record,
    others: Iterable[Record],
    right: Authority,
    caller_role: str,
    attempts: Sequence[Attempt],
    failures: int,
) -> Verification:
    """One attempt, judged."""
    agreed, disagreed = compare(stated, record, [o for o in others if similar(record, o)])
    counted = [a for a in attempts if a["caller_role"] == caller_role and a["outcome"] in ("verified", "incomplete")]
    agreed = with_earlier(agreed, disagreed, (name for a in counted for name in a["agreed"]))
    reached = policy.reached(agreed)
    level = min(reached, right.most_level)
    if level:
        outcome = Outcome.VERIFIED
    elif disagreed:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.INCOMPLETE
    further = policy.levels.get(level + 1) if level < right.most_level else None
    return Verification(
        patient_id=record.id,
        outcome=outcome,
        level=level,
        caller_role=caller_role,
        agreed=tuple(sorted(agreed)),
        disagreed=tuple(sorted(disagreed)),
        scope=tuple(sorted(right.scope)) if level else (),
        ask_next=further.missing(agreed) if further else (),
        attempts_left=policy.most_failures - failures - (outcome is Outcome.FAILED),
        limited_by=right.limited_by if reached > level or right.most_level == 0 else None,
        allowed=allowed(policy, level),
    )


def standing(policy: Policy, patient_id: UUID, attempts: Sequence[Attempt], left: int) -> Verification:
    """The best that was reached on a contact; once opened in an emergency, a patient stays open for this contact."""
    verified = [a for a in attempts if a["outcome"] == "verified"]
    best = max(verified, key=lambda a: a["level"]) if verified else None
    last = best or (attempts[-1] if attempts else None)
    emergency = any(a["outcome"] == "emergency" for a in attempts)
    agreed = frozenset(last["agreed"]) if last else frozenset()
    level = best["level"] if best else 0
    rule = policy.levels.get(level + 1)
    own = tuple(sorted(policy.authorities["own"][1]))
    return Verification(
        patient_id=patient_id,
        outcome=Outcome.EMERGENCY if emergency else Outcome(last["outcome"]) if last else Outcome.INCOMPLETE,
        level=level,
        caller_role=last["caller_role"] if last else "self",
        agreed=tuple(sorted(agreed)),
        disagreed=tuple(last["disagreed"]) if last else (),
        scope=own if emergency else tuple(best["scope"]) if best else (),
        ask_next=rule.missing(agreed) if rule else (),
        attempts_left=left,
        allowed=allowed(policy, level),
    )


def locked(patient_id: UUID, caller_role: str) -> Verification:
    """Not even tried."""
    return Verification(
        patient_id=patient_id,
        outcome=Outcome.LOCKED,
        level=0,
        caller_role=caller_role,
        agreed=(),
        disagreed=(),
        scope=(),
        ask_next=(),
        attempts_left=0,
    )


def allowed(policy: Policy, level: int) -> tuple[str, ...]:
    """What may be done at a level."""
    return tuple(sorted(action for action, needed in policy.actions.items() if needed <= level))


def needed(policy: Policy, action: str, standing: Verification) -> VerificationNeeded:
    """The refusal of an action, saying what is missing."""
    return VerificationNeeded(
        action=action,
        needed=policy.needed(action),
        level=standing.level,
        ask_next=list(standing.ask_next),
    )
