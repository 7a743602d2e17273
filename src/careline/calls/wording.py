"""Plain sentences for what happens on a call, in the reader's language. No patient data ever enters one."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from careline.calls import callback_wording
from careline.calls.timeline import Step
from careline.kernel.phone import pretty
from careline.platform.i18n import gettext as _
from careline.queues.wording import languages

#: Events that only move the machinery; the record leaves them to the event log.
SILENT = frozenset({"flow_moved", "recording_started", "noted", "spoke", "fell_silent"})


def outcomes() -> dict[str, str]:
    """How a call can end, in words."""
    return {
        "handled": _("Handled"),
        "abandoned": _("Caller gave up waiting"),
        "voicemail": _("Voicemail left"),
        "closed": _("Closed at that hour"),
        "left-menu": _("Caller left in the menu"),
        "refused": _("Refused"),
        "failed": _("Failed"),
        "transferred": _("Transferred outside"),
        "overflow": _("Turned away: too many callers"),
        "callback-failed": _("Not reached by callback"),
        "callback-cancelled": _("Callback called off"),
        "merged": _("Went on in a later call"),
    }


def offer_ends() -> dict[str, str]:
    """Why an offer did not become a conversation. Missed, rejected, failed and error are told apart."""
    return {
        "no-answer": _("Missed: did not answer in time"),
        "declined": _("Rejected by the agent"),
        "failed": _("Error: the telephone could not be rung"),
        "unreachable": _("Failed: the telephone is not reachable"),
        "caller-left": _("The caller hung up while it rang"),
        "withdrawn": _("Withdrawn: the call went elsewhere"),
        "answered-elsewhere": _("Somebody else was faster"),
    }


def diversions() -> dict[str, str]:
    """Why a call did not stay in its queue."""
    return {
        "overflow-waiting": _("Too many were waiting"),
        "overflow-estimate": _("The expected wait was too long"),
        "overflow-wait": _("It had waited long enough"),
        "overflow-ratio": _("Too many were waiting for the agents there"),
        "overflow-staffing": _("Too few agents were signed on"),
        "overflow-closed": _("The line was closed"),
        "join-empty": _("Nobody served the queue"),
        "leave-empty": _("Nobody served the queue any more"),
        "maximum-wait": _("The longest wait of the line was over"),
        "queue-closed": _("The queue was taken out of service"),
    }


def destinations() -> dict[str, str]:
    """Where such a call goes."""
    return {
        "queue": _("to another queue"),
        "site": _("to another site"),
        "outside": _("to an outside number"),
        "voicemail": _("to a voicemail"),
        "callback": _("a callback was offered"),
        "end": _("told goodbye"),
        "message-offer": _("offered to leave a message"),
    }


def stretches() -> dict[str, str]:
    """The kinds of stretches in a call, in words."""
    return {
        "flow": _("Menu"),
        "waiting": _("Waiting"),
        "ringing": _("Ringing"),
        "talk": _("Talking"),
        "hold": _("On hold"),
        "outside": _("Outside number"),
        "voicemail": _("Voicemail"),
        "wrap_up": _("Wrap-up"),
        "callback": _("To be called back"),
    }


def transcript_states() -> dict[str, str]:
    """Why a voicemail has no transcript (yet)."""
    return {
        "waiting": _("The transcript is being written."),
        "no-speech-extra": _("No transcript: the speech extra is not installed."),
        "no-speech": _("No transcript: no speech was heard."),
        "failed": _("No transcript: writing it failed."),
    }


def parties() -> dict[str, str]:
    """Who ended a call."""
    return {"caller": _("the caller"), "agent": _("the agent"), "system": _("Careline")}


def sentence(step: Step, names: Mapping[UUID, str]) -> str | None:
    """The step as a sentence; None when it is not worth telling."""
    if step.kind in SILENT or (step.kind in callback_wording.SILENT and callback_wording.sentence(step) is None):
        return None
    return told(step, names) or step.kind.replace("_", " ").capitalize()


def told(step: Step, names: Mapping[UUID, str]) -> str | None:
    """What there are words for; None for a kind of event that nobody has given any."""
    who = names.get(step.id("agent_id") or UUID(int=0)) or _("an agent")
    queue = names.get(step.id("queue_id") or UUID(int=0)) or _("a queue")
    text = _of_caller(step, queue) or _of_agent(step, who) or _of_transfer(step, names)
    return text or callback_wording.sentence(step)


def _of_caller(step: Step, queue: str) -> str | None:
    body = step.body
    match step.kind:
        case "arrived":
            return _("The call arrived")
        case "refused":
            return _("The call was refused")
        case "answered":
            return _("Careline answered")
        case "played":
            prompts = body.get("prompts")
            return _("Played: %(what)s") % {"what": ", ".join(prompts)} if prompts else _("An announcement was played")
        case "key_pressed":
            # Which key is kept only where it is a choice: elsewhere it may be part of a number.
            return _("The caller pressed a key")
        case "language_chosen":
            code = str(body.get("language", ""))
            return _("The caller chose %(language)s") % {"language": languages().get(code, code)}
        case "menu_chosen":
            return _("The caller chose: %(reason)s") % {"reason": body.get("reason") or "–"}
        case "queued":
            return _("Waiting in %(queue)s") % {"queue": queue}
        case "announced":
            return _told(body)
        case "requeued" if body.get("reason") == "unheard":
            return _("The agent was gone at once; the search went on where it was")
        case "requeued":
            return _("Back to waiting, place kept")
        case "diverted":
            code, to = str(body.get("reason")), str(body.get("to"))
            return f"{diversions().get(code, code)}: {destinations().get(to, to)}"
        case "priority_changed":
            return _("Priority changed to %(priority)s") % {"priority": body.get("priority")}
        case "recognised":
            return _("The caller has talked with us before")
        case "voicemail_started" if body.get("asked"):
            return _("The caller, who refused recording, was asked about a spoken message")
        case "voicemail_started":
            return _("Voicemail began")
        case "voicemail_ended":
            return _("Voicemail ended")
        case "ending":
            return _("Goodbye was said")
        case "asked" | "ask_ended":
            return _of_ask(step)
        case "consented":
            return _("The caller agreed to be recorded") if body.get("record") else _("The caller refused recording")
        case "flow_failed":
            return _("The call flow could not go on; a person takes over")
        case "heard":
            return _of_words(body)
        case "recovered":
            return _("Call control was restarted and took the call over")
        case "ended":
            by = parties().get(str(body.get("by")), _("Careline"))
            outcome = outcomes().get(str(body.get("outcome")), "")
            said = _("Ended by %(who)s") % {"who": by}
            return f"{said}: {outcome}" if outcome else said
    return None


def _of_words(body: Mapping[str, object]) -> str:
    """What was understood of the caller's words, as far as it is a choice; nothing else is kept."""
    told = {
        "red-flag": _("Words that may mean an emergency were heard"),
        "phrase": _("A choice of the menu was heard in the caller's words"),
        "asked": _("The caller was asked whether it was understood rightly"),
        "confirmed": _("The caller said yes"),
        "denied": _("The caller said no, and the menu begins again"),
    }
    return told.get(str(body.get("what")), _("The caller's words were heard"))


