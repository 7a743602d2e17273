"""What states, urgencies, reasons, outcomes and steps of messages are called on pages."""

from __future__ import annotations

from careline.platform.i18n import gettext as _


def states() -> dict[str, str]:
    """By state."""
    return {"new": _("New"), "read": _("Read"), "acknowledged": _("Taken on"), "done": _("Done")}


def urgencies() -> dict[str, str]:
    """By urgency."""
    return {"routine": _("Routine"), "urgent": _("Urgent"), "critical": _("Critical")}


def reasons() -> dict[str, str]:
    """By reason."""
    return {
        "appointment": _("Appointment"),
        "refill": _("Refill"),
        "results": _("Results"),
        "referral": _("Referral"),
        "billing": _("Billing"),
        "records": _("Records"),
        "clinical": _("Clinical question"),
        "voicemail": _("Voicemail"),
        "callback": _("Callback not reached"),
        "other": _("Other"),
    }


def outcomes() -> dict[str, str]:
    """By outcome."""
    return {
        "resolved": _("Resolved"),
        "called-back": _("Called back"),
        "not-reached": _("Not reached"),
        "entered-in-ehr": _("Entered in the EHR"),
        "duplicate": _("Duplicate"),
        "cancelled-by-caller": _("Cancelled by the caller"),
    }


def steps() -> dict[str, str]:
    """By kind of step."""
    return {
        "taken": _("Taken"),
        "read": _("Opened"),
        "acknowledged": _("Taken on"),
        "forwarded": _("Forwarded"),
        "replied": _("Note"),
        "done": _("Done"),
        "reopened": _("Reopened"),
        "overdue": _("Nobody acted in time: reminded"),
        "red-flag": _("Marked: this may be about an emergency"),
    }


def roles() -> dict[str, str]:
    """By role of a caller."""
    return {
        "self": _("the patient"),
        "parent": _("a parent"),
        "guardian": _("a guardian"),
        "health-care-agent": _("a health care agent"),
        "personal-rep": _("a personal representative"),
        "caregiver-with-authorization": _("an authorized caregiver"),
        "spouse/family": _("spouse or family"),
        "facility-nurse": _("a nurse of a facility"),
        "pharmacy": _("a pharmacy"),
        "lab": _("a laboratory"),
        "payer": _("an insurer"),
        "other-provider": _("another provider"),
        "EMS": _("emergency services"),
        "law-enforcement": _("law enforcement"),
        "school": _("a school"),
        "interpreter": _("an interpreter"),
        "relay-operator": _("a relay operator"),
        "unknown": _("unknown"),
    }


def transcripts() -> dict[str, str]:
    """Why a voicemail has no transcript (yet)."""
    return {
        "waiting": _("The transcript is being written."),
        "no-speech-extra": _("No transcript: the speech extra is not installed."),
        "no-speech": _("No transcript: no speech was heard."),
        "failed": _("No transcript: writing it failed."),
    }


def words() -> dict[str, dict[str, str]]:
    """All of them, for a template."""
    return {
        "states": states(),
        "urgencies": urgencies(),
        "reasons": reasons(),
        "outcomes": outcomes(),
        "steps": steps(),
        "roles": roles(),
        "transcripts": transcripts(),
    }
