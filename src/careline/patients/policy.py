"""The verification policy, as data: what a caller must state for each level, and which level each action needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from careline.kernel.errors import InvalidInput

Authority = Literal["own", "grant", "treatment", "none"]


class InvalidPolicy(InvalidInput):
    """This verification policy is not valid."""

    id = "invalid-verification-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule:
    """What must agree to reach a level: all of some identifiers, and so many out of each group."""

    all: frozenset[str]
    groups: tuple[tuple[int, frozenset[str]], ...]

    def met(self, agreed: Set[str]) -> bool:
        """Whether the identifiers that agreed reach this level."""
        return self.all <= agreed and all(len(of & agreed) >= count for count, of in self.groups)

    def missing(self, agreed: Set[str]) -> tuple[str, ...]:
        """What to ask next to reach this level: identifiers that help and have not agreed yet."""
        wanted = [x for x in sorted(self.all) if x not in agreed]
        for count, of in self.groups:
            if len(of & agreed) < count:
                wanted += [x for x in sorted(of) if x not in agreed and x not in wanted]
        return tuple(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One version of the policy, with the source it rests on."""

    name: str
    valid_from: datetime
    citation: str
    levels: Mapping[int, LevelRule]
    actions: Mapping[str, int]
    roles: Mapping[str, Authority]
    #: Highest level and scope by kind of authority.
    authorities: Mapping[str, tuple[int, frozenset[str]]]
    minor_age: int
    minor_level: int
    minor_scope: frozenset[str]
    most_failures: int
    failure_window: timedelta
    #: What must agree of what a caller typed on the keypad, where no name can be stated, and the level that gives;
    #: None: keys verify nobody.
    keypad: LevelRule | None
    keypad_level: int
    #: A number that belongs to so many patients says nothing about who is calling.
    shared_number_from: int

    def reached(self, agreed: Set[str]) -> int:
        """The highest level that the agreed identifiers reach. A level is only reached through those below it."""
        level = 0
        while level + 1 in self.levels and self.levels[level + 1].met(agreed):
            level += 1
        return level

    def needed(self, action: str) -> int:
        """The level an action needs; an action nobody listed needs the highest."""
        return self.actions.get(action, 3)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Policy:
        """Read a policy. Raises `InvalidPolicy`."""
        try:
            policy = cls(
                name=str(body["name"]),
                valid_from=datetime.fromisoformat(body["valid_from"]),
                citation=str(body["citation"]),
                levels={int(level): _rule(rule) for level, rule in body["levels"].items()},
                actions={str(k): int(v) for k, v in body["actions"].items()},
                roles={str(k): v["authority"] for k, v in body["roles"].items()},
                authorities={
                    str(k): (int(v["most_level"]), frozenset(v["scope"])) for k, v in body["authorities"].items()
                },
                minor_age=int(body["minor"]["age"]),
                minor_level=int(body["minor"]["most_level"]),
                minor_scope=frozenset(body["minor"]["scope"]),
                most_failures=int(body["failures"]["most"]),
                failure_window=timedelta(hours=float(body["failures"]["hours"])),
                keypad=_rule(body["keypad"]) if body.get("keypad") else None,
                keypad_level=int((body.get("keypad") or {}).get("level", 0)),
                shared_number_from=int(body["shared_number_from"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidPolicy("The verification policy cannot be read.") from error
        if len(json.dumps(body)) > 20_000 or "\\u0000" in json.dumps(body):
            raise InvalidPolicy("The verification policy is too long, or holds the character NUL.")
        if policy.valid_from.tzinfo is None:
            raise InvalidPolicy("The policy's date needs its zone.")
        if policy.most_failures < 1 or policy.failure_window <= timedelta(0):
            raise InvalidPolicy("The lock needs at least one failure and a window.")
        if not set(policy.roles.values()) <= set(policy.authorities) or "own" not in policy.authorities:
            raise InvalidPolicy("Every caller role needs a kind of authority that is described, and one is `own`.")
        if policy.keypad and (policy.keypad_level > 1 or len(policy.keypad.all) + len(policy.keypad.groups) < 2):
            raise InvalidPolicy("Keys need at least two identifiers, and give level 1 at most.")
        if not policy.citation:
            raise InvalidPolicy("A verification policy must say what it rests on.")
        if any(policy.actions.get(action, 0) for action in ("emergency", "take-message")):
            raise InvalidPolicy("No policy may stand before an emergency or a message.")
        return policy


def _rule(body: Mapping[str, Any]) -> LevelRule:
    groups = tuple((int(g["count"]), frozenset(g["of"])) for g in body["groups"])
    return LevelRule(all=frozenset(body["all"]), groups=groups)


def shipped_body() -> dict[str, Any]:
    """The shipped policy as data: what a tenant's own policy begins from."""
    text = files("careline.patients").joinpath("data/verification_policy.json").read_text("utf-8")
    return dict(json.loads(text))


@cache
def shipped() -> Policy:
    """The policy that holds where a tenant has not set its own."""
    return Policy.from_body(shipped_body())
