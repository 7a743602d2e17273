"""The way around: each entry is shown to those who may use it, and only when its page exists."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.permissions import Permission as P


def N_(message: str) -> str:
    """Mark a message for translation; it is translated when it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Entry:
    """A place to go to."""

    href: str
    label: str
    anyof: tuple[P, ...]
    #: One sentence for the overview page and the command palette.
    about: str = ""


MAIN = (
    Entry("/desk", N_("Desk"), (P.CALL_HANDLE,), N_("Take calls.")),
    Entry("/board", N_("Board"), (P.BOARD_READ,), N_("Queues, waiting calls and agents, live.")),
    Entry("/callbacks", N_("Callbacks"), (P.BOARD_READ, P.CALL_HANDLE), N_("Who waits to be called back.")),
    Entry("/calls", N_("Calls"), (P.CALL_READ, P.CALL_READ_OWN), N_("Records of calls: timeline, notes, recording.")),
    Entry("/inbox", N_("Inbox"), (P.MESSAGE_READ, P.MESSAGE_READ_ALL), N_("Messages for providers and departments.")),
)
MANAGEMENT = (
    Entry("/organization", N_("Organization"), (P.ORGANIZATION_MANAGE,), N_("Practices, locations, providers.")),
    Entry("/lines", N_("Lines and numbers"), (P.ORGANIZATION_MANAGE,), N_("Which number belongs to which practice.")),
    Entry("/hours", N_("Hours and holidays"), (P.ORGANIZATION_MANAGE, P.CLOSURE_SWITCH), N_("When lines are open.")),
    Entry("/queues", N_("Queues and skills"), (P.QUEUE_MANAGE,), N_("Who serves which calls.")),
    Entry("/flows", N_("Call flows"), (P.FLOW_EDIT, P.FLOW_PUBLISH), N_("What a caller hears and can choose.")),
    Entry("/tables", N_("Tables"), (P.TABLE_EDIT,), N_("Lists that flows look into while a call runs.")),
    Entry("/lookups", N_("Other systems"), (P.ORGANIZATION_MANAGE,), N_("Which systems call flows may ask.")),
    Entry(
        "/voice-agents",
        N_("Voice agents"),
        (P.ORGANIZATION_MANAGE,),
        N_("Which programs may talk with callers, and where sound may go."),
    ),
    Entry("/prompts", N_("Prompts"), (P.ORGANIZATION_MANAGE,), N_("What callers hear; your own recordings.")),
    Entry(
        "/verification-locks",
        N_("Locked verifications"),
        (P.AGENT_MANAGE,),
        N_("Patients nobody can be verified for after failures."),
    ),
    Entry("/people", N_("People and roles"), (P.PEOPLE_MANAGE,), N_("Accounts, roles, sessions.")),
    Entry("/tokens", N_("API tokens"), (P.TOKEN_MANAGE,), N_("Access for programs.")),
    Entry("/audit", N_("Audit log"), (P.AUDIT_READ,), N_("Who saw and changed what.")),
    Entry("/demo", N_("Synthetic callers"), (P.DEMO_DRIVE,), N_("Callers that really call, at a rate you set.")),
)


class Navigation:
    """Entries that exist in this application, by what an actor may do."""

    def __init__(self) -> None:
        self._paths: Collection[str] = ()

    def know(self, paths: Collection[str]) -> None:
        """Tell which addresses the application answers."""
        self._paths = frozenset(paths)

    def entries(self, actor: Actor | None) -> list[dict[str, str]]:
        """The top row for this actor."""
        shown = self._allowed(MAIN, actor)
        if self.management(actor):
            shown.append({"href": "/manage", "label": _("Manage"), "about": _("Lines, queues, people and settings.")})
        return shown

    def management(self, actor: Actor | None) -> list[dict[str, str]]:
        """What the Manage page lists for this actor."""
        return self._allowed(MANAGEMENT, actor)

    def home(self, actor: Actor) -> str:
        """Where this actor's work is."""
        first = self._allowed(MAIN, actor) or self.management(actor)
        if not actor.may(P.CALL_HANDLE) or actor.may(P.BOARD_READ):
            board = [e for e in first if e["href"] == "/board"]
            first = board or first
        return first[0]["href"] if first else "/account"

    def _allowed(self, entries: tuple[Entry, ...], actor: Actor | None) -> list[dict[str, str]]:
        if actor is None:
            return []
        return [
            {"href": e.href, "label": _(e.label), "about": _(e.about)}
            for e in entries
            if e.href in self._paths and any(actor.may(p) for p in e.anyof)
        ]
