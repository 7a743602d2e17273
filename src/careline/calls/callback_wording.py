"""What stages, modes and confirmations of callbacks are called on pages, and their steps in a call's story."""

from __future__ import annotations

from careline.calls.timeline import Step
from careline.platform.i18n import gettext as _


def stages() -> dict[str, str]:
    """By stage."""
    return {
        "goodbye": _("Being arranged"),
        "waiting": _("Waiting"),
        "ringing-agent": _("Ringing an agent"),
        "dialling": _("Calling the person"),
        "listening": _("Picked up, greeting heard out"),
        "asking": _("Picked up, asked for a key"),
        "beep": _("Waiting for the beep"),
        "message": _("Leaving a message"),
    }


def modes() -> dict[str, str]:
    """By mode."""
    return {"agent-first": _("Agent first"), "caller-first": _("Caller first")}


def confirmations() -> dict[str, str]:
    """How the number is known to be right."""
    return {
        "calling-number": _("The calling number, confirmed by key"),
        "keys": _("Keyed in and confirmed twice"),
        "staff": _("Entered by staff"),
    }


def misses() -> dict[str, str]:
    """Why the caller was not reached."""
    return {
        "no-answer": _("no answer"),
        "busy": _("busy"),
        "rejected": _("rejected"),
        "unreachable": _("not reachable"),
        "failed": _("the call failed"),
        "not-taken": _("picked up, but not taken"),
        "machine": _("an answering machine, which got a message"),
        "expired": _("the time was over"),
    }


def sentence(step: Step) -> str | None:
    """The step as a sentence; None when it is none of ours or not worth telling."""
    body = step.body
    match step.kind:
        case "callback_arranged":
            how = confirmations().get(str(body.get("verified")), "")
            said = _("The caller asked to be called back and keeps the place")
            return f"{said} ({how})" if how else said
        case "callback_dialled":
            return _("Called the person, attempt %(n)s") % {"n": body.get("attempt", "?")}
        case "callback_answered" if body.get("stage") == "asking":
            return _("Picked up; asked to press a key")
        case "callback_answered" if body.get("stage") == "listening":
            return None
        case "callback_voice" if body.get("machine"):
            return _("It sounds like an answering machine")
        case "callback_message" if not body.get("speaks", True):
            return None
        case "callback_answered":
            return _("The person is back on the line")
        case "callback_message":
            return _("A message was left on an answering machine; it says nothing private")
        case "callback_missed":
            why = misses().get(str(body.get("reason")), str(body.get("reason", "")))
            if body.get("last"):
                return _("Not reached: %(why)s. Given up; the department has a message") % {"why": why}
            return _("Not reached: %(why)s. It will be tried again") % {"why": why}
        case "callback_changed":
            return _("The callback was changed by staff")
        case "callback_cancelled":
            return _("The callback was called off")
        case "callback_merged" if body.get("old"):
            return _("The caller had a callback waiting and took its place over")
        case "callback_merged":
            return _("The caller called again: the later call has the place")
        case "callback_waiting" if body.get("reason") == "due":
            return _("The moment of the callback has come")
        case "callback_waiting" if body.get("reason") == "quiet-hours":
            return _("Put off: too late to call")
        case "callback_waiting" if body.get("reason") == "agent-left":
            return _("The agent left before the person answered; another is found")
    return None


#: Kinds that the record leaves to the event log.
SILENT = frozenset(
    {
        "callback_asked",
        "callback_waiting",
        "callback_answered",
        "callback_voice",
        "callback_message",
        "callback_goodbye",
    }
)
