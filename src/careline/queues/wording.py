"""Words for what agents are doing and for the languages of callers, in the reader's language."""

from __future__ import annotations

from careline.platform.i18n import gettext as _


def statuses() -> dict[str, str]:
    """An agent's state, in words."""
    return {
        "offline": _("Offline"),
        "available": _("Available"),
        "away": _("Away"),
        "offered": _("Ringing"),
        "talking": _("On a call"),
        "wrap_up": _("Wrapping up"),
        "not_responding": _("Not responding"),
    }


def strategy_words() -> dict[str, str]:
    """What each of our strategies does, in words; a strategy from elsewhere has its name only."""
    return {
        "longest-idle": _("Longest idle: who has waited longest for work"),
        "longest-idle-while-ready": _("Longest idle while ready: longest in the status available"),
        "least-recent": _("Least recent: whose last call ended longest ago"),
        "last-inbound": _("Last inbound: whose last incoming call ended longest ago"),
        "fewest-calls": _("Fewest calls today"),
        "least-talk": _("Least talk time today"),
        "level": _("Seniority: the highest level first"),
        "ring-all": _("Ring all: every free telephone at once, the first to answer"),
        "progressive": _("Progressive: one telephone, then one more every few seconds"),
        "next-agent": _("Next agent: longest idle, disregarding skills and language"),
        "linear": _("Linear: always from the top of the list"),
        "sequential": _("Sequential: from the top, going on after a refusal"),
        "ranked": _("Ranked: the first team before the second"),
        "round-robin": _("Round robin: after the one who got the last call"),
        "round-robin-ordered": _("Round robin in the order of the list"),
        "random": _("Random"),
        "weighted-random": _("Random by weight"),
        "best-skills": _("Best skills: the highest proficiency in what the call needs"),
        "preferred": _("Preferred: by the scores a flow gave"),
    }


def languages() -> dict[str, str]:
    """Names of the languages callers speak, by code."""
    return {"en": _("English"), "es": _("Spanish")}


def channels() -> dict[str, str]:
    """Kinds of work, in words."""
    return {"voice": _("Telephone calls"), "chat": _("Text chats"), "message": _("Messages")}


def profile_settings() -> dict[str, str]:
    """What can be set for an agent, by the name it has in the history."""
    return {
        "skills": _("Skills"),
        "languages": _("Speaks"),
        "queues": _("Serves"),
        "level": _("Seniority"),
        "wrap_up_seconds": _("Own wrap-up time"),
        "capacity": _("At once"),
        "interrupts": _("Comes in beside"),
    }
