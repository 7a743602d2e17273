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


def languages() -> dict[str, str]:
    """Names of the languages callers speak, by code."""
    return {"en": _("English"), "es": _("Spanish")}