def _of_ask(step: Step) -> str:
    if step.kind == "asked":
        asked = {
            "lookup": _("Another system was asked"),
            "verify": _("What the caller typed is compared"),
            "agent": _("A voice agent talks with the caller"),
        }
        return asked.get(str(step.body.get("what")), _("Another system was asked"))
    exits = {
        "verified": _("The caller is verified by keys"),
        "timeout": _("No answer came in time"),
        "failed": _("It failed"),
        "not_found": _("Nothing was found"),
    }
    return exits.get(str(step.body.get("exit")), _("The answer came"))


def _of_agent(step: Step, who: str) -> str | None:
    body = step.body
    match step.kind:
        case "offered" if body.get("by") == "supervisor":
            return _("Rang %(agent)s, as a supervisor said") % {"agent": who}
        case "offered":
            return _("Rang %(agent)s") % {"agent": who}
        case "notes_asked":
            return _("%(agent)s asked for time for notes") % {"agent": _("The agent")}
        case "offer_ended":
            reason = offer_ends().get(str(body.get("reason")), str(body.get("reason", "")))
            return f"{who} – {reason}"
        case "connected":
            return _("Connected with %(agent)s") % {"agent": who}
        case "held":
            return _("On hold")
        case "resumed":
            return _("Off hold")
        case "muted":
            return _("The agent muted")
        case "unmuted":
            return _("The agent unmuted")
        case "digits_sent":
            return _("Keypad tones were sent")
        case "phone_lost":
            return _("The agent's telephone was lost; the caller hears music")
        case "phone_ringing_back":
            return _("Ringing the agent's telephone again")
        case "phone_back":
            return _("The agent's telephone is back")
        case "agent_left":
            return _("%(agent)s left the call") % {"agent": who}
        case "emergency_raised":
            by_caller = {
                "key": _("EMERGENCY: the caller pressed the emergency key"),
                "words": _("EMERGENCY: the caller said words that may mean one"),
            }
            return by_caller.get(str(body.get("how"))) or _("EMERGENCY raised")
        case "help_awaited" if body.get("why") == "again":
            return _("The numbers outside are tried once more in a moment")
        case "help_awaited" if body.get("why") in ("nobody-signed-on", "in-line", None):
            return _("If nobody here takes the call in time, the emergency numbers of the line are rung, if it has any")
        case "help_awaited":
            return _("That number could not help; the next one is rung")
        case "help_called":
            return _("Nobody here took the emergency; ringing outside, attempt %(n)s") % {"n": body.get("tried")}
        case "help_asked":
            return _("Somebody picked up outside and is asked to press 1")
        case "help_ended" if body.get("outcome") == "nobody-reached":
            return _("Nobody outside could be reached; the caller was told again to dial 911")
        case "help_ended":
            return _("Nobody took the emergency in time, and the line has no numbers to ring")
        case "wrapped_up":
            return _("Wrapped up: %(code)s") % {"code": body.get("code") or _("no code")}
        case "coded":
            return _("%(agent)s gave the code later: %(code)s") % {"agent": who, "code": body.get("code")}
    return None


