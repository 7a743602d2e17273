"""Programs that talk with callers: where they are, and what they may ask for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from careline.kernel.errors import Conflict, InvalidInput, NotSignedIn

#: Why a conversation did not come about, or broke off.
Why = Literal["no-agreement", "switched-off", "host-not-allowed", "unreachable", "broke-off"]
#: What an agent may ask for: go on in the flow, a person, the end of the call.
EXITS: Final = ("next", "person", "hangup")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
#: Values an agent gives back, and the length of each.
_MOST_VALUES, _LONGEST_VALUE = 20, 200


class InvalidVoiceAgent(InvalidInput):
    """This voice agent's address is not valid."""

    id = "invalid-voice-agent"


class VoiceAgentExists(Conflict):
    """A voice agent of this name exists already."""

    id = "voice-agent-exists"


class NoSuchConversation(NotSignedIn):
    """This token does not belong to a conversation in progress."""

    id = "no-such-conversation"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAgent:
    """A program that talks with callers."""

    id: UUID
    name: str
    url: str
    has_secret: bool
    #: Without a signed business associate agreement it is never connected.
    baa_signed: bool
    #: Switched off, it is kept and not connected.
    enabled: bool = True
    #: Sound may go to its host.
    host_allowed: bool = True

    @property
    def problem(self) -> Why | None:
        """Why no caller is connected with it; None: callers are."""
        if not self.baa_signed:
            return "no-agreement"
        if not self.enabled:
            return "switched-off"
        return None if self.host_allowed else "host-not-allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A conversation, or a test, that came to nothing."""

    at: datetime
    why: str
    #: None: a test from the page.
    call_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent asked for. Values may be about a patient: they are taken once and deleted."""

    exit: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


def check_agent(name: str, url: str) -> None:
    """Raises `InvalidVoiceAgent` naming the field. Sound leaves this machine only encrypted."""
    if not _NAME.fullmatch(name):
        raise InvalidVoiceAgent("A name has small letters, digits and hyphens.", field="name")
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme not in ("ws", "wss") or not parts.hostname or not url.isprintable() or " " in url:
        raise InvalidVoiceAgent("The address begins with wss://.", field="url")
    if parts.scheme == "ws" and not local:
        raise InvalidVoiceAgent("Only wss:// keeps what callers say to ourselves on the way.", field="url")


def host_of(url: str) -> str:
    """The host of an address, in small letters."""
    return (urlsplit(url).hostname or "").lower()


def check_host(host: str) -> str:
    """A host as it is kept. Raises `InvalidVoiceAgent`: not a name or address, or more than that."""
    plain = host.strip().lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?|::1", plain) or "//" in plain:
        raise InvalidVoiceAgent("Write the host alone, such as agents.example.org.", field="host")
    return plain


def check_decision(exit: str, values: Mapping[str, Any]) -> Decision:
    """What an agent asked for, if it may. Raises `InvalidInput`."""
    if exit not in EXITS:
        raise InvalidInput("An agent asks for `next`, `person` or `hangup`.", field="exit")
    if len(values) > _MOST_VALUES:
        raise InvalidInput("Too many values.", field="values")
    for value in values.values():
        if not isinstance(value, str | int | float | bool) or len(str(value)) > _LONGEST_VALUE:
            raise InvalidInput("Values are short texts, numbers, or true and false.", field="values")
    return Decision(exit=exit, values=dict(values))