def _told(body: Mapping[str, object]) -> str:
    """What a waiting caller heard of place and wait; a wait that grew says so."""
    place, minutes = body.get("place"), body.get("minutes")
    facts = {"place": place, "minutes": minutes}
    if minutes is None and place is None:
        return _("Told: please keep holding")
    if minutes is None:
        return _("Told: number %(place)s in line") % facts
    if place is None:
        told = _("Told: about %(minutes)s min") % facts
    elif body.get("more"):
        told = _("Told: number %(place)s in line, more than %(minutes)s min") % facts
    else:
        told = _("Told: number %(place)s in line, about %(minutes)s min") % facts
    grown = _("(longer than before, with an apology: more calls go first, or fewer agents are here)")
    return f"{told} {grown}" if body.get("longer") else told


def _of_transfer(step: Step, names: Mapping[UUID, str]) -> str | None:
    body = step.body
    to = names.get(step.id("target") or UUID(int=0)) or str(body.get("label") or "")
    if not to and body.get("target"):
        to = pretty(str(body["target"]))
    to = to or _("someone else")
    match step.kind:
        case "transfer_started" if body.get("mode") == "consult":
            return _("Consulting %(target)s, the caller is on hold") % {"target": to}
        case "transfer_started":
            return _("Transferring to %(target)s") % {"target": to}
        case "transfer_answered":
            return _("The other side answered")
        case "transfer_failed":
            return _("The transfer failed; the caller is back with the agent")
        case "transfer_cancelled":
            return _("The transfer was cancelled")
        case "transferred":
            return _("Transferred to %(target)s") % {"target": to}
    return None
